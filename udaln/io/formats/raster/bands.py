"""What the metadata of a raster tell of its bands: names, wavelengths, widths, flags."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from udaln.io.formats.spectral_axis import as_numbers, checked_axis
from udaln.io.image import Bands

_NAMED = re.compile(r"(\d+(?:\.\d+)?)\s*(nm|nanomet(?:er|re)s?|µm|um|microns?|micromet(?:er|re)s?)\b", re.IGNORECASE)
_SPACES = ("", "ENVI")  # namespaces of the metadata of a whole raster that have one number per band


@dataclass(frozen=True)
class _Axis:
    """Numbers of the bands as the file has them; empty where there are none."""

    wavelengths: Sequence[object]
    unit: str | None = None
    widths: Sequence[object] = ()


def bands_of_raster(file: Any, bands: Sequence[int]) -> tuple[Bands, list[str]]:
    """Names, wavelengths, widths and flags of some bands, as far as they can be used; and notes.

    They are looked for in the metadata of each band, in those of the whole raster, which have lists, and in the bands'
    descriptions, such as ``450 nm``.

    Args:
        file: Open in rasterio.
        bands: Numbers of the bands, counted from 1.
    """
    descriptions = [file.descriptions[band - 1] or "" for band in bands]
    names = [text or f"band {number}" for number, text in zip(bands, descriptions, strict=True)]
    tags = [_lower(file.tags(band)) for band in bands]
    whole = {name: text for space in _SPACES for name, text in _lower(file.tags(ns=space or None)).items()}
    axis = _of_bands(tags) or _of_imagery(file, bands) or _of_whole(whole, file.count, bands) or _of_names(descriptions)
    wavelengths = fwhm = None
    notes: tuple[str, ...] = ()
    if axis is not None:
        wavelengths, fwhm, notes = checked_axis(axis.wavelengths, axis.unit, axis.widths or None, bands=len(bands))
    flags = [tag.get("bbl", "") for tag in tags]
    good, flag_notes = _flags(flags if any(flags) else _list(whole, "bbl"), len(bands))
    return Bands(names if any(descriptions) else None, wavelengths, fwhm, good), [*notes, *flag_notes]


def _lower(tags: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): text for name, text in tags.items()}


def _of_bands(tags: Sequence[Mapping[str, str]]) -> _Axis | None:
    """By the metadata of each band."""
    values = [tag.get("wavelength", "") for tag in tags]
    unit = next((tag["wavelength_units"] for tag in tags if tag.get("wavelength_units")), None)
    widths = [tag.get("fwhm", "") for tag in tags]
    return _Axis(values, unit, widths if any(widths) else ()) if any(values) else None


def _of_imagery(file: Any, bands: Sequence[int]) -> _Axis | None:
    """By GDAL's own names of them."""
    tags = [file.tags(band, ns="IMAGERY") for band in bands]
    values, widths = ([tag.get(name, "") for tag in tags] for name in ("CENTRAL_WAVELENGTH_UM", "FWHM_UM"))
    return _Axis(values, "um", widths if any(widths) else ()) if any(values) else None


def _of_whole(tags: Mapping[str, str], count: int, bands: Sequence[int]) -> _Axis | None:
    """By lists in the metadata of the whole raster."""
    values = _list(tags, "wavelength") or _list(tags, "wavelengths")
    widths = _list(tags, "fwhm")
    if len(values) == count:
        values, widths = ([part[band - 1] for band in bands] if len(part) == count else () for part in (values, widths))
    return _Axis(values, tags.get("wavelength_units"), widths) if values else None


def _of_names(descriptions: Sequence[str]) -> _Axis | None:
    """By descriptions that all have one wavelength with its unit."""
    found = [_NAMED.findall(text) for text in descriptions]
    if not all(len(matches) == 1 for matches in found) or len({matches[0][1].lower() for matches in found}) > 1:
        return None
    return _Axis([matches[0][0] for matches in found], found[0][0][1])


def _list(tags: Mapping[str, str], name: str) -> Sequence[object]:
    return [part for part in re.split(r"[\s,;]+", tags.get(name, "").strip("{}[]() \n")) if part]


def _flags(texts: Sequence[object], bands: int) -> tuple[NDArray[np.bool_] | None, list[str]]:
    """Which bands a list of flags calls usable."""
    if not texts:
        return None, []
    flags = as_numbers(texts)
    if len(flags) != bands or not np.isin(flags, (0, 1)).all() or not flags.any():
        return None, [f"bbl: expected 0 or 1 for each of the {bands} bands, and 1 for some; left aside"]
    return np.asarray(flags == 1), []
