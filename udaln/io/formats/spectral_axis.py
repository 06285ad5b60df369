"""Wavelengths in the units of files."""

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
_MICROMETRES = 100.0  # without a unit, wavelengths below it are in µm, others in nm: optical sensors have no others


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


def numbers_per_band(source: Source, what: str, texts: Sequence[object], bands: int) -> NDArray[np.float64]:
    """Parse one number for each band.

    Args:
        source: The file, for messages.
        what: Name of the numbers, for messages.
        texts: The numbers as text.
        bands: How many there must be.

    Raises:
        InputError: If there are not as many as bands, or one is not a number.
    """
    if len(texts) != bands:
        raise source.error(f"{what}: expected one for each of the {bands} bands, got {len(texts)}")
    try:
        return np.array([float(str(text)) for text in texts])
    except ValueError as error:
        raise source.error(f"{what}: expected numbers, got {' '.join(str(error).split())}") from error
