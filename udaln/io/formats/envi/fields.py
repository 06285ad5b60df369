"""What an ENVI header tells of its bands and values; what cannot be used of it is left aside, with a line."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from udaln.io.formats.envi.header import Header
from udaln.io.formats.spectral_axis import as_numbers, checked_axis
from udaln.io.formats.stored import PerBand, Stored
from udaln.io.image import Bands

_LINEAR = (  # gains and offsets, and the unit that they lead to
    ("data gain values", "data offset values", None),
    ("data reflectance gain values", "data reflectance offset values", "reflectance"),
)
_FACTOR = "reflectance scale factor"
_NODATA = "data ignore value"


def apply_scaling(header: Header, stored: Stored) -> tuple[Stored, str | None, list[str]]:
    """Stored numbers with the gains and offsets of a header.

    Returns:
        The numbers, their unit if the header implies it, and notes.
    """
    bands, notes = stored.shape[2], []
    for gain_name, offset_name, unit in _LINEAR:
        if header.text(gain_name) is None and header.text(offset_name) is None:
            continue
        gain, gain_notes = _per_band(header, gain_name, bands, 1.0)
        offset, offset_notes = _per_band(header, offset_name, bands, 0.0)
        notes += gain_notes + offset_notes
        if not gain.any():
            notes.append(f"{gain_name}: expected numbers other than 0; left aside")
            gain = np.ones(bands)
        if (gain != 1).any() or offset.any():
            others = [name for line in _LINEAR for name in line[:2] if name not in (gain_name, offset_name)]
            notes += [f"{name}: is not used, since {gain_name} is" for name in (*others, _FACTOR) if header.text(name)]
            return replace(stored, scale=gain, offset=offset), unit, notes
    text = header.text(_FACTOR)
    if text is None:
        neutral = any(header.text(name) for line in _LINEAR for name in line[:2])
        return replace(stored, scale=1.0, offset=0.0) if neutral else stored, None, notes
    factors = as_numbers(header.numbers(_FACTOR, bands))
    if len(factors) not in (1, bands) or not (np.isfinite(factors) & (factors > 0)).all():
        return stored, None, [*notes, f"{_FACTOR}: expected a number above 0, got {text[:40]}; left aside"]
    if (factors < 1).all():  # a reflectance is stored as a larger number than it is
        notes.append(f"{_FACTOR}: {text[:40]} multiplies, since it is smaller than 1")
        factors = 1 / factors
    return replace(stored, scale=np.ones(bands) / factors, offset=0.0), "reflectance", notes


def nodata_of(header: Header, stored: Stored) -> tuple[list[PerBand | float], list[str]]:
    """The numbers that mean no data: those of the header or, if it names none, those known so far."""
    text, bands = header.text(_NODATA), stored.shape[2]
    if text is None:
        return list(stored.nodata), []
    entries = header.numbers(_NODATA, bands)
    values = as_numbers(entries)
    usable = ~np.isnan(values)
    wrong = [
        entry for entry, value in zip(entries, usable, strict=True) if not value and entry.strip("+-").lower() != "nan"
    ]
    notes = [f"{_NODATA}: expected a number, got {wrong[0][:40]}; left aside"] if wrong else []
    if stored.dtype.kind in "iu" and usable.any():
        limits = np.iinfo(stored.dtype)
        beyond = values[usable & ((values < limits.min) | (values > limits.max))]
        if beyond.size:
            notes.append(f"{_NODATA}: {beyond[0]:g} is no number that {stored.dtype} can hold; no value equals it")
    if len(values) == bands and len(np.unique(values[usable])) > 1:
        return [values], notes
    return [np.full(bands, value) for value in np.unique(values[usable])], notes


def bands_of(header: Header, bands: int) -> tuple[Bands, list[str]]:
    """Names, wavelengths, widths and the list of bad bands, as far as they can be used; and notes."""
    notes: list[str] = []
    wavelengths = fwhm = good = names = None
    unit = header.text("wavelength units")
    if header.text("wavelength") is not None:
        widths = header.numbers("fwhm", bands) if header.text("fwhm") else None
        wavelengths, fwhm, axis_notes = checked_axis(header.numbers("wavelength", bands), unit, widths, bands=bands)
        notes += axis_notes
    elif header.text("fwhm") is not None:  # the unit of the widths cannot be inferred
        notes.append("fwhm: left aside, since there are no wavelengths to go with it")
    if header.text("band names") is not None:
        names = header.names("band names", bands)
        if len(names) != bands:
            notes.append(f"band names: expected one for each of the {bands} bands, got {len(names)}; left aside")
            names = None
    if header.text("bbl") is not None:
        flags = as_numbers(entries := header.numbers("bbl", bands))
        if len(flags) != bands:
            notes.append(f"bbl: expected one for each of the {bands} bands, got {len(entries)}; left aside")
        elif np.isnan(flags).any() or not flags.any():
            text = "1 for some bands, got none" if not np.nan_to_num(flags).any() else "1 or 0 for each band"
            notes.append(f"bbl: expected {text}; left aside")
        else:
            good = flags != 0
    return Bands(names, wavelengths, fwhm, good), notes


def _per_band(header: Header, name: str, bands: int, neutral: float) -> tuple[PerBand, list[str]]:
    """The number of each band in a field, which may have one for all; ``neutral`` ones if they cannot be used."""
    if header.text(name) is None:
        return np.full(bands, neutral), []
    values = as_numbers(header.numbers(name, bands))
    if len(values) not in (1, bands):
        return np.full(bands, neutral), [
            f"{name}: expected one for each of the {bands} bands, got {len(values)}; left aside"
        ]
    if not np.isfinite(values).all():
        return np.full(bands, neutral), [f"{name}: expected numbers, got some that are none; left aside"]
    return np.broadcast_to(values, (bands,)).copy(), []
