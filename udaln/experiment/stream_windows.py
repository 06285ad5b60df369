"""The windows that a pair on disk is fused by: their size follows from the memory that there is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import ceil

from udaln.consistency.tiles import edges
from udaln.physics.part import Box, Part

SMALLEST = 2  # side of a window [tiles]
BASE = 600 << 20  # bytes that a process takes before it reads a pixel


def working_set(rows: int, columns: int, scale: int, bands: int, msi_bands: int, *, deviation: bool) -> int:
    """Bytes that fusing so many LR pixels at a time takes, with what the process takes by itself."""
    pixel = bands * (14 + 16 * deviation) + 70 * msi_bands + 60
    return BASE + rows * columns * (scale**2 * pixel + 60 * bands)


def windows_of(
    sides: tuple[int, int], part_of: Callable[[Box], Part], limit: int, needed: Callable[[int, int], int]
) -> list[Part]:
    """The windows of an image, about square and all of about one size, row by row; they end where tiles do.

    Args:
        sides: Rows and columns of the image.
        part_of: What has to be read for a window.
        limit: Bytes that one may take; the smallest ones take what they take.
        needed: How many reading so many rows and columns takes.
    """
    tiles = [edges(side) for side in sides]
    most = max(map(len, tiles)) - 1
    size = SMALLEST
    while size < most:
        middle = [_about_the_middle(line, size + 1) for line in tiles]
        read = part_of((middle[0], middle[1])).read
        if needed(*(span.stop - span.start for span in read)) > limit:
            break
        size += 1
    counts = [ceil((len(line) - 1) / size) for line in tiles]
    ends = [
        [line[round(i * (len(line) - 1) / count)] for i in range(count + 1)]
        for line, count in zip(tiles, counts, strict=True)
    ]
    return [part_of((slice(*rows), slice(*columns))) for rows in pairwise(ends[0]) for columns in pairwise(ends[1])]


def _about_the_middle(line: Sequence[int], size: int) -> slice:
    """So many tiles of those that begin along a line."""
    first = max(0, (len(line) - 1 - size) // 2)
    return slice(line[first], line[min(len(line) - 1, first + size)])
