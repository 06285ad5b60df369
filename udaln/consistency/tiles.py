"""An image in tiles that see beyond their borders and fade into each other; parts of it that are worked on alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

TILE, HALO, SEAM = 10, 3, 2  # sides [LR pixels]: of a tile, of what is seen around it, of what fades into the next
WHOLE = 20  # side up to which an image is one tile [LR pixels]


Box = tuple[slice, slice]


@dataclass(frozen=True)
class Part:
    """A rectangle of an image that is read and worked on alone; all in LR pixels.

    Attributes:
        sides: Rows and columns of the whole image.
        read: Where the part lies in it.
        wanted: What of it is asked for, likewise in the whole image. What is read around it is what it depends on.
    """

    sides: tuple[int, int]
    read: Box
    wanted: Box

    @classmethod
    def whole(cls, rows: int, columns: int) -> Part:
        """All of an image."""
        box = slice(0, rows), slice(0, columns)
        return cls((rows, columns), box, box)

    @classmethod
    def of(cls, sides: tuple[int, int], wanted: Box, around: int, beyond: int) -> Part:
        """The part that has to be read for what is wanted.

        Args:
            sides: Of the whole image.
            wanted: What is asked for.
            around: How much around it depends on tiles [LR pixels].
            beyond: How much around what tiles see it takes to make what they see [LR pixels].
        """
        grown = cls(sides, wanted, wanted).around(around)
        seen = [
            [seen for seen, weight in spans(side) if _reaches(seen, weight, span)]
            for side, span in zip(sides, grown.wanted, strict=True)
        ]
        read = [
            slice(max(0, line[0].start - beyond), min(side, line[-1].stop + beyond))
            for side, line in zip(sides, seen, strict=True)
        ]
        return cls(sides, (read[0], read[1]), wanted)

    def around(self, margin: int) -> Part:
        """The same with more asked for, as far as there is image."""
        grown = [
            slice(max(0, span.start - margin), min(side, span.stop + margin))
            for span, side in zip(self.wanted, self.sides, strict=True)
        ]
        return Part(self.sides, self.read, (grown[0], grown[1]))

    def inside(self, box: Box, scale: int = 1) -> Box:
        """Where a rectangle of the whole image lies in what is read, in pixels of which ``scale`` make an LR pixel."""
        rows, columns = (
            slice((span.start - read.start) * scale, (span.stop - read.start) * scale)
            for span, read in zip(box, self.read, strict=True)
        )
        return rows, columns


def tiles_of(part: Part) -> Iterator[tuple[Box, Tensor]]:
    """The tiles that have a say in what is asked for.

    Yields:
        What the tile sees, in the whole image, and how much what it says of each of these LR pixels counts, (rows,
        columns).
    """
    rows, columns = (
        [(seen, weight) for seen, weight in spans(side) if _reaches(seen, weight, wanted)]
        for side, wanted in zip(part.sides, part.wanted, strict=True)
    )
    for (top, above), (left, beside) in ((a, b) for a in rows for b in columns):
        yield (top, left), above[:, None] * beside


def edges(side: int) -> list[int]:
    """Where tiles begin along a side, and the side itself."""
    count = 1 if side <= WHOLE else round(side / TILE)
    return [round(i * side / count) for i in range(count + 1)]


def spans(side: int) -> Iterator[tuple[slice, Tensor]]:
    """What each tile sees along a side, and how much it counts there."""
    for first, last in pairwise(edges(side)):
        seen = slice(max(0, first - HALO), min(side, last + HALO))
        middle = torch.arange(seen.start, seen.stop) + 0.5
        inside = torch.minimum(
            middle - first if first else torch.full_like(middle, torch.inf),
            last - middle if last < side else torch.full_like(middle, torch.inf),
        )
        yield seen, ((inside + SEAM) / (2 * SEAM)).clamp(0, 1)


def _reaches(seen: slice, weight: Tensor, wanted: slice) -> bool:
    first, last = (seen.start + int(weight.nonzero()[end]) for end in (0, -1))
    return bool(first < wanted.stop and last >= wanted.start)
