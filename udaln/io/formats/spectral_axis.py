"""Where bands lie in the spectrum, as files tell it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from udaln.io.formats.source import Source

_NANOMETRES = {
    1.0: ("nm", "nanometer", "nanometers", "nanometre", "nanometres"),
    1e3: ("um", "µm", "μm", "micrometer", "micrometers", "micrometre", "micrometres", "micron", "microns"),
    0.1: ("a", "å", "angstrom", "angstroms"),
    1e6: ("mm", "millimeter", "millimeters"),
    1e7: ("cm", "centimeter", "centimeters"),
    1e9: ("m", "meter", "meters", "metre", "metres"),
}
_UNKNOWN = ("", "unknown")
_MICROMETRES = 100.0  # wavelengths of an optical camera below it are in µm, above it in nm


def nanometres(unit: str | None, wavelengths: ArrayLike) -> float | None:
    """How many nm are in a unit of length.

    Args:
        unit: As files write it.
        wavelengths: In that unit; if it is not known, it is what optical bands of such numbers have.

    Returns:
        Nothing if the unit is not one of length, as ``Wavenumber`` is not.
    """
    unit = (unit or "").strip().lower()
    if unit in _UNKNOWN:
        return 1e3 if np.max(wavelengths) < _MICROMETRES else 1.0
    return next((factor for factor, names in _NANOMETRES.items() if unit in names), None)


def numbers(source: Source, what: str, texts: Sequence[object], bands: int) -> NDArray[np.float64]:
    """One number for each band.

    Raises:
        InputError: If they are not as many as the bands, or some are no numbers.
    """
    if len(texts) != bands:
        raise source.wrong(f"{what}: expected one for each of the {bands} bands, got {len(texts)}")
    try:
        return np.array([float(str(text)) for text in texts])
    except ValueError as error:
        raise source.wrong(f"{what}: expected numbers, got {' '.join(str(error).split())}") from error
