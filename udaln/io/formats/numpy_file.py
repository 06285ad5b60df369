"""NumPy files, ``.npy``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from udaln.io.formats.arrays import UNNAMED, Array, choose_array, image_from_array
from udaln.io.formats.reader import Reader, files_only
from udaln.io.formats.source import Source
from udaln.io.image import Image


@contextmanager
def arrays(source: Source) -> Iterator[dict[str, Array]]:
    """The single array of a file.

    Raises:
        InputError: If the file is longer than its header says.
    """
    array = np.lib.format.open_memmap(source.path, mode="r")  # refuses pickled objects and truncated files
    # a boolean matrix, such as a mask, is read as 0 and 1
    numeric = array.dtype.kind in "iuf" or (array.dtype.kind == "b" and array.ndim == 2)
    longest = array.dtype.kind == "f" and array.dtype.itemsize > 8  # more digits than are calculated with
    dtype = np.dtype(np.float64) if longest else array.dtype
    described = Array(
        array.shape, str(array.dtype), numeric, lambda: dtype, lambda r, c: array[r, c].astype(dtype, copy=False)
    )
    expected, got = array.offset + array.nbytes, source.path.stat().st_size
    if array.dtype.kind != "O" and got > max(expected, array.offset + 1):
        raise source.error(f"expected {expected} bytes, as its header says ({described}), got {got}")
    yield {UNNAMED: described}


@contextmanager
def open_npy(source: Source) -> Iterator[Image]:
    """Open an array of rows×columns×bands.

    Raises:
        InputError: If the file holds no such array.
    """
    with arrays(source) as by_name:
        yield image_from_array(source, "NumPy", choose_array(source, by_name, 3)[1])


READER = Reader("NumPy", files_only(lambda source: source.path.suffix.lower() == ".npy"), open_npy)
