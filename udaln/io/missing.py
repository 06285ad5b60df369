"""How much of an image is missing, and why."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from udaln.io.image import Cause, Image

STRIP = 3  # rows that are looked at together; a block of fill as high as the distance between strips is seen
LOOKED_AT = 1 << 26  # values that are looked at, of a larger image
ROUNDING = 1e-9  # of a share
READ = 1 << 24  # values in memory at a time


def strips(image: Image) -> Iterator[tuple[slice, slice]]:
    """Windows to look at an image through: all of it or, of a large one, strips spread over it, with both ends."""
    rows, columns, bands = image.shape
    height = max(STRIP, READ // (columns * bands))
    if rows * columns * bands <= LOOKED_AT:
        starts = list(range(0, rows, height))
    else:
        height = STRIP
        count = max(2, LOOKED_AT // (STRIP * columns * bands))
        starts = np.unique(np.linspace(0, max(0, rows - STRIP), count).astype(int)).tolist()
    for start in starts:
        yield slice(start, min(rows, start + height)), slice(0, columns)


def shares(image: Image) -> list[tuple[Cause, float]]:
    """The fraction of an image's values that each cause removes beyond those before it; only those that remove any."""
    removed, total = np.zeros(len(image.causes)), 0
    for window in strips(image):
        height, width = (part.stop - part.start for part in window)
        missing = np.zeros((height, width, image.shape[2]), bool)
        total += missing.size
        for index, cause in enumerate(image.causes):
            before = int(missing.sum())
            missing |= cause.flags(*window)
            removed[index] += int(missing.sum()) - before
    pairs = zip(image.causes, (removed / max(total, 1)).tolist(), strict=True)
    return [(cause, share) for cause, share in pairs if share]


def describe_shares(image: Image) -> list[str]:
    """A line of text for each cause that removes values, and for those that the file has as NaN or infinite."""
    removed = shares(image)
    missing = total = 0
    for window in strips(image):
        values = image.read(*window)
        missing, total = missing + int((~np.isfinite(values)).sum()), total + values.size
    lines = [(cause.what, share) for cause, share in removed]
    if (own := missing / max(total, 1) - sum(share for _, share in removed)) > ROUNDING:
        lines.insert(0, ("NaN or infinite in the file", own))
    return [f"{_percent(share)} % of the values have no data: {what}" for what, share in lines]


def has_values(image: Image) -> bool:
    """Whether any value of an image is a measurement, as far as it is looked at."""
    return any(bool(np.isfinite(image.read(*window).astype(np.float32)).any()) for window in strips(image))


def _percent(share: float) -> str:
    """A fraction in per cent, with two digits, but never rounded to none or all."""
    return f"{min(max(100 * share, 0.01), 99.99):.2g}" if 0 < share < 0.995 else f"{100 * share:.4g}"
