"""Several devices of one machine: the processes that work beside this one and never outlive it."""

from __future__ import annotations

import logging
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

import torch
from lightning_fabric.plugins.environments.lightning import LightningEnvironment, find_free_network_port

GRACE = 10.0  # s that this process has to end by itself once another has failed
EXITING = 2.0  # s that a failed process takes to be gone
FOLLOW = (
    "import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer); "
    "from udaln.methods.training.devices import follow; follow()"
)


class OneMachine(LightningEnvironment):
    """The processes of one run: this package starts them itself, whatever scheduler or launcher set the variables.

    Left to itself, Lightning takes a job of Slurm for one process of a run, and requeues it with a checkpoint of its
    own.

    Args:
        rank: Which process this is, from 0.
        port: Where they meet; a free one if not given.
    """

    def __init__(self, rank: int = 0, port: int | None = None) -> None:
        super().__init__()
        self._rank, self._port = rank, port

    @property
    def creates_processes_externally(self) -> bool:
        """Whether Lightning is to start no processes."""
        return True

    @property
    def main_address(self) -> str:
        """Where they meet."""
        return "127.0.0.1"

    @property
    def main_port(self) -> int:
        """Where they meet."""
        if self._port is None:
            self._port = find_free_network_port()
        return self._port

    def local_rank(self) -> int:
        """Which process this is."""
        return self._rank

    def node_rank(self) -> int:
        """There is one machine."""
        return 0


@contextmanager
def followers(number: int, work: Callable[..., None], *given: object) -> Iterator[None]:
    """Processes that work beside this one while the block runs; they end with it, however it ends.

    Each is a new interpreter that gets its work through its standard input. To run the command again, as Lightning
    would, reads the scene and makes the run's folder once more in each, and a job of a sweep has no command of its own;
    ``multiprocessing`` cannot spawn in joblib's workers.

    Args:
        number: How many.
        work: What each does: called with its rank, from 1, and what is given. Pickled, as all of this.
        given: The rest.

    Raises:
        RuntimeError: If one of them failed.
    """
    processes: list[subprocess.Popen[bytes]] = []
    ended = threading.Event()
    try:
        for _ in range(number):  # in a session of its own a Ctrl+C does not reach it
            command = [sys.executable, "-P", "-c", FOLLOW]
            processes.append(subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True))
        threading.Thread(target=_watch, args=(processes, ended), daemon=True).start()
        path, job = pickle.dumps(sys.path), pickle.dumps((work, given))
        for rank, process in enumerate(processes, 1):
            assert process.stdin is not None
            process.stdin.write(path + pickle.dumps(rank) + job)
            process.stdin.flush()  # and stays open: it closes when this process is gone
        yield
        leave_group()
        for process in processes:
            process.wait()
        if failed := _failed(processes):
            raise RuntimeError(failed)
    except (RuntimeError, OSError) as error:
        if failed := _failed(processes, EXITING):  # what is raised here may be what comes of it
            raise RuntimeError(failed) from error
        raise
    finally:
        for process in processes:
            process.kill()
            process.wait()
            assert process.stdin is not None
            with suppress(BrokenPipeError):
                process.stdin.close()
        leave_group()
        ended.set()


def follow() -> None:
    """What runs in each of the other processes."""
    rank, (work, given) = pickle.load(sys.stdin.buffer), pickle.load(sys.stdin.buffer)
    threading.Thread(target=_end_with_the_first, daemon=True).start()
    work(rank, *given)
    leave_group()


def leave_group() -> None:
    """Take leave of the other processes."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def heed_signals(rank: int) -> None:
    """Let the first process end when it is told to, and the others with it alone.

    To be called once a fit runs: Lightning then answers signals by an exchange, which may never end.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    if rank == 0:
        signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    else:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _end_with_the_first() -> None:
    os.read(sys.stdin.fileno(), 1)  # returns when the pipe closes
    os._exit(1)


def _watch(processes: Sequence[subprocess.Popen[bytes]], ended: threading.Event) -> None:
    """End this process where another has failed and left it waiting in an exchange for good."""
    while not ended.wait(0.5):
        if (failed := _failed(processes)) and not ended.wait(GRACE):
            logging.getLogger("udaln").error("stopped: %s", failed)
            os._exit(1)


def _failed(processes: Sequence[subprocess.Popen[bytes]], seconds: float = 0.0) -> str | None:
    """Which process has ended as it should not have, or does within some seconds, in words."""
    until = time.monotonic() + seconds
    while True:
        for rank, process in enumerate(processes, 1):
            if process.poll():
                return f"the process of device {rank} ended with exit status {process.returncode}"
        if time.monotonic() >= until:
            return None
        time.sleep(0.05)
