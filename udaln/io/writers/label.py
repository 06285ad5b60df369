"""What is written beside the pixels: the bands, the place on the ground, a line of text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from udaln.errors import InputError
from udaln.io.grid import Grid
from udaln.io.image import Bands

UNIT = "Nanometers"  # as ENVI and all that reads its headers spell it


@dataclass(frozen=True)
class Label:
    """What a file tells about an image.

    Attributes:
        bands: Wavelengths and widths [nm], names, which are good.
        grid: Where the image lies, if that is known.
        description: A line of text; may be empty.
    """

    bands: Bands
    grid: Grid | None
    description: str = ""

    def check(self, count: int) -> None:
        """Make sure that all that is said of the bands is said of each of them.

        Raises:
            ValueError: If something is said of more or fewer.
        """
        for name, values in vars(self.bands).items():
            if values is not None and len(values) != count:
                raise ValueError(f"bands.{name}: expected {count}, one a band, got {len(values)}")

    def names(self) -> list[str] | None:
        """Of the bands, their wavelengths where they have no names: ``550.3 nm``; none if neither is known."""
        if self.bands.names is not None:
            return list(self.bands.names)
        if self.bands.wavelengths is not None:
            return [f"{wavelength:g} nm" for wavelength in self.bands.wavelengths]
        return None


def number(value: float) -> str:
    """In the fewest digits that give the same number back."""
    return repr(float(value)).removesuffix(".0")


def micrometres(nanometres: float) -> str:
    """The same length in micrometres, without the rounding error of the division."""
    return f"{float(nanometres) / 1000:.12g}"


def crs_of(grid: Grid) -> Any:
    """The coordinate reference system as rasterio takes it; none if it is not known.

    Raises:
        InputError: If it is not understood. rasterio must be installed.
    """
    import rasterio

    if not grid.crs:
        return None
    try:
        with rasterio.Env():  # else GDAL prints what it then also raises
            return rasterio.CRS.from_wkt(grid.crs)
    except rasterio.errors.CRSError as error:
        raise InputError(f"georeferencing: expected a CRS as WKT, got {grid.crs[:60]!r}") from error
