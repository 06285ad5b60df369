"""Dead lines: rows or columns of a band that hold one number all over, since a detector or a transmission failed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from udaln.io.image import Cause, Image, Pixels
from udaln.io.lines import Lines
from udaln.io.missing import strips
from udaln.io.views import masked

LEAST_PIXELS = 8  # with data, in a line that can be told to be dead
ADJACENT = 3  # dead lines beside each other, at most
JUMP = 2.0  # from a dead line to its neighbours, in terms of the difference of other neighbours
CONTRAST = 0.15  # of the same, in terms of the range of values along a line
FEW = 0.2  # fraction of the lines of a band that may be dead; an image of flat areas has more
MOST_BANDS = 0.5  # a line that is dead in more than this fraction of the bands is so wherever it is constant


def without_dead_lines(image: Image) -> Image:
    """View of an image with NaN in place of dead lines; the image itself if it has none.

    A line is dead in a band if all of its values are the same, and its neighbours' are far from that. Of an image too
    large to be looked at as a whole, only columns are found.
    """
    windows = list(strips(image))
    dead = find_dead_lines(image.read(*window) for window in windows)
    if dead is not None and len(dead.rows) != image.shape[0]:
        dead = Lines(np.zeros((image.shape[0], image.shape[2]), bool), dead.columns)
    return image if dead is None else masked(image, Cause(f"one number along {dead}", dead.flags))


def find_dead_lines(windows: Iterable[Pixels]) -> Lines | None:
    """The dead lines in windows of an image that are below each other.

    Args:
        windows: Each h×w×B, as wide as the image; NaN where there are no data.

    Returns:
        None if there are none.
    """
    rows: list[_Lines] = []
    columns: _Lines | None = None
    last: Pixels | None = None
    for window in windows:
        part = np.where(np.isfinite(window), window, np.nan)
        beside = _lines(part, 0)
        columns = beside if columns is None else columns.added(beside)
        below = _lines(part, 1)
        if last is not None:
            below = replace(below, **_steps(np.concatenate([last, part]), 1))
        rows.append(below)
        last = part[-1:]
    if columns is None:
        return None
    names = [field.name for field in fields(_Lines)]
    joined = _Lines(**{name: np.concatenate([getattr(part, name) for part in rows]) for name in names})
    found = Lines(_dead(joined), _dead(columns))
    return found or None


@dataclass(frozen=True)
class _Lines:
    """What is seen of N lines beside each other.

    Attributes:
        low: Smallest value, N×B.
        high: Largest value.
        count: Values with data.
        step: Sum of the differences of a line and the next one, (N-1)×B.
        pairs: Of how many.
    """

    low: Pixels
    high: Pixels
    count: Pixels
    step: Pixels
    pairs: Pixels

    def added(self, other: _Lines) -> _Lines:
        """The same lines, seen over a longer part."""
        return _Lines(
            np.minimum(self.low, other.low),
            np.maximum(self.high, other.high),
            self.count + other.count,
            self.step + other.step,
            self.pairs + other.pairs,
        )


def _lines(values: Pixels, axis: int) -> _Lines:
    """Of h×w×B values, the lines along an axis."""
    known = np.isfinite(values)
    low, high = np.where(known, values, np.inf).min(axis), np.where(known, values, -np.inf).max(axis)
    return _Lines(low, high, known.sum(axis).astype(values.dtype), **_steps(values, axis))


def _steps(values: Pixels, axis: int) -> dict[str, Pixels]:
    difference = np.abs(np.diff(values, axis=1 - axis))
    known = np.isfinite(difference)
    return {
        "step": np.where(known, difference, 0).sum(axis),
        "pairs": known.sum(axis).astype(values.dtype),
    }


def _dead(lines: _Lines) -> NDArray[np.bool_]:
    """Which lines are dead in which bands, N×B."""
    constant = (lines.low == lines.high) & (lines.count >= LEAST_PIXELS)
    constant[:, constant.mean(0) > FEW] = False
    apart = np.zeros_like(constant)
    steps = np.divide(lines.step, lines.pairs, out=np.full(lines.step.shape, np.nan), where=lines.pairs > 0)
    for band in np.flatnonzero(constant.any(0)):
        usual = steps[~constant[:-1, band] & ~constant[1:, band], band]
        spread = (lines.high - lines.low)[~constant[:, band] & (lines.count[:, band] > 0), band]
        if np.isfinite(usual).any() and spread.size:
            least = max(JUMP * float(np.nanmedian(usual)), CONTRAST * float(np.median(spread)))
            apart[:, band] = _apart(constant[:, band], steps[:, band], least)
    everywhere = apart.mean(1, keepdims=True) > MOST_BANDS
    return np.asarray(constant & (apart | everywhere))


def _apart(constant: NDArray[np.bool_], steps: Pixels, least: float) -> NDArray[np.bool_]:
    """Which of N constant lines are at least so far from their neighbours, by N-1 differences."""
    apart = np.zeros_like(constant)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], constant, [False]]).astype(int)))
    for first, end in zip(edges[::2], edges[1::2], strict=True):  # runs of constant lines
        sides = [steps[i] for i in (first - 1, end - 1) if 0 <= i < len(steps)]
        if end - first <= ADJACENT and sides and all(side >= least for side in sides):
            apart[first:end] = True
    return apart
