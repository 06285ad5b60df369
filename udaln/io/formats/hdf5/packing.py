"""From the attributes of a variable to its numbers: scale, no data, valid range, signs.

By the CF conventions (1.11, sections 2.5 and 8.1), the NetCDF Users Guide (`_Unsigned`, `valid_range`) and, of vendors,
by what the attributes are called.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from udaln.io.formats.hdf5.variable import Variable, find, numbers_of, plain, text_of
from udaln.io.formats.stored import PerBand, Stored, Window

FILLS = (  # attributes of numbers that mean no data
    *("fillvalue", "missingvalue", "dataignorevalue", "nodata", "nodatavalue", "nodatavalues", "nodatavals"),
    *("ignorevalue", "missing", "badvalue", "invalidvalue", "novalue"),
)
SCALES = ("scalefactor", "reflectancescalefactor", "scalingfactor", "scale", "scales", "slope")
OFFSETS = ("addoffset", "offset", "offsets", "intercept")
_LIKE_SCALES = ("gain", "gains", "multiplier", "factor", "reflectancegain", "radiancescale", "bias")  # may be settings
DEFAULT_FILLS = {  # what the NetCDF library leaves where nothing was written
    **{"f4": 9.969209968386869e36, "f8": 9.969209968386869e36},
    **{"i2": -32767.0, "i4": -2147483647.0, "i8": -9223372036854775806.0},
}
DIVISOR = 100.0  # a reflectance is not multiplied by more: such a scale divides
NEARLY_ALL = 0.95  # a valid range that leaves out more than this fraction of the values is in another unit, or wrong
_BY_BAND = 5  # so many numbers that mean no data, and as many bands, are one for each
_SAMPLE = 16  # rows and columns of the windows that a valid range is tried on


def stored_numbers(
    variable: Variable, shape: tuple[int, int, int], read: Window, notes: list[str], *, netcdf: bool = False
) -> Stored:
    """The numbers of an image in a variable.

    Args:
        variable: Its attributes tell what the numbers mean.
        shape: Rows, columns, bands.
        read: Reads the numbers as the variable has them in a window of rows and columns.
        notes: What is set aside, or taken in another way than it says, is added to these.
        netcdf: Whether the file is from the NetCDF library, which fills what was not written.
    """
    dtype = _signed_or_not(variable, notes)

    def numbers(rows: slice, cols: slice) -> NDArray[Any]:
        part = read(rows, cols)
        return part if part.dtype == dtype else part.astype(dtype)  # two's complement

    scale, offset = _scale_and_offset(variable, shape[2], notes)
    fills, by_band = _fills(variable, dtype, shape[2], notes)
    if netcdf and find(variable.attributes, "fillvalue") is None and dtype.str[1:] in DEFAULT_FILLS:
        fills.append(DEFAULT_FILLS[dtype.str[1:]])
    limits = _valid_range(variable, dtype, scale, offset, notes)
    if limits is not None and _leaves_nothing(limits, shape, numbers, fills):
        notes.append(f"{variable.name}: its valid range {_range(limits)} is left aside: nearly no number is within")
        limits = None
    return Stored(shape, dtype, numbers, scale, offset, [*fills, *by_band], limits)


def is_reflectance(variable: Variable) -> bool:
    """Whether the name or the standard name of a variable says that it is reflectance."""
    return "reflectance" in plain(variable.text("standardname")) or "reflectance" in variable.plain_name


def _signed_or_not(variable: Variable, notes: list[str]) -> np.dtype[Any]:
    """The type of the numbers, as ``_Unsigned`` says."""
    dtype = variable.dtype.newbyteorder("=")
    found = find(variable.attributes, "unsigned")
    if found is None:
        return dtype
    kind = {"true": "u", "1": "u", "false": "i", "0": "i"}.get(text_of(found[1]).lower())
    if kind is None or dtype.kind == "f":
        notes.append(f"{variable.name}: {found[0]}={text_of(found[1])!r} of {dtype} numbers is left aside")
        return dtype
    return np.dtype(f"{kind}{dtype.itemsize}")


def _fills(variable: Variable, dtype: np.dtype[Any], bands: int, notes: list[str]) -> tuple[list[float], list[PerBand]]:
    """All numbers that mean no data, as ``dtype`` holds them: in every band, and one for each."""
    fills: list[float] = []
    by_band: list[PerBand] = []
    for name, value in variable.attributes.items():
        if plain(name) not in FILLS:
            continue
        values = numbers_of(value)
        if values is None:
            notes.append(f"{variable.name}: {name}={text_of(value)!r} is left aside: expected numbers")
            continue
        if values.size == bands >= _BY_BAND and len(np.unique(values)) > 1:
            by_band.append(values)
            continue
        for number in np.unique(values[~np.isnan(values)]).tolist():  # NaN is no measurement anyway
            stored = _as_stored(number, dtype)
            if stored is None:
                notes.append(f"{variable.name}: {name}={number:g} is left aside: {dtype} numbers cannot have it")
                continue
            if dtype.kind != "f" and stored != number and find(variable.attributes, "unsigned") is None:
                notes.append(f"{variable.name}: {name}={number:g} is taken as {stored:g}, the same {dtype} number")
            if stored not in fills:
                fills.append(stored)
    return fills, by_band


def _as_stored(number: float, dtype: np.dtype[Any]) -> float | None:
    """A number as a type holds it, of the other sign in two's complement if need be; None if it cannot."""
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            rounded = float(np.asarray(number, np.float64).astype(dtype))
        return rounded if np.isfinite(rounded) else number
    info, span = np.iinfo(dtype), 2.0 ** (8 * dtype.itemsize)
    if not float(number).is_integer():
        return None
    if info.min <= number <= info.max:
        return number
    wrapped = number + span if number < 0 else number - span
    within = -span / 2 <= number < span
    return wrapped if within and info.min <= wrapped <= info.max else None


