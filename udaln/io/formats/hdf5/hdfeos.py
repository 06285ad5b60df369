"""Georeferencing of grids in HDF-EOS5 files: the text StructMetadata that describes them.

Source: HDF-EOS5 User's Guide (175-EMD-001); the attribute ``epsg_code`` is Planet's.
"""

from __future__ import annotations

import re

from udaln.errors import InputError
from udaln.io.formats.crs import WGS84, utm_on_wgs84, wkt_from_epsg
from udaln.io.formats.hdf5.variable import Contents, Variable, find, numbers_of, text_of
from udaln.io.formats.source import Source
from udaln.io.grid import Grid

METADATA = "/HDFEOS INFORMATION/StructMetadata.0"
_GRID = re.compile(r"^/HDFEOS/GRIDS/([^/]+)/")
_NUMBER = r"[-+\d.eE]+"
_DEGREES = 360.0  # coordinates of a geographic grid beyond it are packed: DDDMMMSSS.SS


def grid(
    source: Source, variable: Variable, sides: tuple[int, int], contents: Contents, notes: list[str]
) -> Grid | None:
    """The grid of a variable under ``/HDFEOS/GRIDS``; None if it is in none, or it is not described.

    Projections are UTM and geographic coordinates; any by the attribute ``epsg_code`` of the grid.

    Args:
        source: The file.
        variable: The image.
        sides: Its rows and columns.
        contents: What the file holds.
        notes: What is left aside is added to these.
    """
    group, text = _GRID.match(variable.name), contents.variables.get(METADATA)
    if group is None or text is None:
        return None
    block = _block(text_of(text.read(())), group[1])
    first, last = _pair(block, "UpperLeftPointMtrs"), _pair(block, "LowerRightMtrs")
    if first is None or last is None:
        notes.append(f"{METADATA}: expected the corners of the grid {group[1]}, got none; its place is not known")
        return None
    rows, columns = sides
    said = tuple(int(number) for key in ("YDim", "XDim") for number in re.findall(rf"\b{key}\s*=\s*(\d+)", block)[:1])
    if said and said != sides:
        got = "×".join(map(str, said))
        notes.append(f"{METADATA}: left aside: it describes {got} pixels, the image has {rows}×{columns}")
        return None
    (left, top), (right, bottom) = first, last
    projection = _value(block, "Projection")
    if projection.endswith("GEO") and max(map(abs, (left, top, right, bottom))) > _DEGREES:
        left, top, right, bottom = map(_unpacked, (left, top, right, bottom))
    transform = ((right - left) / columns, 0.0, left, 0.0, (bottom - top) / rows, top)
    if not (transform[0] and transform[4]):
        notes.append(f"{METADATA}: left aside: its corners coincide")
        return None
    code = _epsg(contents, group[0].rstrip("/"), projection, _value(block, "ZoneCode"))
    crs = ""
    try:
        crs = "" if code is None else wkt_from_epsg(source, code)
    except InputError as error:
        notes.append(f"the CRS of {group[0]} is left aside: {error}")
    if code is None:
        notes.append(f"{METADATA}: the projection {projection or 'without a name'} is not known; no CRS")
    return Grid(crs, transform)


def _block(text: str, name: str) -> str:
    """The part of the metadata that describes a grid; all of it if no part has that name."""
    blocks = re.findall(r"GROUP=GRID_\d+\b.*?END_GROUP=GRID_\d+", text, re.DOTALL)
    return next((block for block in blocks if _value(block, "GridName") == name), text)


def _value(block: str, key: str) -> str:
    found = re.search(rf"\b{key}\s*=\s*\"?([^\"\s]*)", block)
    return found[1] if found else ""


def _pair(block: str, key: str) -> tuple[float, float] | None:
    found = re.search(rf"\b{key}\s*=\s*\(\s*({_NUMBER})\s*,\s*({_NUMBER})\s*\)", block)
    try:
        return (float(found[1]), float(found[2])) if found else None
    except ValueError:
        return None


def _unpacked(packed: float) -> float:
    """Degrees from DDDMMMSSS.SS."""
    sign, packed = (-1 if packed < 0 else 1), abs(packed)
    degrees, rest = divmod(packed, 1e6)
    minutes, seconds = divmod(rest, 1e3)
    return float(sign * (degrees + minutes / 60 + seconds / 3600))


def _epsg(contents: Contents, group: str, projection: str, zone: str) -> int | None:
    """The EPSG code: that of the group, or of WGS 84 in the projection; negative zones are in the south."""
    for owner in (group, "/"):
        found = find(contents.groups.get(owner, {}), "epsgcode", "epsg")
        numbers = None if found is None else numbers_of(text_of(found[1]).upper().removeprefix("EPSG:"))
        if numbers is not None and numbers.size == 1 and numbers[0] > 0:
            return int(numbers[0])
    if projection.endswith("UTM") and re.fullmatch(r"-?\d{1,2}", zone):
        return utm_on_wgs84(abs(int(zone)), north=int(zone) > 0)
    return WGS84 if projection.endswith("GEO") else None
