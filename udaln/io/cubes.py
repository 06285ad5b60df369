"""Image cubes and matrices on disk, read whole or in part."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from udaln.errors import InputError
from udaln.files import reading
from udaln.io.formats import numpy_file, open_image, source_of
from udaln.io.formats.arrays import choose_array, matrix_from_array
from udaln.io.formats.matlab import reader as matlab


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

    Only the window is read, except from version 5 ``.mat`` files. Scale and offset are applied; values without data, by
    the file's no-data value or its quality masks, are NaN.

    Args:
        path: The file.
        variable: Which of several images in it; None takes the only one that fits.
        key: The config key or argument that names the file. Messages begin with it.
        variable_key: The config key or argument of ``variable``; None stands for ``variable`` beside ``key``.
        rows: The rows to read, with step 1; None reads all.
        cols: The columns to read, likewise.
        window_key: The config key or argument of ``rows`` and ``cols``; None stands for ``key``.

    Returns:
        The cube, H×W×C, contiguous, in the precision that holds its values: float32 or float64.

    Raises:
        InputError: If the file, the variable in it or the window cannot be read.
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
        path: The file.
        variable: Which variable of a ``.mat`` file; None takes the only numeric matrix that is not a scalar.
        key: The config key or argument that names the file. Messages begin with it.
        variable_key: The config key or argument of ``variable``; None stands for ``variable`` beside ``key``.

    Returns:
        The matrix in double precision.

    Raises:
        InputError: If the file or the variable in it cannot be read.
    """
    source = source_of(path, variable, key, variable_key)
    open_arrays = {".mat": matlab.arrays, ".npy": numpy_file.arrays}.get(source.path.suffix.lower())
    with reading(path, key=key):
        if open_arrays is None:
            raise source.error("expected a matrix in a .mat or .npy file")
        with open_arrays(source) as arrays:
            return matrix_from_array(choose_array(source, arrays, 2)[1])


def _window(window: slice | None, size: int, prefix: str) -> slice:
    """A window with both ends, checked against the size; messages begin with ``prefix``."""
    window = window or slice(None)
    start = 0 if window.start is None else window.start
    stop = size if window.stop is None else window.stop
    if window.step not in (None, 1) or not 0 <= start < stop <= size:
        raise InputError(f"{prefix}: expected a window inside 0:{size}, got {start}:{stop}")
    return slice(start, stop)
