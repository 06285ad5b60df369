"""Files that keep each band of an image in a variable of its own: ``Band1``, ``Band2``, …, as GDAL writes NetCDF."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from udaln.io.formats.hdf5.cf import WAVELENGTHS
from udaln.io.formats.hdf5.packing import FILLS, OFFSETS, SCALES
from udaln.io.formats.hdf5.variable import Variable, find, listed, numbers_of, plain, text_of

_NUMBERED = re.compile(r"^(.*?)(\d+A?)$")  # also B8A of Sentinel-2
_MEANING = (*FILLS, *SCALES, *OFFSETS, "unsigned", "validrange", "validmin", "validmax")  # of numbers, as stored


def joined(variables: Mapping[str, Variable]) -> Variable | None:
    """The bands of an image as one variable of three axes: rows, columns, bands.

    They have two axes, names that differ in the number at the end, and the same size, type and meaning of numbers;
    scales and offsets may differ.

    Returns:
        None if there are none, or more than one such image.
    """
    images: dict[tuple[str, tuple[int, ...], tuple[str, ...]], list[tuple[str, Variable]]] = {}
    for name, variable in variables.items():
        match = _NUMBERED.match(name)
        if match is not None and variable.is_numeric and len(variable.shape) == 2:
            images.setdefault((match[1], variable.shape, variable.dimensions), []).append((match[2], variable))
    several = [members for members in images.values() if len(members) > 1]
    if len(several) != 1:
        return None
    bands = [variable for _, variable in sorted(several[0], key=lambda member: (int(member[0].rstrip("A")), member[0]))]
    if any(band.dtype != bands[0].dtype or _meaning(band) != _meaning(bands[0]) for band in bands):
        return None
    others = [item.name for item in variables.values() if item.shape == bands[0].shape and item.is_numeric]
    others = [name for name in others if all(name != band.name for band in bands)]
    unused = (
        (f"{listed(others)}: not used; bands are joined if their names differ in the number alone",) if others else ()
    )
    image = stacked(bands)
    return replace(image, notes=(*image.notes, *unused))


def stacked(bands: list[Variable]) -> Variable:
    """Variables of two axes as the bands of one of three axes."""
    first = bands[0]

    def read(index: tuple[slice, ...]) -> NDArray[Any]:
        return np.stack([band.read(index[:2]) for band in bands], -1)[..., index[2]]

    wavelengths = [_wavelength(band) for band in bands]
    attributes = {name: value for name, value in first.attributes.items() if plain(name) not in WAVELENGTHS}
    if all(value is not None for value in wavelengths):
        attributes["wavelength"] = np.array(wavelengths, np.float64)
    for name in attributes:
        if plain(name) in (*SCALES, *OFFSETS) and len(bands) > 1:
            attributes[name] = [band.attributes[name] for band in bands]
    names = [band.name.rsplit("/", 1)[-1] for band in bands]
    if not names[0].lower().startswith("band"):  # Band1 is no name of a sensor's band
        attributes["band names"] = names
    return replace(
        first,
        shape=(*first.shape, len(bands)),
        attributes=attributes,
        dimensions=(*first.dimensions, "band") if first.dimensions else ("y", "x", "band"),
        read=read,
        notes=(
            *first.notes,
            f"{first.name} to {names[-1]}: the {len(bands)} variables are taken as bands of one image"
            if len(bands) > 1
            else f"{first.name}: is taken as an image of one band",
        ),
    )


def _meaning(band: Variable) -> dict[str, str]:
    """The attributes that tell what its numbers mean, but for the numbers in scales and offsets."""
    return {
        name: "" if plain(name) in (*SCALES, *OFFSETS) else text_of(value)
        for name, value in band.attributes.items()
        if plain(name) in _MEANING
    }


def _wavelength(band: Variable) -> float | None:
    found = find(band.attributes, *WAVELENGTHS)
    numbers = None if found is None else numbers_of(found[1])
    return float(numbers[0]) if numbers is not None and numbers.size == 1 and numbers[0] > 0 else None
