"""From numbers as files store them to measurements."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from udaln.io.image import Pixels

Window = Callable[[slice, slice], NDArray[Any]]
Masks = Sequence[Callable[[slice, slice], NDArray[np.bool_]]]
PerBand = NDArray[np.float64]


@dataclass(frozen=True)
class Stored:
    """Numbers as a file stores them: a measurement is scale · number + offset.

    Attributes:
        shape: Rows, columns, bands.
        dtype: That holds the numbers.
        read: Of a window of rows and columns, the numbers, h×w×B.
        scale: One a band, or one for all.
        offset: Likewise.
        nodata: The number that stands for no data, likewise; NaN, or none at all, where there is none.
        masks: Of a window, where there are no data either, h×w or h×w×B.
    """

    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    read: Window
    scale: PerBand | float = 1.0
    offset: PerBand | float = 0.0
    nodata: PerBand | float | None = None
    masks: Masks = ()

    @property
    def becomes(self) -> np.dtype[np.floating[Any]]:
        """The precision that holds the numbers: float32 or float64."""
        return np.promote_types(self.dtype, np.float32)

    def values(self, rows: slice, cols: slice) -> Pixels:
        """The measurements in a window, h×w×B, contiguous; NaN where there are no data."""
        stored = self.read(rows, cols)
        values = np.array(stored, dtype=self.becomes, order="C")
        if np.any(np.not_equal(self.scale, 1)):
            values *= self.scale
        if np.any(self.offset):
            values += self.offset
        if self.nodata is not None:
            with np.errstate(over="ignore"):  # a float64 beyond float32's range in the header of a float32 file
                nodata = np.asarray(self.nodata, stored.dtype if stored.dtype.kind == "f" else np.float64)
            values[stored == nodata] = np.nan
        for mask in self.masks:
            values[mask(rows, cols)] = np.nan
        return values
