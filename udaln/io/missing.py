"""How much of an image is missing, and why."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from udaln.io.image import Cause, Image

STRIP = 3  # rows that are looked at together; a block of fill as high as the distance between strips is seen
LOOKED_AT = 1 << 26  # values that are looked at, of a larger image
IN_MEMORY = 1 << 24  # values in memory at a time: 64 MiB in float32


def strips(image: Image, most: int | None = None) -> Iterator[tuple[slice, slice]]:
    """Windows to look at an image through: all of it or, of a large one, strips spread over it, with both ends.

    Args:
        image: Of any size.
        most: How many values are looked at, at most, if it is large; None stands for `LOOKED_AT`.
    """
    rows, columns, bands = image.shape
    most = LOOKED_AT if most is None else most
    height = max(STRIP, IN_MEMORY // (columns * bands))
    if rows * columns * bands <= most:
        starts = list(range(0, rows, height))
    else:
        height = STRIP
        count = max(2, most // (STRIP * columns * bands))
        starts = np.unique(np.linspace(0, max(0, rows - STRIP), count).astype(int)).tolist()
    for start in starts:
        yield slice(start, min(rows, start + height)), slice(0, columns)


def shares(image: Image) -> tuple[list[tuple[Cause, float]], float]:
    """How much of an image each cause removes.

    Returns:
        The fraction of the values that a cause removes beyond those before it, of each that removes any; and the
        fraction that the file has as NaN or infinite, without a cause.
    """
    own, removed, total = 0, [0] * len(image.causes), 0
    for window in strips(image):
        left = ~np.isfinite(image.read(*window))  # what no cause has explained so far
        total += left.size
        for index, cause in enumerate(image.causes):
            if not left.any():
                break
            flagged = left & cause.flags(*window)
            removed[index] += int(flagged.sum())
            left &= ~flagged
        own += int(left.sum())
    pairs = zip(image.causes, removed, strict=True)
    return [(cause, count / total) for cause, count in pairs if count], own / total


def largest_share(image: Image, key: str) -> float:
    """Fraction of its values that a band lacks because a config key asks for it, of the band that lacks most."""
    counts, total = np.zeros(image.shape[2], int), 0
    causes = [cause for cause in image.causes if cause.key == key]
    for window in strips(image):
        shape = (window[0].stop - window[0].start, window[1].stop - window[1].start, image.shape[2])
        total += shape[0] * shape[1]
        for cause in causes:
            counts += np.broadcast_to(cause.flags(*window), shape).sum((0, 1))
    return float(counts.max() / total)


def describe_shares(image: Image) -> list[str]:
    """A line of text for each cause that removes values, and for those that the file has as NaN or infinite."""
    removed, own = shares(image)
    lines = [f"{_percent(own)} % of the values have no data: NaN or infinite in the file"] if own else []
    return lines + _lines(removed)


def describe_causes(image: Image) -> list[str]:
    """A line of text for each cause that removes values."""
    return _lines(shares(image)[0])


def _lines(removed: list[tuple[Cause, float]]) -> list[str]:
    return [f"{_percent(share)} % of the values have no data: {cause.what}" for cause, share in removed]


def has_values(image: Image) -> bool:
    """Whether any value of an image is a measurement, as far as it is looked at."""
    return any(bool(np.isfinite(image.read(*window).astype(np.float32)).any()) for window in strips(image))


def _percent(share: float) -> str:
    """A fraction in per cent, with two digits, but never rounded to none or all."""
    return f"{min(max(100 * share, 0.01), 99.99):.2g}" if 0 < share < 0.995 else f"{100 * share:.4g}"
