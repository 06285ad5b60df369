"""Files that hold arrays, by name: MATLAB, NumPy and HDF5 files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from udaln.errors import InputError
from udaln.io.formats.source import Source
from udaln.io.formats.stored import Stored, Window
from udaln.io.image import Image

UNNAMED = ""  # the name of an array that its file has no name for


@dataclass(frozen=True)
class Array:
    """An array on disk.

    Attributes:
        shape: Of all axes.
        type: What it holds, as its file calls that.
        numeric: Whether those are real numbers.
        dtype: Of what ``read`` returns; asked for only of the array that is meant, since some must be read for it.
        read: Of a window of its first two axes, the values.
    """

    shape: tuple[int, ...]
    type: str
    numeric: bool
    dtype: Callable[[], np.dtype[Any]]
    read: Window

    def __str__(self) -> str:
        """The size and the type, in words."""
        return f"{'×'.join(map(str, self.shape)) or 'no shape'} {self.type}"


def chosen(source: Source, arrays: Mapping[str, Array], ndim: int) -> tuple[str, Array]:
    """The array that the user means, with its name: the one named, or the only one that may be meant.

    Raises:
        InputError: If there is none, or it has not ``ndim`` axes, or holds nothing or no real numbers.
    """
    name = _choose(source, arrays, ndim)
    found = arrays[name]
    what = name or "the array"
    if not found.numeric:
        raise source.wrong(f"{what} holds no real numbers but is {found}")
    if len(found.shape) != ndim:
        raise source.wrong(f"{what} has {len(found.shape)} axes ({found}), expected {ndim}")
    if 0 in found.shape:
        raise source.wrong(f"{what} is empty ({found})")
    if found.dtype().kind not in "iufb":  # a version 5 file tells complex numbers only as they are read
        raise source.wrong(f"{what} holds no real numbers but is {found.dtype()}")
    return name, found


def image(source: Source, kind: str, array: Array) -> Image:
    """An image of which the file says nothing but the numbers."""
    rows, columns, bands = array.shape
    stored = Stored((rows, columns, bands), array.dtype(), array.read)
    return Image(source.named, kind, stored.shape, stored.becomes, stored.values)


def matrix(array: Array) -> NDArray[np.float64]:
    """All of an array of two axes, in double precision."""
    rows, columns = array.shape
    return np.array(array.read(slice(0, rows), slice(0, columns)), dtype=np.float64, order="C")


def _choose(source: Source, arrays: Mapping[str, Array], ndim: int) -> str:
    if UNNAMED in arrays:
        source.without_variable()
        return UNNAMED
    listing = ", ".join(f"{name} ({found})" for name, found in arrays.items()) or "nothing"
    if source.variable is not None:
        if source.variable not in arrays:
            raise InputError(f"{source.variable_key}: {source.path} holds {listing}, got {source.variable!r}")
        return source.variable
    fit = [
        name
        for name, found in arrays.items()
        if found.numeric and len(found.shape) == ndim and any(size != 1 for size in found.shape)  # no scalars
    ]
    if len(fit) != 1:
        raise source.wrong(
            f"expected one numeric variable with {ndim} axes, found {len(fit)}: the file holds "
            f"{listing}; set {source.variable_key} to the one meant"
        )
    return fit[0]
