"""Overlapping tiles with blend weights, and the rectangles of a pair that are read and fused on their own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

TILE_SIDE = 10  # nominal side of a tile's core [LR pixels]
HALO = 3  # width of the margin around its core that a tile includes [LR pixels]
BLEND = 2  # half-width of the zone in which neighbouring tiles are blended [LR pixels]
SINGLE_TILE_SIDE = 20  # largest side of an image that is not divided [LR pixels]


Box = tuple[slice, slice]  # rows and columns of a rectangle


@dataclass(frozen=True)
class Part:
    """A rectangle of a pair that is read and fused on its own; all coordinates are LR pixels of the whole pair.

    Attributes:
        sides: Rows and columns of the whole pair.
        read: The rectangle that is read: the wanted one and the margin that its result depends on.
        wanted: The rectangle whose result is wanted.
    """

    sides: tuple[int, int]
    read: Box
    wanted: Box

    @classmethod
    def whole(cls, rows: int, columns: int) -> Part:
        """The part that is all of a pair."""
        box = slice(0, rows), slice(0, columns)
        return cls((rows, columns), box, box)

    @classmethod
    def of(cls, sides: tuple[int, int], wanted: Box, margin: int, input_margin: int) -> Part:
        """The part that has to be read for a wanted rectangle.

        Args:
            sides: Rows and columns of the whole pair.
            wanted: The wanted rectangle.
            margin: Width of the margin around it in which the tiled result is needed [LR pixels].
            input_margin: Width of the margin around a tile that the tile's inputs depend on [LR pixels].
        """
        needed = cls(sides, wanted, wanted).around(margin)
        tiles = [
            [extent for extent, weight in extents(side) if _contributes(extent, weight, span)]
            for side, span in zip(sides, needed.wanted, strict=True)
        ]
        read = [
            slice(max(0, along[0].start - input_margin), min(side, along[-1].stop + input_margin))
            for side, along in zip(sides, tiles, strict=True)
        ]
        return cls(sides, (read[0], read[1]), wanted)

    def around(self, margin: int) -> Part:
        """The same part with the wanted rectangle enlarged by a margin, clipped to the pair."""
        enlarged = [
            slice(max(0, span.start - margin), min(side, span.stop + margin))
            for span, side in zip(self.wanted, self.sides, strict=True)
        ]
        return Part(self.sides, self.read, (enlarged[0], enlarged[1]))

    def inside(self, box: Box, scale: int = 1) -> Box:
        """A rectangle of the whole pair in coordinates of the rectangle read, in pixels ``scale`` times finer."""
        rows, columns = (
            slice((span.start - read.start) * scale, (span.stop - read.start) * scale)
            for span, read in zip(box, self.read, strict=True)
        )
        return rows, columns


def overlapping_tiles(part: Part) -> Iterator[tuple[Box, Tensor]]:
    """The tiles that contribute to the wanted rectangle of a part; they are those of the whole pair.

    Yields:
        The extent of the tile, halo included, in the whole pair, and its blend weights, (rows, columns) of the extent.
        The weights of all tiles sum to 1 at each pixel.
    """
    rows, columns = (
        [(extent, weight) for extent, weight in extents(side) if _contributes(extent, weight, wanted)]
        for side, wanted in zip(part.sides, part.wanted, strict=True)
    )
    for (top, vertical), (left, horizontal) in ((a, b) for a in rows for b in columns):
        yield (top, left), vertical[:, None] * horizontal


def edges(side: int) -> list[int]:
    """First pixels of the tiles' cores along a side, and the side's length."""
    count = 1 if side <= SINGLE_TILE_SIDE else round(side / TILE_SIDE)
    return [round(i * side / count) for i in range(count + 1)]


def extents(side: int) -> Iterator[tuple[slice, Tensor]]:
    """The extent of each tile along a side, halo included, and its blend weights."""
    for first, last in pairwise(edges(side)):
        extent = slice(max(0, first - HALO), min(side, last + HALO))
        centre = torch.arange(extent.start, extent.stop) + 0.5
        depth = torch.minimum(  # distance to the nearest edge of the core, negative in the halo
            centre - first if first else torch.full_like(centre, torch.inf),
            last - centre if last < side else torch.full_like(centre, torch.inf),
        )
        yield extent, ((depth + BLEND) / (2 * BLEND)).clamp(0, 1)


def _contributes(extent: slice, weight: Tensor, wanted: slice) -> bool:
    """Whether a tile has a positive weight within an interval."""
    first, last = (extent.start + int(weight.nonzero()[end]) for end in (0, -1))
    return bool(first < wanted.stop and last >= wanted.start)
