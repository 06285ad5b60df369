"""An image on disk that is read window by window, with what its file says of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from udaln.io.grid import Grid

Pixels = NDArray[np.floating]


@dataclass(frozen=True)
class Bands:
    """What a file says of the bands of its image; what it does not say is none.

    Attributes:
        names: One a band.
        wavelengths: Centres [nm].
        fwhm: Widths at half maximum [nm].
        good: Which bands the file calls usable, bool.
    """

    names: Sequence[str] | None = None
    wavelengths: NDArray[np.float64] | None = None
    fwhm: NDArray[np.float64] | None = None
    good: NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class Image:
    """An image on disk, opened; it can be read as long as the block that opened it lasts.

    Attributes:
        path: As the user named it, for messages.
        kind: What the file is, in words: ``ENVI``, ``PRISMA L2D``, …
        shape: Rows, columns, bands.
        dtype: Of what ``read`` returns: float32, or float64 where float32 does not hold the values.
        read: Of a window of rows and columns, the values h×w×B in ``unit``: scale and offset applied, NaN where the
            file says that there are no data (its no-data value, its quality masks).
        bands: What the file says of them.
        grid: Where it lies on the ground, if the file says so.
        unit: What the values are, in words: ``reflectance``; none if the file does not say.
        nodata: The stored value that stands for no data, if the file names one; ``read`` has made it NaN.
        masked: What else ``read`` has made NaN, in words: ``cloud, cirrus (quality layer)``; empty if nothing.
    """

    path: str
    kind: str
    shape: tuple[int, int, int]
    dtype: np.dtype[np.floating]
    read: Callable[[slice, slice], Pixels]
    bands: Bands = field(default_factory=Bands)
    grid: Grid | None = None
    unit: str | None = None
    nodata: float | None = None
    masked: str = ""

    def whole(self) -> Pixels:
        """All of it, H×W×B."""
        return self.read(slice(0, self.shape[0]), slice(0, self.shape[1]))
