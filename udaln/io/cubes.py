"""Image cubes and matrices on disk, read whole or in part."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from udaln.errors import InputError
from udaln.files import reading
from udaln.io.formats import matlab, numpy_file, open_image, source_of
from udaln.io.formats.arrays import chosen, matrix


def read_cube(
    path: str | Path,
    variable: str | None = None,
    *,
    key: str,
    variable_key: str | None = None,
    rows: slice | None = None,
    cols: slice | None = None,
    window_key: str | None = None,
) -> NDArray[np.floating[Any]]:
    """Read an image cube, or a window of one, from any file that `open_image` opens.

    Only the window is read, except from version 5 ``.mat`` files. Values are what the file says that they measure:
    its scale and offset are applied, and what it calls no data, or unusable, is NaN.

    Args:
        path: the file.
        variable: which of several images in it; None takes the only one that it may be.
        key: the config key or argument that names the file; messages begin with it.
        variable_key: the same for ``variable``; None stands for ``variable`` beside ``key``.
        rows: the rows to read, with step 1; None reads all.
        cols: the columns to read, likewise.
        window_key: the same as ``key`` for ``rows`` and ``cols``; None stands for ``key``.

    Returns:
        The cube, H×W×C, contiguous, in the precision that holds its values: float32 or float64.

    Raises:
        InputError: the file, the variable in it or the window cannot be had; the message says why.
    """
    with open_image(path, variable, key=key, variable_key=variable_key) as image:
        height, width, _ = image.shape
        return image.read(
            _window(rows, height, f"{window_key or key}: {path}: rows"),
            _window(cols, width, f"{window_key or key}: {path}: columns"),
        )


def read_matrix(
    path: str | Path, variable: str | None = None, *, key: str, variable_key: str | None = None
) -> NDArray[np.float64]:
    """Read a matrix, such as a PSF (k×k) or an SRF (C×c), from a ``.mat`` or ``.npy`` file.

    Args:
        path: the file.
        variable: which variable of a ``.mat`` file; None takes the only numeric matrix that is not a scalar.
        key: the config key or argument that names the file; messages begin with it.
        variable_key: the same for ``variable``; None stands for ``variable`` beside ``key``.

    Returns:
        The matrix in double precision: it enters computations, not storage.

    Raises:
        InputError: the file or the variable in it cannot be had; the message says why.
    """
    source = source_of(path, variable, key, variable_key)
    arrays = {".mat": matlab.arrays, ".npy": numpy_file.arrays}.get(source.path.suffix.lower())
    with reading(path, key=key):
        if arrays is None:
            raise source.wrong("expected a matrix in a .mat or .npy file")
        with arrays(source) as found:
            return matrix(chosen(source, found, 2)[1])


def _window(wanted: slice | None, size: int, what: str) -> slice:
    wanted = wanted or slice(None)
    start = 0 if wanted.start is None else wanted.start
    stop = size if wanted.stop is None else wanted.stop
    if wanted.step not in (None, 1) or not 0 <= start < stop <= size:
        raise InputError(f"{what}: expected a window inside 0:{size}, got {start}:{stop}")
    return slice(start, stop)
