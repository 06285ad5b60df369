"""Overlapping tiles with blend weights."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor

from udaln.physics.part import Box, Part

TILE_SIDE = 10  # nominal side of a tile's core [LR pixels]
HALO = 3  # width of the margin around its core that a tile includes [LR pixels]
BLEND = 2  # half-width of the zone in which neighbouring tiles are blended [LR pixels]
SINGLE_TILE_SIDE = 20  # largest side of an image that is not divided [LR pixels]


def tiled_part(sides: tuple[int, int], wanted: Box, margin: int, input_margin: int) -> Part:
    """The part that has to be read for a wanted rectangle of a tiled result.

    Args:
        sides: Rows and columns of the whole pair.
        wanted: The wanted rectangle.
        margin: Width of the margin around it in which the tiled result is needed [LR pixels].
        input_margin: Width of the margin around a tile that the tile's inputs depend on [LR pixels].
    """
    needed = Part(sides, wanted, wanted).around(margin)
    tiles = [
        [extent for extent, weight in extents(side) if _contributes(extent, weight, span)]
        for side, span in zip(sides, needed.wanted, strict=True)
    ]
    read = [
        slice(max(0, along[0].start - input_margin), min(side, along[-1].stop + input_margin))
        for side, along in zip(sides, tiles, strict=True)
    ]
    return Part(sides, (read[0], read[1]), wanted)


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
