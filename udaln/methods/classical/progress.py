"""How far a solver is."""

from __future__ import annotations

from collections.abc import Callable, Iterator

Progress = Callable[[float], None]  # is called with the share of the work that is done


def unseen(share: float) -> None:
    """Progress that nobody watches."""


def steps(count: int, progress: Progress) -> Iterator[int]:
    """The numbers of some steps, while progress is told of those that are done."""
    for step in range(count):
        yield step
        progress((step + 1) / count)
