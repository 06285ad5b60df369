"""An image on disk that is read window by window, with the metadata of its file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from udaln.errors import InputError
from udaln.io.grid import Grid

Pixels = NDArray[np.floating]
Flags = Callable[[slice, slice], NDArray[np.bool_]]


@dataclass(frozen=True)
class Bands:
    """Metadata of the bands of an image; None where the file has none.

    Attributes:
        names: One name per band.
        wavelengths: Centres [nm].
        fwhm: Full widths at half maximum [nm].
        good: Which bands the file calls usable, bool.
    """

    names: Sequence[str] | None = None
    wavelengths: NDArray[np.float64] | None = None
    fwhm: NDArray[np.float64] | None = None
    good: NDArray[np.bool_] | None = None

    @classmethod
    def between(cls, edges: Mapping[str, tuple[float, float]]) -> Bands:
        """Bands by their names and the wavelengths that they lie between [nm]."""
        sides = np.array(list(edges.values()), np.float64)
        return cls(list(edges), sides.mean(1), np.ptp(sides, axis=1))


@dataclass(frozen=True)
class Cause:
    """Why some values of an image are not measurements.

    Attributes:
        what: The reason, as text: ``no-data value -9999``.
        flags: From a window of rows and columns, which values it concerns, h×w×B or h×w×1 bool.
        key: The config key or argument that asks for it; empty if the file does.
    """

    what: str
    flags: Flags
    key: str = ""


@dataclass(frozen=True)
class Packing:
    """How the values of an image follow from the numbers that its file stores: scale · number + offset.

    Attributes:
        scale: One per band, or one for all.
        offset: Likewise.
    """

    scale: NDArray[np.float64] | float = 1.0
    offset: NDArray[np.float64] | float = 0.0

    @property
    def is_plain(self) -> bool:
        """Whether the numbers are the values."""
        return bool(np.all(np.equal(self.scale, 1)) and not np.any(self.offset))

    def numbers(self, values: Pixels) -> Pixels:
        """The stored numbers of values, …×B; NaN in bands whose scale is 0."""
        with np.errstate(divide="ignore", invalid="ignore"):
            numbers = (values.astype(np.float64) - self.offset) / self.scale
        return np.where(np.isfinite(numbers), numbers, np.nan)

    def select(self, bands: Sequence[int], count: int) -> Packing:
        """That of some of ``count`` bands."""
        scale, offset = (
            np.broadcast_to(np.asarray(number, np.float64), (count,))[list(bands)]
            for number in (self.scale, self.offset)
        )
        return Packing(scale, offset)

    def beside(self, count: int, other: Packing, other_count: int) -> Packing:
        """That of ``count`` bands, followed by ``other_count`` bands of another packing."""
        first, second = self.select(range(count), count), other.select(range(other_count), other_count)
        scale, offset = (
            np.concatenate([np.atleast_1d(a), np.atleast_1d(b)])
            for a, b in ((first.scale, second.scale), (first.offset, second.offset))
        )
        return Packing(scale, offset)

    def __str__(self) -> str:
        """The formula, with a range of numbers where the bands differ."""
        scale, offset = (np.unique(np.atleast_1d(number)) for number in (self.scale, self.offset))
        texts = [f"{n[0]:g}" if len(n) == 1 else f"({n[0]:g} to {n[-1]:g}, by band)" for n in (scale, offset)]
        return f"{texts[0]} · number" + (f" + {texts[1]}" if offset.any() else "")


@dataclass(frozen=True)
class Image:
    """An open image on disk. It can be read inside the ``with`` block that opened it.

    Attributes:
        path: The path as the user wrote it, for messages.
        kind: Name of the file format or product: ``ENVI``, ``PRISMA L2D``, …
        shape: Rows, columns, bands.
        dtype: Of what ``read`` returns: float32, or float64 where float32 cannot hold the values.
        read: Reads a window of rows and columns, h×w×B, in ``unit``. Scale and offset are applied; values that are not
            measurements, for any of ``causes``, are NaN.
        bands: Metadata of the bands.
        grid: Georeferencing; None if the file has none.
        unit: Unit of the values, such as ``reflectance``; None if the file does not name it.
        nodata: The stored value that means no data, if the file names one for all bands.
        causes: Why ``read`` returns NaN, in the order in which they are looked at.
        notes: What of the file is set aside, or taken in another way than it says, as text.
        packing: How the values follow from the stored numbers.
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
    causes: tuple[Cause, ...] = ()
    notes: tuple[str, ...] = ()
    packing: Packing = field(default_factory=Packing)

    def whole(self) -> Pixels:
        """Read the whole image, H×W×B."""
        return self.read(slice(0, self.shape[0]), slice(0, self.shape[1]))


def image_of(values: Pixels, name: str = "array") -> Image:
    """Values in memory as an image.

    Args:
        values: H×W×B, NaN where there are no data.
        name: For messages.
    """
    shape = values.shape[0], values.shape[1], values.shape[2]
    return Image(name, "array", shape, values.dtype, lambda rows, cols: values[rows, cols])


def grid_of(image: Image) -> Grid:
    """Georeferencing of an image.

    Raises:
        InputError: If the image has none, or its pixels have no area.
    """
    if image.grid is None:
        raise InputError(f"{image.path}: expected georeferencing, got none")
    a, b, _, d, e, _ = image.grid.transform
    if a * e == b * d:
        raise InputError(f"{image.path}: expected pixels with an area, got the transform {image.grid.transform}")
    return image.grid
