"""Georeferencing in attributes alone: GDAL's ``GeoTransform``, rasterio's ``transform``, ENVI's ``map info``."""

from __future__ import annotations

import numpy as np

from udaln.io.formats.crs import wkt_if_possible
from udaln.io.formats.hdf5.cf_crs import crs_of
from udaln.io.formats.hdf5.variable import Attributes, find, numbers_of, text_of
from udaln.io.formats.map_info import Transform, parts_of, transform_of, utm_epsg
from udaln.io.formats.source import Source
from udaln.io.grid import Grid

TRANSFORMS = ("geotransform", "transform", "mapinfo")


def grid_of(source: Source, attributes: Attributes, notes: list[str]) -> Grid | None:
    """The grid that attributes describe; None if they do not.

    ``GeoTransform`` has GDAL's order: x of the corner, step of x by column, by row, y of the corner, step of y by
    column, by row. ``transform`` has rasterio's: step of x by column, by row, x of the corner, and so on.
    """
    found = find(attributes, *TRANSFORMS)
    if found is None:
        return None
    name, value = found
    crs = crs_of(source, attributes, notes)
    try:
        if "map" in name.lower():
            parts = parts_of(text_of(value))
            transform = transform_of(parts)
            code = utm_epsg(parts)
            crs = crs or ("" if code is None else wkt_if_possible(source, code))
        else:
            transform = _six(value, gdal="geo" in name.lower())
    except ValueError as error:
        notes.append(f"{name} is left aside: {error} in {text_of(value)[:60]!r}")
        return None
    if not crs:
        notes.append(f"{name}: a place without a CRS; both images are taken to be in the same")
    return Grid(crs, transform)


def _six(value: object, *, gdal: bool) -> Transform:
    """A transform of six numbers, as of `Grid`; rasterio writes three more, which are always the same.

    Raises:
        ValueError: If there are fewer, or pixels have no area.
    """
    numbers = numbers_of(value)
    if numbers is None or numbers.size not in (6, 9) or not np.isfinite(numbers).all():
        raise ValueError("expected 6 numbers")
    first, second, third, fourth, fifth, sixth = numbers[:6].tolist()
    a, b, c, d, e, f = (
        (second, third, first, fifth, sixth, fourth) if gdal else (first, second, third, fourth, fifth, sixth)
    )
    if a * e == b * d:
        raise ValueError("expected pixels with an area")
    return a, b, c, d, e, f
