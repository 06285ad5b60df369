"""The CRS that attributes describe: of a grid mapping by the CF conventions, or as other software writes it."""

from __future__ import annotations

import re

import numpy as np

from udaln.errors import InputError
from udaln.io.formats.crs import WGS84, utm_on_wgs84, wkt_from_epsg, wkt_from_text, wkt_if_possible
from udaln.io.formats.hdf5.variable import Attributes, find, numbers_of, text_of
from udaln.io.formats.source import Source

WKT, CODES = ("crswkt", "spatialref", "wkt"), ("epsgcode", "epsg", "crs")
PROJ = ("proj4", "proj4string", "proj4text", "projstring", "esripestring")
_LIKE_WKT = re.compile(r"(PROJ|GEO|BOUND|COMPOUND|COMPD|DERIVED|LOCAL|ENG)[A-Z_]*\s*\[", re.IGNORECASE)
_UTM = {"scalefactoratcentralmeridian": 0.9996, "falseeasting": 5e5, "latitudeofprojectionorigin": 0.0}
_EARTH = {"inverseflattening": 298.257223563, "semimajoraxis": 6378137.0}  # WGS 84, also where a file names none


def crs_of(source: Source, mapping: Attributes, notes: list[str]) -> str:
    """The CRS of a grid mapping as WKT; empty if it has none that is understood."""
    found = find(mapping, *WKT)
    if found is not None and _LIKE_WKT.match(text := text_of(found[1])):
        return text
    for name, value in (found for key in (*WKT, *CODES, *PROJ) if (found := find(mapping, key)) is not None):
        code = re.fullmatch(r"(?:epsg:)?(\d{4,6})(?:\.0)?", text_of(value).lower())
        try:
            return wkt_from_epsg(source, int(code[1])) if code else wkt_from_text(source, text_of(value))
        except InputError as error:
            notes.append(f"{name}={text_of(value)[:40]!r} is left aside: {error}")
    found = find(mapping, "gridmappingname")
    kind = "" if found is None else text_of(found[1])
    if kind == "latitude_longitude":
        return wkt_if_possible(source, WGS84)
    if kind == "transverse_mercator" and (zone := _utm(mapping)) is not None:
        return wkt_from_epsg(source, zone)
    if kind:
        notes.append(f"grid mapping {kind}: expected its CRS as WKT (crs_wkt), got none; the CRS is not known")
    return ""


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
    return utm_on_wgs84(int(zone), north=not north)
