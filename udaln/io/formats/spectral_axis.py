"""Wavelengths and widths in the units of files, checked: what is unusable is left aside, with a line that says so."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Numbers = NDArray[np.float64]

_NANOMETRES = {
    1.0: ("nm", "nanometer", "nanometers", "nanometre", "nanometres", "nanomètre", "nanomètres"),
    1e3: ("µm", "um", "μm", "micrometer", "micrometers", "micrometre", "micrometres", "micron", "microns", "mum"),
    0.1: ("a", "å", "ångström", "angstrom", "angstroms"),
    1e6: ("mm", "millimeter", "millimeters"),
    1e7: ("cm", "centimeter", "centimeters"),
    1e9: ("m", "meter", "meters", "metre", "metres"),
}
_UNKNOWN = ("", "unknown", "none", "null", "n/a")
_MICROMETRES = 100.0  # without a unit, wavelengths below it are in µm, others in nm: optical sensors have no others
OPTICAL = (150.0, 20000.0)  # wavelengths that optical sensors have [nm]
_NARROWEST = 0.05  # of a band [nm]; the widest is as wide as its wavelength
_FEW = 0.2  # up to this share of the bands may lack a wavelength that the others tell
_NUMBER = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eEdD][-+]?\d+)?)\s*([^\W\d]*)\s*$")


def nm_per_unit(unit: str | None, wavelengths: ArrayLike) -> float | None:
    """Factor from a unit of length to nm.

    Args:
        unit: Name of the unit as in files; None if it is not known.
        wavelengths: In that unit. Without a unit, their magnitude decides between µm and nm.

    Returns:
        None if the unit is not one of length, such as ``Wavenumber``.
    """
    unit = (unit or "").strip().lower()
    if unit in _UNKNOWN:
        return 1e3 if np.max(wavelengths) < _MICROMETRES else 1.0
    return next((factor for factor, names in _NANOMETRES.items() if unit in names), None)


def as_numbers(values: ArrayLike | Sequence[object]) -> Numbers:
    """Numbers, or texts that stand for numbers, in double precision; NaN for what is none.

    Example:
        >>> as_numbers(["450", " 1.5e3 nm", "blue"]).tolist()
        [450.0, 1500.0, nan]
    """
    array = np.asarray(values)
    if array.dtype.kind in "iufb":
        return array.astype(np.float64).reshape(-1)
    return np.array([_as_number(value) for value in array.reshape(-1).tolist()], np.float64)


def checked_wavelengths(
    values: ArrayLike | Sequence[object], unit: str | None = None, bands: int | None = None
) -> tuple[Numbers | None, str | None]:
    """Wavelengths of the bands of an image [nm], if they can be used.

    A unit that makes no optical wavelengths of them, such as nm for 0.45, is taken for the one that does. Bands whose
    wavelength is missing, zero, repeated or beyond the optical range get one in line with their neighbours', if they
    are few.

    Args:
        values: One per band, numbers or texts.
        unit: Its name as in files; None if it is not known.
        bands: How many there should be; None if any number will do.

    Returns:
        The wavelengths, finite and all different, in any order, or None; and what is peculiar about them, or None.
    """
    wavelengths, _, note = _wavelengths(as_numbers(values), unit, bands)
    return wavelengths, note


def checked_axis(
    values: ArrayLike | Sequence[object],
    unit: str | None = None,
    widths: ArrayLike | Sequence[object] | None = None,
    widths_unit: str | None = None,
    bands: int | None = None,
    names: tuple[str, str] = ("wavelength", "fwhm"),
) -> tuple[Numbers | None, Numbers | None, tuple[str, ...]]:
    """Wavelengths and full widths at half maximum of the bands of an image [nm], if they can be used.

    Args:
        values: One wavelength per band, numbers or texts; see `checked_wavelengths`.
        unit: Its name as in files; None if it is not known.
        widths: One per band, or None.
        widths_unit: None stands for the unit of the wavelengths.
        bands: How many there should be; None if any number will do.
        names: What the file calls the two. The lines begin with them.

    Returns:
        The wavelengths or None, the widths or None, and a line for each thing that is peculiar.
    """
    wavelengths, factor, note = _wavelengths(as_numbers(values), unit, bands)
    notes = [f"{names[0]}: {note}"] if note else []
    if widths is None or np.size(np.asarray(widths, object)) == 0:
        return wavelengths, None, tuple(notes)
    if wavelengths is None:
        return None, None, (*notes, f"{names[1]}: left aside, since there are no wavelengths to go with it")
    if widths_unit is not None:
        factor = nm_per_unit(widths_unit, wavelengths) or factor
    fwhm, note = _widths(as_numbers(widths), factor, wavelengths)
    return wavelengths, fwhm, (*notes, f"{names[1]}: {note}") if note else tuple(notes)


def _as_number(value: object) -> float:
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    if isinstance(value, int | float):
        return float(value)
    match = _NUMBER.match(str(value))
    if match is None or (match[2] and not any(match[2].lower() in names for names in _NANOMETRES.values())):
        return np.nan
    return float(match[1].lower().replace("d", "e"))


def _wavelengths(values: Numbers, unit: str | None, bands: int | None) -> tuple[Numbers | None, float, str | None]:
    """The wavelengths [nm] or None, the factor from their unit, and a note or None."""
    if bands not in (None, len(values)):
        return None, 1.0, f"expected one for each of the {bands} bands, got {len(values)}; left aside"
    usable = np.isfinite(values) & (values > 0)
    if not usable.any():
        return None, 1.0, f"expected positive numbers, got none ({_some(values)}); left aside"
    if len(values) > 1 and any(np.array_equal(values, np.arange(first, first + len(values))) for first in (0, 1)):
        return None, 1.0, f"are the numbers of the bands ({_some(values)}), no wavelengths; left aside"
    stated = nm_per_unit(unit, values[usable])
    if stated is None:
        return None, 1.0, f"in {str(unit).strip()}, which is no unit of length; left aside"
    enough = (1 - _FEW) * usable.sum()
    factor = next((f for f in (stated, 1.0, 1e3, 0.1, 1e9) if _optical(f * values).sum() >= enough), None)
    if factor is None:
        text = f"expected optical wavelengths, got {_some(values)} in {_name(unit)}; left aside"
        return None, 1.0, text
    notes = []
    if factor != stated:
        notes.append(f"{_some(values[usable])} cannot be in {_name(unit)}; taken for {_NANOMETRES[factor][0]}")
    usable &= _optical(factor * values) & _first_of_its_kind(values)
    wavelengths = factor * values
    if not usable.all():
        bad = f"{(~usable).sum()} of {len(values)} bands have none that is positive, optical and their own"
        bad += f" ({_some(values[~usable])})"
        completed = _completed(wavelengths, usable)
        if completed is None:
            return None, 1.0, "; ".join([*notes, f"{bad}; left aside, all of them"])
        wavelengths = completed
        notes.append(f"{bad}; they get one in line with their neighbours")
    return wavelengths, factor, "; ".join(notes) or None


def _optical(wavelengths: Numbers) -> NDArray[np.bool_]:
    return np.asarray((wavelengths >= OPTICAL[0]) & (wavelengths <= OPTICAL[1]))


def _first_of_its_kind(values: Numbers) -> NDArray[np.bool_]:
    first = np.zeros(len(values), bool)
    first[np.unique(values, return_index=True)[1]] = True
    return first


def _completed(wavelengths: Numbers, usable: NDArray[np.bool_]) -> Numbers | None:
    """Wavelengths with those that are not usable put on the line through their neighbours; None if that fails."""
    known = np.flatnonzero(usable)
    if len(known) < max(3, (1 - _FEW) * len(usable)):
        return None
    completed = np.interp(np.arange(len(usable)), known, wavelengths[known])
    for ends, outside in ((known[:2], slice(0, known[0])), (known[-2:], slice(known[-1] + 1, None))):
        slope = (wavelengths[ends[1]] - wavelengths[ends[0]]) / (ends[1] - ends[0])
        completed[outside] = wavelengths[ends[0]] + slope * (np.arange(len(usable))[outside] - ends[0])
    good = _optical(completed).all() and len(np.unique(completed)) == len(completed)
    return completed if good else None


def _widths(values: Numbers, factor: float, wavelengths: Numbers) -> tuple[Numbers | None, str | None]:
    """The widths [nm] or None, and a note or None."""
    if len(values) != len(wavelengths):
        return None, f"expected one for each of the {len(wavelengths)} bands, got {len(values)}; left aside"
    usable = np.isfinite(values) & (values > 0)
    if not usable.all():
        bad = f"got {_some(values[~usable])} in {(~usable).sum()} of {len(values)} bands"
        return None, f"expected positive numbers, {bad}; left aside"
    middle, centre = float(np.median(values)), float(np.median(wavelengths))
    fitting = (other for other in (factor, 1.0, 1e3, 0.1, 1e9) if _NARROWEST <= other * middle <= centre)
    found = next(fitting, None)
    if found is None:
        return None, f"expected widths of bands, got {_some(values)}; left aside"
    stated = _NANOMETRES.get(factor, ("?",))[0]
    note = f"{_some(values)} cannot be in {stated}; taken for {_NANOMETRES[found][0]}" if found != factor else None
    return found * values, note


def _name(unit: str | None) -> str:
    text = (unit or "").strip()
    return "any unit of length" if text.lower() in _UNKNOWN else text


def _some(values: Numbers) -> str:
    """Up to three of some numbers, as text."""
    texts = list(dict.fromkeys(f"{value:g}" for value in values.tolist()))
    return ", ".join(texts[:3] + ["…"] * (len(texts) > 3))
