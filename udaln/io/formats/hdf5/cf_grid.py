"""Georeferencing of a variable by the CF conventions: coordinates and grid mappings."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from udaln.io.formats.crs import WGS84, wkt_if_possible
from udaln.io.formats.hdf5.cf import Axes
from udaln.io.formats.hdf5.cf_crs import CODES, PROJ, WKT, crs_of
from udaln.io.formats.hdf5.geotransform import TRANSFORMS, grid_of
from udaln.io.formats.hdf5.variable import Attributes, Contents, Variable, find, listed
from udaln.io.formats.source import Source
from udaln.io.grid import Grid

_TOLERANCE = 0.02  # deviation of coordinates from a regular grid [pixels]; files round them
_LATITUDES, _LONGITUDES = ("lat", "latitude", "latitudes", "lats"), ("lon", "longitude", "longitudes", "lons", "long")
_DEGREES = re.compile(r"deg(ree)?s?(_?(north|east|n|e))?$", re.IGNORECASE)
_LENGTHS = {"km": 1e3, "kilometer": 1e3, "kilometre": 1e3, "kilometers": 1e3, "kilometres": 1e3}


def grid(source: Source, variable: Variable, axes: Axes, contents: Contents, notes: list[str]) -> Grid | None:
    """Georeferencing; None without any.

    The transform follows from the coordinates of rows and columns or, without them, from attributes. The CRS is that
    of the grid mapping, WGS 84 if the coordinates are in degrees, or unknown.

    Raises:
        InputError: If the coordinates are not evenly spaced.
    """
    mapping = _mapping(variable, contents)
    y, x = (contents.coordinate(variable, axis) for axis in (axes.row, axes.column))
    if y is None or x is None or not (_is_place(y, notes) and _is_place(x, notes)):
        arrays = _geolocation_arrays(variable, axes, contents)  # a geotransform is then one of another grid
        place = None if mapping is None or arrays else grid_of(source, mapping, notes)
        if place is None:
            notes += _without_grid(variable, arrays)
        return place
    (top, row_step), (left, column_step) = (_even(source, line) for line in (y, x))
    degrees = all(_is_angle(line, names) for line, names in ((y, _LATITUDES), (x, _LONGITUDES)))
    crs = "" if mapping is None else crs_of(source, mapping, notes)
    if degrees and crs.startswith("PROJ"):
        notes.append(f"{y.name}, {x.name}: in degrees, but the CRS of the grid mapping is projected: taken as WGS 84")
        crs = ""
    if not crs and degrees:
        crs = wkt_if_possible(source, WGS84)
    if not crs:
        notes.append(f"{y.name}, {x.name}: coordinates without a CRS; both images are taken to be in the same")
    if degrees and left >= 180:
        left -= 360
    return Grid(crs, (column_step, 0.0, left, 0.0, row_step, top))


def _geolocation_arrays(variable: Variable, axes: Axes, contents: Contents) -> list[str]:
    """Names of the arrays that tell the place of each pixel."""
    size = {variable.shape[axes.row], variable.shape[axes.column]}
    return [
        other.name
        for other in contents.variables.values()
        if len(other.shape) == 2 and set(other.shape) == size and other.plain_name in (*_LATITUDES, *_LONGITUDES)
    ]


def _without_grid(variable: Variable, arrays: list[str]) -> Iterator[str]:
    """What is said of georeferencing that is none of a map grid."""
    if arrays:
        yield (
            f"{listed(arrays)}: the image has geolocation arrays but no map grid; they are not used, and it is taken "
            "to cover the same ground as the other image; if it does not, project it to a map grid first "
            "(gdalwarp -geoloc)"
        )
    elif name := variable.text("gridmapping"):
        yield f"{variable.name}: its grid mapping {name} is left aside: it has no coordinates of rows and columns"


def _mapping(variable: Variable, contents: Contents) -> Attributes | None:
    """Attributes of the grid mapping that the variable names, of the only one, its own, or those of its groups."""
    name = variable.text("gridmapping").split(":")[0].strip()
    named = contents.lookup(variable, name)
    if named is not None:
        return named.attributes
    names = (*WKT, *CODES, *PROJ, *TRANSFORMS)
    others = [
        other.attributes
        for other in contents.variables.values()
        if len(other.shape) < 2 and find(other.attributes, *names, "gridmappingname") is not None
    ]
    if len(others) == 1:
        return others[0]
    around = (variable.attributes, *(attributes for _, attributes in contents.around(variable)))
    return next((attributes for attributes in around if find(attributes, *names) is not None), None)


def _even(source: Source, line: Variable) -> tuple[float, float]:
    """Where the first pixel begins and the step to the next.

    Raises:
        InputError: If the steps differ.
    """
    values = line.line()
    values *= _LENGTHS.get(line.text("units", "unit").lower(), 1.0)
    index = np.arange(len(values))
    step = (values[-1] - values[0]) / (len(values) - 1)
    deviation = float(np.abs(values - values[0] - step * index).max())
    if not deviation <= _TOLERANCE * abs(step) + 2 * _rounding(line, values):
        raise source.error(
            f"{line.name}: expected coordinates in even steps, got some that are {deviation:.3g} off; resample the "
            "image to a regular grid, or leave the coordinates out of the file if both images cover the same ground"
        )
    middle = float(values.mean())
    return middle - float(step) * len(values) / 2, float(step)


def _rounding(line: Variable, values: NDArray[np.float64]) -> float:
    """The step between two numbers of the type of the coordinates."""
    largest = np.abs(values).max()
    return float(np.spacing(largest.astype(line.dtype))) if line.dtype.kind == "f" else 0.0


def _is_angle(line: Variable, names: tuple[str, ...]) -> bool:
    """Whether coordinates are latitudes or longitudes."""
    if line.text("units", "unit"):
        return bool(_DEGREES.match(line.text("units", "unit")))
    return line.plain_name in names or line.text("standardname").lower() in names


def _is_place(line: Variable, notes: list[str]) -> bool:
    """Whether coordinates are two places or more, and not numbers of rows or columns: those have no unit and count."""
    values = line.line()
    if len(values) < 2:
        return False
    if not np.isfinite(values).all() or values[0] == values[-1]:
        notes.append(f"{line.name} is left aside: expected coordinates of places, got {values[0]:g} to {values[-1]:g}")
        return False
    counts = values[0] in (0, 0.5, 1) and np.array_equal(values, values[0] + np.arange(len(values)))
    return not counts or line.text("units", "unit").lower() not in ("", "1", "count", "pixel", "pixels")
