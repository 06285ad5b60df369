"""How many threads work: one on the arrays of one operation, several on pieces of the work that need not wait.

The threads of OpenMP (PyTorch) and of BLAS divide a single operation and wait for each other, spinning, at its end. The
operations of a run take from microseconds to a few milliseconds, so a second thread gains some per cent of the time on
an idle machine and costs up to a third more of the processors'; where other processes are busy, the waiting makes a run
several times slower. Pieces of some tenths of a second, each by a thread of its own, gain without such a loss.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

import torch
from threadpoolctl import threadpool_limits

VARIABLE = "OMP_NUM_THREADS"
EXTRA_BYTES = 128 << 20  # that pieces worked on at the same time may take beyond the first

T = TypeVar("T")
R = TypeVar("R")
_allowed: ContextVar[int | None] = ContextVar("allowed", default=None)


def allowed() -> int:
    """The most threads that this process may use: ``OMP_NUM_THREADS``, or what was set of PyTorch, or all cores."""
    return _allowed.get() or torch.get_num_threads()


@contextmanager
def single() -> Iterator[None]:
    """PyTorch and BLAS use one thread each while the block runs, or the function that this decorates."""
    token, before = _allowed.set(allowed()), torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1, user_api="blas"):
            yield
    finally:
        torch.set_num_threads(before)
        _allowed.reset(token)


def workers(pieces: int, piece_bytes: int = 0) -> int:
    """How many pieces of work are done at the same time: as many as there are, as threads allow and as memory does.

    Args:
        pieces: How many there are.
        piece_bytes: Memory that one takes while it is worked on.
    """
    return max(1, min(pieces, allowed(), 1 + EXTRA_BYTES // max(piece_bytes, 1)))


@contextmanager
def in_order(work: Callable[[T], R], pieces: Sequence[T], workers: int) -> Iterator[Iterator[R]]:
    """The results of pieces of work, in the order of the pieces and the same however many workers there are.

    Args:
        work: Of one piece; called in several threads at a time.
        pieces: All of them.
        workers: How many threads.
    """
    with single():
        if workers == 1:
            yield map(work, pieces)
            return
        gradients = torch.is_grad_enabled()  # a new thread starts with them
        with ThreadPoolExecutor(workers, initializer=torch.set_grad_enabled, initargs=(gradients,)) as pool:
            try:
                yield pool.map(work, pieces)
            finally:
                pool.shutdown(cancel_futures=True)  # of those that nobody waits for any more


@contextmanager
def divided(processes: int) -> Iterator[None]:
    """Processes started while the block runs, and this one, share the threads; ``OMP_NUM_THREADS``, if set, is each's.

    Lightning divides the threads of PyTorch among the processes of a fit unless that variable is set.

    Args:
        processes: How many there are, this one included.
    """
    if processes == 1 or VARIABLE in os.environ:
        yield
        return
    os.environ[VARIABLE] = str(max(1, allowed() // processes))
    try:
        yield
    finally:
        del os.environ[VARIABLE]
