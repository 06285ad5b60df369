"""MATLAB files, ``.mat``, of versions 5 and 7.3."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import scipy.io
from numpy.typing import NDArray

from udaln.io.formats.arrays import Array, choose_array, image_from_array
from udaln.io.formats.reader import Reader, files_only
from udaln.io.formats.source import Source
from udaln.io.image import Image

NUMBERS = {"double": "f8", "single": "f4"} | {
    f"{sign}int{bits}": f"{sign[:1] or 'i'}{bits // 8}" for sign in ("", "u") for bits in (8, 16, 32, 64)
}


@contextmanager
def open_mat(source: Source) -> Iterator[Image]:
    """Open a variable of rows×columns×bands.

    Version 7.3 stores the axes in reverse order. From version 5 the whole variable is read at once.

    Raises:
        InputError: If the file holds no such variable, or several and none is named.
    """
    with arrays(source) as variables:
        yield image_from_array(source, "MATLAB", choose_array(source, variables, 3)[1])


@contextmanager
def arrays(source: Source) -> Iterator[dict[str, Array]]:
    """The variables of a file by name, while it is open.

    Raises:
        InputError: If a variable of a version 7.3 file has another type than its MATLAB_class.
    """
    path = source.path
    if not h5py.is_hdf5(path):
        yield {name: _mat5(path, name, shape, kind) for name, shape, kind in scipy.io.whosmat(path, appendmat=False)}
        return
    with h5py.File(path, "r") as file:
        yield {name: _mat73(source, name, item) for name, item in file.items() if not name.startswith("#")}


def _mat5(path: Path, name: str, shape: tuple[int, ...], kind: str) -> Array:
    @cache  # a part of a variable cannot be read
    def load() -> NDArray[Any]:
        array: NDArray[Any] = scipy.io.loadmat(path, variable_names=[name], appendmat=False)[name]
        return array

    numeric = kind in NUMBERS or (kind == "logical" and len(shape) == 2)
    return Array(tuple(shape), kind, numeric, lambda: load().dtype, lambda r, c: load()[r, c])


def _mat73(source: Source, name: str, item: Any) -> Array:
    kind = item.attrs.get("MATLAB_class", b"")
    kind = kind.decode() if isinstance(kind, bytes) else str(kind)
    if not isinstance(item, h5py.Dataset):
        return Array((), kind or "group", False, lambda: np.dtype("O"), lambda r, c: np.empty(0))
    mask = kind == "logical" and item.ndim == 2
    numeric = item.dtype.kind in "iuf" and (not kind or kind in NUMBERS or mask)
    if item.attrs.get("MATLAB_empty", 0):  # the dataset then holds the shape
        shape = tuple(int(size) for size in item[()])
        return Array(shape, kind, numeric, lambda: np.dtype("f8"), lambda r, c: np.empty(0))
    if kind in NUMBERS and numeric and item.dtype.newbyteorder("=") != np.dtype(NUMBERS[kind]):
        raise source.error(f"{name}: expected {kind} numbers, as its MATLAB_class says, got {item.dtype}")
    if item.dtype.names:  # how MATLAB stores complex numbers
        kind = f"complex {kind}"
    # In MATLAB the first axis varies fastest, in HDF5 the last: the axes are reversed.
    kind = kind or str(item.dtype)
    return Array(item.shape[::-1], kind, numeric, lambda: item.dtype, lambda r, c: item[..., c, r].T)


READER = Reader("MATLAB", files_only(lambda source: source.path.suffix.lower() == ".mat"), open_mat)
