"""Georeferencing of a variable: coordinates, grid mappings, and geotransforms in attributes."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from udaln.errors import InputError
from udaln.io.formats.cf import Axes
from udaln.io.formats.crs import wkt_from_epsg
from udaln.io.formats.raster import import_rasterio
from udaln.io.formats.source import Source
from udaln.io.formats.variable import Attributes, Contents, Variable, find, listed, numbers_of, text_of
from udaln.io.grid import Grid

GEOGRAPHIC = 4326
_TOLERANCE = 0.02  # deviation of coordinates from a regular grid [pixels]; files round them
_LATITUDES, _LONGITUDES = ("lat", "latitude", "latitudes", "lats"), ("lon", "longitude", "longitudes", "lons", "long")
_DEGREES = re.compile(r"deg(ree)?s?(_?(north|east|n|e))?$", re.IGNORECASE)
_WKT, _CODES = ("crswkt", "spatialref", "wkt"), ("epsgcode", "epsg", "crs")
_PROJ = ("proj4", "proj4string", "proj4text", "projstring", "esripestring")
_UTM = {"scalefactoratcentralmeridian": 0.9996, "falseeasting": 5e5, "latitudeofprojectionorigin": 0.0}
_EARTH = {"inverseflattening": 298.257223563, "semimajoraxis": 6378137.0}  # WGS 84, also where a file names none
_LENGTHS = {"km": 1e3, "kilometer": 1e3, "kilometre": 1e3, "kilometers": 1e3, "kilometres": 1e3}


def grid(source: Source, variable: Variable, axes: Axes, contents: Contents, notes: list[str]) -> Grid | None:
    """Georeferencing; None without any.

    The transform follows from the coordinates of rows and columns or, without them, from the attribute
    ``GeoTransform`` of the grid mapping, as GDAL writes it. The CRS is that of the grid mapping, WGS 84 if the
    coordinates are in degrees, or unknown.

    Raises:
        InputError: If the coordinates are not evenly spaced.
    """
    mapping = _mapping(variable, contents)
    y, x = (contents.coordinate(variable, axis) for axis in (axes.row, axes.column))
    if y is None or x is None or not (_is_place(y) and _is_place(x)):
        arrays = _geolocation_arrays(variable, axes, contents)  # a geotransform is then one of another grid
        place = None if mapping is None or arrays else _from_geotransform(source, mapping, notes)
        if place is None:
            notes += _without_grid(variable, arrays)
        return place
    (top, row_step), (left, column_step) = (_even(source, line) for line in (y, x))
    degrees = all(_is_angle(line, names) for line, names in ((y, _LATITUDES), (x, _LONGITUDES)))
    crs = "" if mapping is None else _crs(source, mapping, notes)
    if degrees and crs.startswith("PROJ"):
        notes.append(f"{y.name}, {x.name}: in degrees, but the CRS of the grid mapping is projected: taken as WGS 84")
        crs = ""
    if not crs and degrees:
        crs = _wgs84(source)
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
    """Attributes of the grid mapping: the one that the variable names, the only one, or those of the file."""
    name = variable.text("gridmapping").split(":")[0].strip()
    named = contents.lookup(variable, name)
    if named is not None:
        return named.attributes
    others = [
        other.attributes
        for other in contents.variables.values()
        if len(other.shape) < 2 and find(other.attributes, *_WKT, *_CODES, *_PROJ, "gridmappingname") is not None
    ]
    if len(others) == 1:
        return others[0]
    of_file = contents.groups.get("/", {})
    return of_file if find(of_file, *_WKT, *_CODES, *_PROJ) is not None else None


def _crs(source: Source, mapping: Attributes, notes: list[str]) -> str:
    """The CRS of a grid mapping as WKT; empty if it has none that is understood."""
    found = find(mapping, *_WKT)
    if found is not None and (text := text_of(found[1])):
        return text
    for name, value in (found for key in (*_CODES, *_PROJ) if (found := find(mapping, key)) is not None):
        code = re.fullmatch(r"(?:epsg:)?(\d{4,6})(?:\.0)?", text_of(value).lower())
        try:
            return wkt_from_epsg(source, int(code[1])) if code else _wkt_from_text(source, text_of(value))
        except InputError as error:
            notes.append(f"{name}={text_of(value)[:40]!r} is left aside: {error}")
    found = find(mapping, "gridmappingname")
    kind = "" if found is None else text_of(found[1])
    if kind == "latitude_longitude":
        return _wgs84(source)
    if kind == "transverse_mercator" and (zone := _utm(mapping)) is not None:
        return wkt_from_epsg(source, zone)
    if kind:
        notes.append(f"grid mapping {kind}: expected its CRS as WKT (crs_wkt), got none; the CRS is not known")
    return ""


def _wkt_from_text(source: Source, text: str) -> str:
    """The CRS that a text describes in any way that PROJ knows, as WKT.

    Raises:
        InputError: If it is not understood, or rasterio is not installed.
    """
    rasterio = import_rasterio(source, "its georeferencing")
    try:
        with rasterio.Env():
            return str(rasterio.CRS.from_string(text).to_wkt())
    except rasterio.errors.CRSError as error:
        raise source.error(f"unknown CRS: {' '.join(str(error).split())}") from error


def _utm(mapping: Attributes) -> int | None:
    """The EPSG code of a transverse Mercator projection that is UTM on WGS 84; None for others."""

    def number(name: str, default: float) -> float:
        found = find(mapping, name)
        values = None if found is None else numbers_of(found[1])
        return default if values is None or values.size != 1 else float(values[0])

    meridian, north = number("longitudeofcentralmeridian", np.nan), number("falsenorthing", 0.0)
    same = all(abs(number(name, _EARTH.get(name, np.nan)) - value) < 1e-6 for name, value in (_UTM | _EARTH).items())
    zone = (meridian + 183) / 6
    if not same or not zone.is_integer() or not 1 <= zone <= 60 or north not in (0, 1e7):
        return None
    return (32700 if north else 32600) + int(zone)


def _wgs84(source: Source) -> str:
    try:
        return wkt_from_epsg(source, GEOGRAPHIC)
    except InputError:  # without rasterio
        return ""


def _from_geotransform(source: Source, mapping: Attributes, notes: list[str]) -> Grid | None:
    found = find(mapping, "geotransform")
    if found is None:
        return None
    numbers = numbers_of(found[1])
    if numbers is None or numbers.size != 6 or not np.isfinite(numbers).all():
        notes.append(f"{found[0]} is left aside: expected 6 numbers, got {text_of(found[1])[:40]!r}")
        return None
    c, a, b, f, d, e = numbers.tolist()
    if a * e == b * d:
        notes.append(f"{found[0]} is left aside: expected pixels with an area, got {text_of(found[1])[:60]!r}")
        return None
    return Grid(_crs(source, mapping, notes), (a, b, c, d, e, f))


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


def _is_place(line: Variable) -> bool:
    """Whether coordinates are two places or more, and not numbers of rows or columns: those have no unit and count."""
    values = line.line()
    if len(values) < 2:
        return False
    counts = values[0] in (0, 0.5, 1) and np.array_equal(values, values[0] + np.arange(len(values)))
    return not counts or line.text("units", "unit").lower() not in ("", "1", "count", "pixel", "pixels")
