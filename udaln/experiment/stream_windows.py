"""The windows in which a pair on disk is fused, as large as the memory allows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import ceil

from udaln.consistency.tiles import edges
from udaln.physics.part import Box, Part

SMALLEST = 2  # side of the smallest window [tiles]
BASE = 600 << 20  # memory of a process that has read no pixel [bytes]


def working_set(rows: int, columns: int, scale: int, bands: int, msi_bands: int, *, deviation: bool) -> int:
    """Memory of a process that fuses a window, from a fit to measurements [bytes].

    Args:
        rows: Of the window [LR pixels].
        columns: Likewise.
        scale: Scale factor r.
        bands: C.
        msi_bands: c.
        deviation: Whether the deviation is calculated, too.
    """
    pixel = bands * (14 + 16 * deviation) + 70 * msi_bands + 60
    return BASE + rows * columns * (scale**2 * pixel + 60 * bands)


def windows_of(
    sides: tuple[int, int], part_of: Callable[[Box], Part], memory_limit: int, bytes_needed: Callable[[int, int], int]
) -> list[Part]:
    """Divide an image into windows, about square and of about the same size, row by row; they end where tiles end.

    Args:
        sides: Rows and columns of the image.
        part_of: The part of the image that has to be read for a window.
        memory_limit: Memory that one window may take [bytes]. The smallest windows may exceed it.
        bytes_needed: Memory that a part of so many rows and columns takes [bytes].
    """
    tiles = [edges(side) for side in sides]
    largest = max(map(len, tiles)) - 1
    size = SMALLEST
    while size < largest:
        middle = [_middle(line, size + 1) for line in tiles]
        read = part_of((middle[0], middle[1])).read
        if bytes_needed(*(span.stop - span.start for span in read)) > memory_limit:
            break
        size += 1
    counts = [ceil((len(line) - 1) / size) for line in tiles]
    ends = [
        [line[round(i * (len(line) - 1) / count)] for i in range(count + 1)]
        for line, count in zip(tiles, counts, strict=True)
    ]
    return [part_of((slice(*rows), slice(*columns))) for rows in pairwise(ends[0]) for columns in pairwise(ends[1])]


def _middle(edges: Sequence[int], count: int) -> slice:
    """The pixels of so many tiles in the middle of a line of tiles.

    Args:
        edges: Where the tiles of the line begin and where the last one ends.
        count: Tiles.
    """
    first = max(0, (len(edges) - 1 - count) // 2)
    return slice(edges[first], edges[min(len(edges) - 1, first + count)])
