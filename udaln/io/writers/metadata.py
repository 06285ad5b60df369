"""What a file says of an image beside its pixels: bands, georeferencing, a description."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from udaln.io.grid import Grid, parse_crs
from udaln.io.image import Bands

UNIT = "Nanometers"  # as ENVI and all that reads its headers spell it


@dataclass(frozen=True)
class Metadata:
    """Metadata of an image.

    Attributes:
        bands: Metadata of the bands.
        grid: Georeferencing, if it is known.
        description: One line of text; may be empty.
    """

    bands: Bands
    grid: Grid | None
    description: str = ""

    def check(self, count: int) -> None:
        """Check that the metadata of the bands have one entry for each band.

        Args:
            count: Number of bands of the image.

        Raises:
            ValueError: If some have more or fewer entries.
        """
        for name, values in vars(self.bands).items():
            if values is not None and len(values) != count:
                raise ValueError(f"bands.{name}: expected {count}, one a band, got {len(values)}")

    def band_names(self) -> list[str] | None:
        """Names of the bands or, without names, their wavelengths: ``550.3 nm``; None without either."""
        if self.bands.names is not None:
            return list(self.bands.names)
        if self.bands.wavelengths is not None:
            return [f"{wavelength:g} nm" for wavelength in self.bands.wavelengths]
        return None


def shortest_text(value: float) -> str:
    """A number in the fewest digits from which it can be read back exactly."""
    return repr(float(value)).removesuffix(".0")


def micrometres(nanometres: float) -> str:
    """A length in nm as text in µm, without the rounding error of the division."""
    return f"{float(nanometres) / 1000:.12g}"


def crs_of(grid: Grid) -> Any:
    """The CRS as rasterio takes it; None if it is not known.

    Raises:
        InputError: If it is not understood.
    """
    return parse_crs(grid) if grid.crs else None