def _scale_and_offset(variable: Variable, bands: int, notes: list[str]) -> tuple[PerBand | float, PerBand | float]:
    """Factor and offset of number · factor + offset.

    ``scale_factor`` multiplies, as CF has it. Vendors' attributes of other spellings multiply if they are at most 1
    and divide if they are larger, as NEON's ``Scale_Factor=10000`` does; an offset is then one of stored numbers.
    """
    if (other := find(variable.attributes, *_LIKE_SCALES)) and not find(variable.attributes, *SCALES):
        notes.append(f"{variable.name}: {other[0]}={text_of(other[1])[:40]} is not used; scale_factor would be")
    name, scale = _per_band(variable, SCALES, bands, notes, lambda values: bool((values != 0).all()))
    offset_name, offset = _per_band(variable, OFFSETS, bands, notes, lambda values: True)
    if scale is None:
        return 1.0, 0.0 if offset is None else offset
    largest = float(np.abs(scale).max())
    divides = largest > 1 if name != "scale_factor" else largest >= DIVISOR and is_reflectance(variable)
    if not divides:
        if name == "scale_factor" and largest >= DIVISOR:
            notes.append(f"{variable.name}: scale_factor={largest:g} multiplies, as the CF conventions say")
        return scale, 0.0 if offset is None else offset
    formula = f"number / {name}" if offset is None else f"(number + {offset_name}) / {name}"
    notes.append(f"{variable.name}: {name}={largest:g} divides: values are {formula}")
    return 1 / scale, 0.0 if offset is None else offset / scale


def _per_band(
    variable: Variable, names: Sequence[str], bands: int, notes: list[str], usable: Any
) -> tuple[str, PerBand | float | None]:
    """The first usable attribute of some names: its name and its number, or its numbers for the bands."""
    found = find(variable.attributes, *names)
    if found is None:
        return "", None
    name, value = found
    values = numbers_of(value)
    if values is None or values.size not in (1, bands) or not np.isfinite(values).all() or not usable(values):
        notes.append(
            f"{variable.name}: {name}={text_of(value)[:40]!r} is left aside: expected a number, or one for each of "
            f"the {bands} bands"
        )
        return "", None
    return name, float(values[0]) if values.size == 1 else values


def _valid_range(
    variable: Variable, dtype: np.dtype[Any], scale: PerBand | float, offset: PerBand | float, notes: list[str]
) -> tuple[float, float] | None:
    """The smallest and the largest valid number, as stored.

    Limits of a scaled variable are of stored numbers, unless these are integers and the limits are not.
    """
    limits, raw = [-np.inf, np.inf], []
    for key, ends in (("validrange", (0, 1)), ("validmin", (0,)), ("validmax", (1,))):
        found = find(variable.attributes, key)
        if found is None:
            continue
        name, value = found
        values = numbers_of(value)
        if values is None or len(values) != len(ends) or np.isnan(values).any():
            notes.append(f"{variable.name}: {name}={text_of(value)[:40]!r} is left aside: expected {len(ends)} numbers")
            continue
        raw.append(np.asarray(value))
        for end, number in zip(ends, values.tolist(), strict=True):
            limits[end] = number
    if not raw:
        return None
    scaled = bool(np.any(np.not_equal(scale, 1)) or np.any(offset))
    if dtype.kind in "iu":
        if scaled and np.ndim(scale) == np.ndim(offset) == 0 and all(part.dtype.kind == "f" for part in raw):
            limits = sorted((limit - float(offset)) / float(scale) for limit in limits)
            notes.append(f"{variable.name}: its valid range is one of scaled values, since it is no integer")
        elif find(variable.attributes, "unsigned") is not None:
            limits = [limit if (number := _as_stored(limit, dtype)) is None else number for limit in limits]
        limits = [np.ceil(limits[0] - _slack(limits[0])), np.floor(limits[1] + _slack(limits[1]))]
        if limits[0] <= np.iinfo(dtype).min and np.iinfo(dtype).max <= limits[1]:
            return None  # every number is valid
    if limits[0] > limits[1]:
        notes.append(f"{variable.name}: its valid range {_range(limits)} is left aside: it is empty")
        return None
    return float(limits[0]) + 0.0, float(limits[1]) + 0.0  # no -0


def _slack(limit: float) -> float:
    """By how much a limit of integers may be off, once it was scaled."""
    return 1e-6 * max(1.0, abs(limit)) if abs(limit) < np.inf else 0.0


def _leaves_nothing(
    limits: tuple[float, float], shape: tuple[int, int, int], read: Window, fills: Sequence[float]
) -> bool:
    """Whether nearly all numbers lie outside of a valid range, by a few windows."""
    inside = total = 0
    for place in (0.1, 0.5, 0.9):
        rows, cols = (slice(start := int(place * max(0, side - _SAMPLE)), start + _SAMPLE) for side in shape[:2])
        part = read(slice(rows.start, min(rows.stop, shape[0])), slice(cols.start, min(cols.stop, shape[1])))
        part = part[np.isfinite(part) & ~np.isin(part, np.array(fills, np.float64).astype(part.dtype))]
        total += part.size
        inside += int(((part >= limits[0]) & (part <= limits[1])).sum())
    return bool(total) and inside < (1 - NEARLY_ALL) * total


def _range(limits: Sequence[float]) -> str:
    return f"{limits[0]:g} to {limits[1]:g}"
