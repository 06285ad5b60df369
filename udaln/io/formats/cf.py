"""What the CF conventions (1.11) say of a variable: scale, no data, where its bands and its pixels lie."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from udaln.io.formats.source import Source
from udaln.io.formats.spectral_axis import nanometres
from udaln.io.formats.stored import PerBand
from udaln.io.grid import Grid
from udaln.io.image import Bands

ATTRIBUTES = (  # those that count here; others may be of any type
    *("scale_factor", "add_offset", "_FillValue", "missing_value", "units", "standard_name"),
    *("grid_mapping", "crs_wkt", "spatial_ref", "NAME"),
)
_SPECTRAL = ("band", "wavelength", "channel", "lambda")  # a part of what the axis of the bands may be called
_EVEN = 1e-3  # pixels by which coordinates may be off a regular grid


@dataclass(frozen=True)
class Variable:
    """An array of an HDF5 or NetCDF file.

    Attributes:
        name: With its groups, ``/group/name``.
        shape: Of all axes.
        dtype: Of its numbers.
        attributes: Of `ATTRIBUTES`; texts are str, numbers NumPy's.
        dimensions: The axes' names; empty where they have none.
        read: The part at an index.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    attributes: Mapping[str, Any]
    dimensions: tuple[str, ...]
    read: Callable[[tuple[slice, ...]], NDArray[Any]]

    def number(self, name: str) -> float | None:
        """An attribute that is one number, if it is there."""
        value = np.asarray(self.attributes.get(name, ()))
        return float(value.flat[0]) if value.size and value.dtype.kind in "iuf" else None

    @property
    def is_bare_dimension(self) -> bool:
        """Whether it only stands for a dimension, as the NetCDF-4 library writes those without coordinates."""
        return str(self.attributes.get("NAME", "")).startswith("This is a netCDF dimension but not")

    @property
    def nodata(self) -> float | None:
        """The number that stands for no data."""
        fill = self.number("_FillValue")
        return self.number("missing_value") if fill is None else fill

    @property
    def unit(self) -> str | None:
        """Reflectance, if the standard name says so, or the units."""
        if "reflectance" in str(self.attributes.get("standard_name", "")):
            return "reflectance"
        units = str(self.attributes.get("units", ""))
        return None if units in ("", "1") else units


def band_axis(variable: Variable) -> int:
    """Which of three axes is that of the bands: the one named so, else the last."""
    named = [axis for axis, name in enumerate(variable.dimensions) if any(part in name.lower() for part in _SPECTRAL)]
    return named[0] if len(named) == 1 else 2


def bands(variable: Variable, others: Mapping[str, Variable]) -> Bands:
    """Wavelengths and FWHM, from the axis of the bands itself or from another variable that is called so."""
    axis = band_axis(variable)
    lines = [
        other
        for other in others.values()
        if other.shape == (variable.shape[axis],) and other.dtype.kind in "iuf" and not other.is_bare_dimension
    ]
    centres = _named(lines, "wavelength", "wavelengths")
    if centres is None and variable.dimensions:  # the axis' own, if they have a unit: else they may be numbers of bands
        own = [line for line in lines if line.name == "/" + variable.dimensions[axis] and line.attributes.get("units")]
        centres = own[0] if own else None
    if centres is None:
        return Bands()
    wavelengths = _read(centres)
    factor = nanometres(str(centres.attributes.get("units", "")), wavelengths)
    if factor is None:
        return Bands()
    widths = _named(lines, "fwhm")
    if widths is None:
        return Bands(wavelengths=wavelengths * factor)
    unit = str(widths.attributes.get("units", ""))
    return Bands(
        wavelengths=wavelengths * factor,
        fwhm=_read(widths) * ((nanometres(unit, wavelengths) if unit else factor) or factor),
    )


def _named(lines: list[Variable], *names: str) -> Variable | None:
    found = [line for line in lines if line.name.rsplit("/", 1)[-1].lower() in names]
    return found[0] if len(found) == 1 else None


def _read(line: Variable) -> PerBand:
    return line.read((slice(None),)).astype(np.float64)


def grid(source: Source, variable: Variable, others: Mapping[str, Variable]) -> Grid | None:
    """Where the pixels lie, from coordinates of the rows and columns and the grid mapping's WKT, if they are there.

    Raises:
        InputError: If the coordinates are not those of a regular grid.
    """
    mapping = others.get(_beside(variable, str(variable.attributes.get("grid_mapping", "")).split(":")[0]))
    axes = [axis for axis in range(3) if axis != band_axis(variable)]
    if mapping is None or len(variable.dimensions) != 3:
        return None
    crs = next((str(mapping.attributes[name]) for name in ("crs_wkt", "spatial_ref") if name in mapping.attributes), "")
    steps = []
    for axis in axes:
        line = others.get("/" + variable.dimensions[axis])
        if line is None or line.shape != (variable.shape[axis],) or line.shape[0] < 2 or line.is_bare_dimension:
            return None
        places = _read(line)
        step = (places[-1] - places[0]) / (len(places) - 1)
        off = np.abs(places - places[0] - step * np.arange(len(places))).max()
        if not off <= _EVEN * abs(step):
            raise source.wrong(f"{line.name}: expected coordinates in even steps, got some that are {off:.3g} off")
        steps.append((places[0] - step / 2, step))
    (y, down), (x, across) = steps
    return Grid(crs, (across, 0.0, x, 0.0, down, y))


def _beside(variable: Variable, name: str) -> str:
    return name if name.startswith("/") else f"{variable.name.rsplit('/', 1)[0]}/{name}"
