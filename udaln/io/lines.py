"""Rows and columns of an image that hold no measurement, in some of its bands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LISTED = 5  # lines that are named


@dataclass(frozen=True)
class Lines:
    """Rows and columns without a measurement.

    Attributes:
        rows: H×B bool.
        columns: W×B bool.
    """

    rows: NDArray[np.bool_]
    columns: NDArray[np.bool_]

    def flags(self, rows: slice, cols: slice) -> NDArray[np.bool_]:
        """The values of a window that are in such lines, h×w×B bool."""
        return np.asarray(self.rows[rows][:, None] | self.columns[cols][None])

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self.rows.any() or self.columns.any())

    def __str__(self) -> str:
        """Which lines, counted from 0, in how many bands."""
        texts = []
        for what, lines in (("row", self.rows), ("column", self.columns)):
            numbers = np.flatnonzero(lines.any(1))
            if len(numbers):
                listed = ", ".join(map(str, numbers[:LISTED]))
                listed += f" and {len(numbers) - LISTED} more" if len(numbers) > LISTED else ""
                bands = int(lines.any(0).sum())
                texts.append(
                    f"{what}{'s' * (len(numbers) > 1)} {listed} (counted from 0) in {bands} band{'s' * (bands > 1)}"
                )
        return "; ".join(texts)
