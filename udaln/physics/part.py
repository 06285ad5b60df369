"""The rectangle of a pair that is read and fused on its own."""

from __future__ import annotations

from dataclasses import dataclass

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
