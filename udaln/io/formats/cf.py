"""Metadata of a variable by the CF conventions (1.11): scale, no data, wavelengths, georeferencing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from udaln.io.formats.source import Source
from udaln.io.formats.spectral_axis import nm_per_unit
from udaln.io.formats.stored import PerBand
from udaln.io.grid import Grid
from udaln.io.image import Bands

ATTRIBUTES = (  # the attributes that are read; others may be of any type
    *("scale_factor", "add_offset", "_FillValue", "missing_value", "units", "standard_name"),
    *("grid_mapping", "crs_wkt", "spatial_ref", "NAME"),
)
_SPECTRAL = ("band", "wavelength", "channel", "lambda")  # a band axis has one of them in its name
_TOLERANCE = 1e-3  # deviation of coordinates from a regular grid [pixels]


@dataclass(frozen=True)
class Variable:
    """An array of an HDF5 or NetCDF file.

    Attributes:
        name: With its groups, ``/group/name``.
        shape: Of all axes.
        dtype: Of its numbers.
        attributes: Those of `ATTRIBUTES` that it has; text is str, numbers are NumPy's.
        dimensions: Names of the axes; empty where they have none.
        read: Reads the part at an index.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    attributes: Mapping[str, Any]
    dimensions: tuple[str, ...]
    read: Callable[[tuple[slice, ...]], NDArray[Any]]

    def numeric_attribute(self, name: str) -> float | None:
        """The value of an attribute; None if it is missing or not a number."""
        value = np.asarray(self.attributes.get(name, ()))
        return float(value.flat[0]) if value.size and value.dtype.kind in "iuf" else None

    @property
    def is_bare_dimension(self) -> bool:
        """Whether it only represents a dimension: the NetCDF-4 library writes such variables, without coordinates."""
        return str(self.attributes.get("NAME", "")).startswith("This is a netCDF dimension but not")

    @property
    def nodata(self) -> float | None:
        """The number that means no data."""
        fill = self.numeric_attribute("_FillValue")
        return self.numeric_attribute("missing_value") if fill is None else fill

    @property
    def unit(self) -> str | None:
        """``reflectance`` if that is in the standard name, else the units."""
        if "reflectance" in str(self.attributes.get("standard_name", "")):
            return "reflectance"
        units = str(self.attributes.get("units", ""))
        return None if units in ("", "1") else units


def band_axis(variable: Variable) -> int:
    """Index of the band axis of three: the one named so, else the last."""
    named = [axis for axis, name in enumerate(variable.dimensions) if any(part in name.lower() for part in _SPECTRAL)]
    return named[0] if len(named) == 1 else 2


def bands(variable: Variable, others: Mapping[str, Variable]) -> Bands:
    """Wavelengths and FWHM [nm], from variables of these names or from the coordinate of the band axis."""
    axis = band_axis(variable)
    candidates = [
        other
        for other in others.values()
        if other.shape == (variable.shape[axis],) and other.dtype.kind in "iuf" and not other.is_bare_dimension
    ]
    centres = _find(candidates, "wavelength", "wavelengths")
    if centres is None and variable.dimensions:  # coordinates without a unit may be band numbers
        own = [
            line for line in candidates if line.name == "/" + variable.dimensions[axis] and line.attributes.get("units")
        ]
        centres = own[0] if own else None
    if centres is None:
        return Bands()
    wavelengths = _read(centres)
    factor = nm_per_unit(str(centres.attributes.get("units", "")), wavelengths)
    if factor is None:
        return Bands()
    widths = _find(candidates, "fwhm")
    if widths is None:
        return Bands(wavelengths=wavelengths * factor)
    unit = str(widths.attributes.get("units", ""))
    return Bands(
        wavelengths=wavelengths * factor,
        fwhm=_read(widths) * ((nm_per_unit(unit, wavelengths) if unit else factor) or factor),
    )


def _find(candidates: list[Variable], *names: str) -> Variable | None:
    """The only variable with one of some names, whatever its group."""
    matches = [variable for variable in candidates if variable.name.rsplit("/", 1)[-1].lower() in names]
    return matches[0] if len(matches) == 1 else None


def _read(line: Variable) -> PerBand:
    return line.read((slice(None),)).astype(np.float64)


def grid(source: Source, variable: Variable, others: Mapping[str, Variable]) -> Grid | None:
    """Georeferencing, from coordinates of the rows and columns and the grid mapping's WKT; None without them.

    Raises:
        InputError: If the coordinates are not evenly spaced.
    """
    mapping = others.get(_absolute_name(variable, str(variable.attributes.get("grid_mapping", "")).split(":")[0]))
    axes = [axis for axis in range(3) if axis != band_axis(variable)]
    if mapping is None or len(variable.dimensions) != 3:
        return None
    crs = next((str(mapping.attributes[name]) for name in ("crs_wkt", "spatial_ref") if name in mapping.attributes), "")
    origins_and_steps = []
    for axis in axes:
        line = others.get("/" + variable.dimensions[axis])
        if line is None or line.shape != (variable.shape[axis],) or line.shape[0] < 2 or line.is_bare_dimension:
            return None
        values = _read(line)
        step = (values[-1] - values[0]) / (len(values) - 1)
        deviation = np.abs(values - values[0] - step * np.arange(len(values))).max()
        if not deviation <= _TOLERANCE * abs(step):
            raise source.error(
                f"{line.name}: expected coordinates in even steps, got some that are {deviation:.3g} off"
            )
        origins_and_steps.append((values[0] - step / 2, step))
    (y, row_step), (x, column_step) = origins_and_steps
    return Grid(crs, (column_step, 0.0, x, 0.0, row_step, y))


def _absolute_name(variable: Variable, name: str) -> str:
    """A name with its groups; without any, it is in the group of the variable."""
    return name if name.startswith("/") else f"{variable.name.rsplit('/', 1)[0]}/{name}"
