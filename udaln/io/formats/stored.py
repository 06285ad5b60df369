"""From numbers as files store them to physical values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from udaln.io.formats.source import Source
from udaln.io.grid import Grid
from udaln.io.image import Bands, Image, Pixels

Window = Callable[[slice, slice], NDArray[Any]]
Masks = Sequence[Callable[[slice, slice], NDArray[np.bool_]]]
PerBand = NDArray[np.float64]


@dataclass(frozen=True)
class Stored:
    """Stored numbers of an image; a physical value is scale · number + offset.

    Attributes:
        shape: Rows, columns, bands.
        dtype: Of the stored numbers.
        read: Reads the stored numbers in a window of rows and columns, h×w×B.
        scale: One per band, or one for all.
        offset: Likewise.
        nodata: The stored number that means no data, likewise; NaN or None where there is none.
        masks: Each returns, for a window, where there are no data either, h×w or h×w×B bool.
    """

    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    read: Window
    scale: PerBand | float = 1.0
    offset: PerBand | float = 0.0
    nodata: PerBand | float | None = None
    masks: Masks = ()

    @property
    def float_dtype(self) -> np.dtype[np.floating[Any]]:
        """The floating-point type that holds the numbers: float32 or float64."""
        return np.promote_types(self.dtype, np.float32)

    def values(self, rows: slice, cols: slice) -> Pixels:
        """Physical values in a window, h×w×B, contiguous; NaN where there are no data."""
        stored = self.read(rows, cols)
        values = np.array(stored, dtype=self.float_dtype, order="C")
        if np.any(np.not_equal(self.scale, 1)):
            values *= self.scale
        if np.any(self.offset):
            values += self.offset
        if self.nodata is not None:
            with np.errstate(over="ignore"):  # the header of a float32 file may name a float64 beyond its range
                nodata = np.asarray(self.nodata, stored.dtype if stored.dtype.kind == "f" else np.float64)
            values[stored == nodata] = np.nan
        for mask in self.masks:
            values[mask(rows, cols)] = np.nan
        return values

    def image(
        self,
        source: Source,
        kind: str,
        *,
        bands: Bands | None = None,
        grid: Grid | None = None,
        unit: str | None = None,
        nodata: float | None = None,
        masked: str = "",
    ) -> Image:
        """The image of these numbers; the arguments are attributes of `Image`."""
        return Image(
            source.user_path,
            kind,
            self.shape,
            self.float_dtype,
            self.values,
            bands or Bands(),
            grid,
            unit,
            nodata,
            masked,
        )
