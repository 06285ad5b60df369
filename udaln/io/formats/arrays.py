"""Files of named arrays: MATLAB, NumPy and HDF5 files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from udaln.errors import InputError
from udaln.io.formats.source import Source
from udaln.io.formats.stored import Stored, Window
from udaln.io.image import Image

UNNAMED = ""  # key of the array in a file without names
NOTHING: tuple[Callable[[], np.dtype[Any]], Window] = (  # of an array that is not read
    lambda: np.dtype("f8"),
    lambda rows, cols: np.empty(0),
)
_LISTED = 20  # arrays that a message names
LEAST_SIDE = 8  # of a matrix that is an image of one band


@dataclass(frozen=True)
class Array:
    """An array on disk.

    Attributes:
        shape: Of all axes.
        type: Type of its elements, as the file names it.
        numeric: Whether they are real numbers.
        dtype: Returns the type that ``read`` returns. It is called only for the array that was chosen, since some
            files must be read for it.
        read: Reads a window of the first two axes.
        nested: Whether it is a part of a variable, such as a field of a struct.
    """

    shape: tuple[int, ...]
    type: str
    numeric: bool
    dtype: Callable[[], np.dtype[Any]]
    read: Window
    nested: bool = False

    def __str__(self) -> str:
        """Size and type, as text."""
        return f"{'×'.join(map(str, self.shape)) or 'no shape'} {self.type}"


def choose_array(source: Source, arrays: Mapping[str, Array], ndim: int) -> tuple[str, Array]:
    """Choose an array: the one that the user named, or the only one with ``ndim`` axes.

    A matrix is an image of one band, where an image is looked for: MATLAB has no third axis of length 1. An LR-HSI has
    more bands.

    Returns:
        Its name and the array.

    Raises:
        InputError: If there is none, or it does not have ``ndim`` axes, or it is empty or holds no real numbers.
    """
    if ndim == 3 and not source.key.endswith("lr_hsi"):
        arrays = _with_single_bands(source, arrays)
    name = _choose_name(source, arrays, ndim)
    array = arrays[name]
    what = name or "the array"
    parts = {path: part for path, part in arrays.items() if path.startswith((f"{name}.", f"{name}{{", f"{name}("))}
    if parts and not array.numeric:
        axes = {len(part.shape) for part in parts.values() if part.numeric}
        remedy = f", none of which has {ndim} axes; save one array of {ndim} axes" if axes and ndim not in axes else ""
        raise source.error(f"{what} is {array}, expected one of its parts: {_listing(parts)}{remedy}")
    if not array.numeric:
        raise source.error(f"{what} holds no real numbers but is {array}")
    if len(array.shape) != ndim:
        raise source.error(f"{what} has {len(array.shape)} axes ({array}), expected {ndim}")
    if 0 in array.shape:
        raise source.error(f"{what} is empty ({array})")
    if array.dtype().kind not in "iufb":  # complex numbers of a version 5 file are known only once they are read
        raise source.error(f"{what} holds no real numbers but is {array.dtype()}")
    return name, array


def image_from_array(source: Source, kind: str, array: Array) -> Image:
    """The image in an array without metadata."""
    rows, columns, bands = array.shape
    stored = Stored((rows, columns, bands), array.dtype(), array.read)
    return stored.image(source, kind)


def matrix_from_array(array: Array) -> NDArray[np.float64]:
    """The whole of an array of two axes, in double precision."""
    rows, columns = array.shape
    return np.array(array.read(slice(0, rows), slice(0, columns)), dtype=np.float64, order="C")


def _with_single_bands(source: Source, arrays: Mapping[str, Array]) -> Mapping[str, Array]:
    """The arrays, with a third axis of length 1 for the matrix that the user named or, if there is no cube, for all."""
    if source.variable is None and any(array.numeric and len(array.shape) == 3 for array in arrays.values()):
        return arrays

    def single(array: Array) -> Array:
        return replace(array, shape=(*array.shape, 1), read=lambda rows, cols: array.read(rows, cols)[..., None])

    return {
        name: single(array)
        if array.numeric
        and len(array.shape) == 2
        and min(array.shape) >= LEAST_SIDE
        and source.variable in (None, name)
        else array
        for name, array in arrays.items()
    }


def _choose_name(source: Source, arrays: Mapping[str, Array], ndim: int) -> str:
    if UNNAMED in arrays:
        source.refuse_variable()
        return UNNAMED
    listing = _listing(arrays)
    if source.variable is not None:
        if source.variable not in arrays:
            parts = {name: array for name, array in arrays.items() if name.startswith(source.variable)}
            raise InputError(
                f"{source.variable_key}: {source.path} holds {_listing(parts or arrays)}, got {source.variable!r}"
            )
        return source.variable
    candidates = [
        name
        for name, array in arrays.items()
        if array.numeric and len(array.shape) == ndim and any(size != 1 for size in array.shape)  # no scalars
    ]
    candidates = [name for name in candidates if not arrays[name].nested] or candidates
    outer = [name for name, array in arrays.items() if not array.nested]
    if not candidates and len(outer) == 1 and not arrays[outer[0]].numeric:
        return outer[0]  # what is wrong with it is found next
    if len(candidates) != 1:
        choice = (
            "add :VARIABLE to the file's name"
            if source.variable_key == source.key
            else f"set {source.variable_key} to the one meant"
        )
        remedy = choice if candidates else "save it as such an array"
        raise source.error(
            f"expected one numeric variable with {ndim} axes, found {len(candidates)}: the file holds "
            f"{listing}; {remedy}"
        )
    return candidates[0]


def _listing(arrays: Mapping[str, Array]) -> str:
    """Names, sizes and types of arrays, as text; those first that could be images."""
    named = sorted(arrays.items(), key=lambda item: not (item[1].numeric and len(item[1].shape) == 3))
    texts = [f"{' '.join(name.split())} ({array})" for name, array in named[:_LISTED]]
    texts += [f"and {len(named) - _LISTED} more"] * (len(named) > _LISTED)
    return ", ".join(texts) or "nothing"
