"""NumPy files, ``.npy`` and ``.npz``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from udaln.io.formats.arrays import UNNAMED, Array, choose_array, image_from_array
from udaln.io.formats.reader import Reader, files_only
from udaln.io.formats.source import Source
from udaln.io.image import Image


@contextmanager
def arrays(source: Source) -> Iterator[dict[str, Array]]:
    """The single array of a ``.npy`` file, or those of a ``.npz`` file by their names.

    Raises:
        InputError: If the file is longer than its header says.
    """
    if source.path.suffix.lower() == ".npz":
        with source.path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            yield {name: _packed(archive, name) for name in archive.files}
        return
    array = np.lib.format.open_memmap(source.path, mode="r")  # refuses pickled objects and truncated files
    described = _described(array.shape, array.dtype, lambda: array)
    expected, got = array.offset + array.nbytes, source.path.stat().st_size
    if array.dtype.kind != "O" and got > max(expected, array.offset + 1):
        raise source.error(f"expected {expected} bytes, as its header says ({described}), got {got}")
    yield {UNNAMED: described}


def _packed(archive: Any, name: str) -> Array:
    """An array of a ``.npz`` file. It is read at once, when its first window is."""
    with archive.zip.open(f"{name}.npy") as member:
        version = np.lib.format.read_magic(member)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(member)

    @cache
    def load() -> NDArray[Any]:
        loaded: NDArray[Any] = archive[name]
        return loaded

    return _described(shape, dtype, load)


def _described(shape: tuple[int, ...], stored: np.dtype[Any], load: Callable[[], NDArray[Any]]) -> Array:
    # a boolean matrix, such as a mask, is read as 0 and 1
    numeric = stored.kind in "iuf" or (stored.kind == "b" and len(shape) == 2)
    longest = stored.kind == "f" and stored.itemsize > 8  # more digits than are calculated with
    dtype = np.dtype(np.float64) if longest else stored
    return Array(shape, str(stored), numeric, lambda: dtype, lambda r, c: load()[r, c].astype(dtype, copy=False))


@contextmanager
def open_npy(source: Source) -> Iterator[Image]:
    """Open an array of rows×columns×bands.

    Raises:
        InputError: If the file holds no such array.
    """
    with arrays(source) as by_name:
        yield image_from_array(source, "NumPy", choose_array(source, by_name, 3)[1])


READER = Reader("NumPy", files_only(lambda source: source.path.suffix.lower() in (".npy", ".npz")), open_npy)
