"""Axes and bands of a variable by the CF conventions (1.11), and by the names that files use beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from udaln.io.axis_names import is_bands, is_columns, is_rows
from udaln.io.formats.hdf5.packing import is_reflectance
from udaln.io.formats.hdf5.variable import Contents, Variable, find, numbers_of, plain, text_of
from udaln.io.formats.spectral_axis import OPTICAL, checked_axis
from udaln.io.formats.stored import PerBand
from udaln.io.image import Bands

WAVELENGTHS = (
    *("wavelength", "wavelengths", "centerwavelength", "centerwavelengths", "centrewavelength", "centrewavelengths"),
    *("centralwavelength", "centralwavelengths", "wavelengthcenter", "wavelengthcenters", "bandcenter", "bandcenters"),
    *("bandcentre", "bandcentres", "radiationwavelength", "wavelengthnm", "wavelengthsnm", "wvl", "wl", "lambda"),
)
FWHM = ("fwhm", "fwhms", "fullwidthhalfmax", "fullwidthhalfmaximum", "bandwidth", "bandwidths", "fwhmnm")
GOOD = ("goodwavelengths", "goodwavelength", "goodbands", "goodband", "good", "bbl", "validbands")
NAMES = ("bandname", "bandnames")


@dataclass(frozen=True)
class Axes:
    """Which axis of a variable is which."""

    row: int
    column: int
    band: int


def axes(variable: Variable, contents: Contents, notes: list[str]) -> Axes:
    """Which of three axes are rows, columns and bands.

    The band axis is the one named so, or the one that is left if the two others are named, or the one that has as
    many entries as there are wavelengths, or the last. Rows come before columns, unless both are named.
    """
    names = variable.dimensions if len(variable.dimensions) == 3 else ("", "", "")
    rows, columns, spectral = (
        [axis for axis in range(3) if fits(names[axis])] for fits in (is_rows, is_columns, is_bands)
    )
    if len(spectral) == 1:
        band = spectral[0]
    elif len(rows) == len(columns) == 1:
        band = 3 - rows[0] - columns[0]
    else:
        band = _by_length(variable, contents)
        if not any(names) and variable.shape[0] < min(variable.shape[1:]) and band == 2:
            notes.append(
                f"{variable.name}: its axes have no names, and are taken as rows, columns, bands; if the bands come "
                "first, name the axes in the file"
            )
    row, column = (axis for axis in range(3) if axis != band)
    return Axes(column, row, band) if row in columns and column in rows else Axes(row, column, band)


def bands(variable: Variable, axis: int, contents: Contents, notes: list[str]) -> Bands:
    """Wavelengths, FWHM [nm], flags and names, from variables beside the image, or else from its attributes."""
    number = variable.shape[axis]
    found = _line(variable, WAVELENGTHS, number, contents, notes)
    own = contents.coordinate(variable, axis)
    if own is not None and own.text("units", "unit") and (found is None or plain(found[0]) not in WAVELENGTHS):
        found = own.name, own.line(), own.text("units", "unit")  # coordinates without a unit may be band numbers
    elif own is not None and found is None and _look_like_wavelengths(values := own.line()):
        found = own.name, values, "nm"
        notes.append(f"{own.name}: its numbers, {values.min():g} to {values.max():g}, are taken as wavelengths in nm")
    wavelengths = fwhm = None
    if found is not None:
        name, values, unit = found
        widths = _line(variable, FWHM, number, contents, notes) or ("fwhm", None, "")
        names = name, widths[0]
        wavelengths, fwhm, said = checked_axis(values, unit, widths[1], widths[2] or None, number, names)
        notes += said
    return Bands(_names(variable, number, contents), wavelengths, fwhm, _flags(variable, number, contents, notes))


def unit_of(variable: Variable) -> str | None:
    """``reflectance`` if a name of the variable says so, else its units."""
    units = variable.text("units", "unit")
    if units.lower().startswith(("unitless", "dimensionless", "none", "-")) or units == "1":
        units = ""
    return "reflectance" if is_reflectance(variable) and units in ("", "reflectance") else units or None


def _by_length(variable: Variable, contents: Contents) -> int:
    """The only axis that has as many entries as there are wavelengths; else the last."""
    lengths = {
        other.shape[0]
        for other in contents.variables.values()
        if len(other.shape) == 1 and other.plain_name in WAVELENGTHS
    }
    alike = [other for other in contents.variables.values() if other.shape == variable.shape]  # as its uncertainty
    for own in (variable, *alike):
        found = find(own.attributes, *WAVELENGTHS)
        if found is not None and (values := numbers_of(found[1])) is not None:
            lengths.add(values.size)
    matches = [axis for axis in range(3) if variable.shape[axis] in lengths]
    return matches[0] if len(matches) == 1 else 2


def _nearest(variable: Variable, names: Sequence[str], number: int, contents: Contents) -> list[Variable]:
    """Variables of one entry per band that have one of some names, those in the nearest group.

    They may be matrices of one row or column, as MATLAB writes vectors.
    """
    candidates = [
        other
        for other in contents.variables.values()
        if len(other.shape) in (1, 2)
        and sorted(other.shape) in ([number], sorted((1, number)))
        and other.plain_name in names
        and not other.is_bare_dimension
    ]

    def distance(other: Variable) -> int:
        own, its = variable.group.split("/"), other.group.split("/")
        shared = next((i for i, pair in enumerate(zip(own, its, strict=False)) if pair[0] != pair[1]), None)
        shared = min(len(own), len(its)) if shared is None else shared
        return len(own) + len(its) - 2 * shared

    nearest = min(map(distance, candidates), default=0)
    return [other for other in candidates if distance(other) == nearest]


def _line(
    variable: Variable, names: Sequence[str], number: int, contents: Contents, notes: list[str]
) -> tuple[str, PerBand, str] | None:
    """One number per band: where it is from, the numbers and their unit."""
    candidates = [
        other
        for other in _nearest(variable, names, number, contents)
        if other.is_numeric or (other.dtype.kind in "OSU" and np.isfinite(other.line()).all())
    ]
    values = [other.line() for other in candidates]
    if values and all(np.array_equal(line, values[0], equal_nan=True) for line in values):
        return candidates[0].name, values[0], candidates[0].text("units", "unit")
    if values:
        notes.append(f"{', '.join(other.name for other in candidates)} are left aside: they differ")
        return None
    for owner, attributes in ((variable.name, variable.attributes), *contents.around(variable)):
        found = find(attributes, *names)
        if found is None:
            continue
        name, line = f"{owner} {found[0]}", numbers_of(found[1])
        if line is None or line.size != number:
            got = "text" if line is None else str(line.size)
            notes.append(f"{name} is left aside: expected a number for each of the {number} bands, got {got}")
            continue
        units = [f"{plain(found[0])}units", f"{plain(found[0])}unit", "wavelengthunits", "wavelengthunit"]
        unit = find(attributes, *units, "wavelengthsunits")
        return name, line, "" if unit is None else text_of(unit[1])
    return None


def _look_like_wavelengths(values: PerBand) -> bool:
    """Whether coordinates of bands without a unit are wavelengths in nm, and do not count."""
    return bool((values >= OPTICAL[0]).all() and (values <= OPTICAL[1]).all() and (np.diff(values) != 1).any())


def _flags(variable: Variable, number: int, contents: Contents, notes: list[str]) -> NDArray[np.bool_] | None:
    found = _line(variable, GOOD, number, contents, notes)
    if found is None:
        return None
    name, values, _ = found
    if not np.isin(values, (0, 1)).all() or not values.any():
        notes.append(f"{name} is left aside: expected 0 or 1 for each band, and 1 for some")
        return None
    return np.asarray(values == 1)


def _names(variable: Variable, number: int, contents: Contents) -> list[str] | None:
    for other in _nearest(variable, NAMES, number, contents):
        if other.dtype.kind in "OSU":
            return [text_of(name) for name in np.asarray(other.read((slice(None),) * len(other.shape))).ravel()]
    found = find(variable.attributes, *NAMES)
    names = [] if found is None else [text_of(name) for name in np.ravel(found[1])]
    return names if len(names) == number else None
