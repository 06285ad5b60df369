"""Image cubes and matrices on disk: MATLAB, NumPy and raster files."""

import re
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import scipy.io
from numpy.typing import NDArray

from udaln.errors import InputError
from udaln.files import atomically, reading

_NUMBERS = {"double", "single"} | {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
_RASTERS = ("", ".pix", ".tif", ".tiff", ".img", ".dat", ".bsq", ".bil", ".bip", ".hdr")  # ENVI's often have none
_MAT5_BYTES = 2**31  # MATLAB's own limit for a variable of a version 5 file
_UNNAMED = ""


@dataclass(frozen=True)
class _Variable:
    """An array on disk; ``read(rows, cols)`` returns that window of its first two axes."""

    shape: tuple[int, ...]
    type: str
    numeric: bool
    read: Callable[[slice, slice], NDArray[Any]]

    def __str__(self) -> str:
        return f"{'×'.join(map(str, self.shape)) or 'no shape'} {self.type}"


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
    """Read an image cube, or a window of one.

    MATLAB files (``.mat``, version 5 or 7.3), NumPy files (``.npy``) and, with the extra ``io``, the rasters that GDAL
    knows (``.pix``, ``.tif``, ``.img``, ENVI, …). In version 7.3 the axes lie in reverse, as MATLAB writes them. Only
    the window is read, except from version 5 ``.mat`` files.
    Values are taken as they are stored: no scale, offset or no-data value is applied.

    Args:
        path: the file.
        variable: which variable of a ``.mat`` file; None takes the only numeric one with three axes.
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
    part = _read(
        path, variable, 3, key=key, variable_key=variable_key, rows=rows, cols=cols, window_key=window_key or key
    )
    return np.array(part, dtype=np.promote_types(part.dtype, np.float32), order="C")


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
    return np.array(_read(path, variable, 2, key=key, variable_key=variable_key), dtype=np.float64, order="C")


def write_mat(path: str | Path, variable: str, cube: NDArray[Any]) -> None:
    """Write a cube to a ``.mat`` file in single precision; the file appears whole or not at all.

    The file is of version 5, which everything reads, up to the 2 GiB that MATLAB allows there; else of version 7.3.

    Args:
        path: where to; a file already there is replaced, missing folders are made.
        variable: the variable's name.
        cube: the cube, H×W×C.

    Raises:
        InputError: MATLAB would not take the name, or nothing can be written there.
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,62}", variable):
        raise InputError(f"variable: expected a MATLAB name (a letter, then letters, digits and _), got {variable!r}")
    with atomically(path) as temporary:
        if cube.size * 4 < _MAT5_BYTES:
            scipy.io.savemat(temporary, {variable: cube.astype(np.float32)}, appendmat=False)
        else:
            _write_mat73(temporary, variable, cube)


def _read(
    path: str | Path,
    variable: str | None,
    ndim: int,
    *,
    key: str,
    variable_key: str | None,
    rows: slice | None = None,
    cols: slice | None = None,
    window_key: str = "",
) -> NDArray[Any]:
    variable_key = variable_key or ".".join([*key.split(".")[:-1], "variable"])
    with reading(path, key=key) as path, _opened(path, key) as variables:
        name = _choose(variables, variable, ndim, key=key, variable_key=variable_key, path=path)
        found = variables[name]
        what = f"{key}: {path}: {name or 'the array'}"
        if not found.numeric:
            raise InputError(f"{what} holds no real numbers but is {found}")
        if len(found.shape) != ndim:
            raise InputError(f"{what} has {len(found.shape)} axes ({found}), expected {ndim}")
        if 0 in found.shape:
            raise InputError(f"{what} is empty ({found})")
        part = found.read(
            _window(rows, found.shape[0], f"{window_key}: {path}: rows"),
            _window(cols, found.shape[1], f"{window_key}: {path}: columns"),
        )
    if part.dtype.kind not in "iufb":  # a version 5 file tells complex numbers only as they are read
        raise InputError(f"{what} holds no real numbers but is {part.dtype}")
    return part


def _choose(
    variables: Mapping[str, _Variable], variable: str | None, ndim: int, *, key: str, variable_key: str, path: Path
) -> str:
    if _UNNAMED in variables:
        if variable is not None:
            raise InputError(f"{variable_key}: {path} holds one array without a name, got {variable!r}; leave it unset")
        return _UNNAMED
    listing = ", ".join(f"{name} ({found})" for name, found in variables.items()) or "nothing"
    if variable is not None:
        if variable not in variables:
            raise InputError(f"{variable_key}: {path} holds {listing}, got {variable!r}")
        return variable
    fit = [
        name
        for name, found in variables.items()
        if found.numeric and len(found.shape) == ndim and any(size != 1 for size in found.shape)  # no scalars
    ]
    if len(fit) != 1:
        raise InputError(
            f"{key}: {path}: expected one numeric variable with {ndim} axes, found {len(fit)}: the file holds "
            f"{listing}; set {variable_key} to the one meant"
        )
    return fit[0]


def _window(wanted: slice | None, size: int, what: str) -> slice:
    wanted = wanted or slice(None)
    start = 0 if wanted.start is None else wanted.start
    stop = size if wanted.stop is None else wanted.stop
    if wanted.step not in (None, 1) or not 0 <= start < stop <= size:
        raise InputError(f"{what}: expected a window inside 0:{size}, got {start}:{stop}")
    return slice(start, stop)


@contextmanager
def _opened(path: Path, key: str) -> Iterator[dict[str, _Variable]]:
    """Open a file of any kind for as long as its variables are used."""
    suffix = path.suffix.lower()
    if suffix == ".npy":
        array = np.lib.format.open_memmap(path, mode="r")  # refuses pickled objects
        yield {_UNNAMED: _Variable(array.shape, str(array.dtype), _counts(array), lambda r, c: array[r, c])}
    elif suffix == ".mat" and h5py.is_hdf5(path):
        with h5py.File(path, "r") as file:
            yield {name: _mat73(item) for name, item in file.items() if not name.startswith("#")}
    elif suffix == ".mat":
        yield {name: _mat5(path, name, shape, kind) for name, shape, kind in scipy.io.whosmat(path, appendmat=False)}
    elif suffix in _RASTERS:
        with _raster(path, key) as raster:
            yield {_UNNAMED: raster}
    else:
        raise InputError(f"{key}: {path}: expected a .mat or .npy file or a raster (.pix, .tif, .img, .dat, .bsq, …)")


def _counts(array: NDArray[Any]) -> bool:
    """Whether an array holds numbers; a matrix of truth values, a mask, counts as 0 and 1."""
    return array.dtype.kind in "iuf" or (array.dtype.kind == "b" and array.ndim == 2)


def _mat5(path: Path, name: str, shape: tuple[int, ...], kind: str) -> _Variable:
    def read(rows: slice, cols: slice) -> NDArray[Any]:
        array: NDArray[Any] = scipy.io.loadmat(path, variable_names=[name], appendmat=False)[name]
        return array[rows, cols]

    return _Variable(tuple(shape), kind, kind in _NUMBERS or (kind == "logical" and len(shape) == 2), read)


def _mat73(item: Any) -> _Variable:
    kind = item.attrs.get("MATLAB_class", b"")
    kind = kind.decode() if isinstance(kind, bytes) else str(kind)
    if not isinstance(item, h5py.Dataset):
        return _Variable((), kind or "group", False, lambda r, c: np.empty(0))
    mask = kind == "logical" and item.ndim == 2
    numeric = item.dtype.kind in "iuf" and (not kind or kind in _NUMBERS or mask)
    if item.attrs.get("MATLAB_empty", 0):  # the dataset then holds the shape
        return _Variable(tuple(int(size) for size in item[()]), kind, numeric, lambda r, c: np.empty(0))
    if item.dtype.names:  # how MATLAB stores complex numbers
        kind = f"complex {kind}"
    # MATLAB runs through the first axis fastest, HDF5 through the last: the axes lie in reverse
    return _Variable(item.shape[::-1], kind or str(item.dtype), numeric, lambda r, c: item[..., c, r].T)


@contextmanager
def _raster(path: Path, key: str) -> Iterator[_Variable]:
    try:
        import rasterio
    except ImportError as error:
        raise InputError(f"{key}: {path}: a raster needs rasterio: pip install 'udaln[io]'") from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)  # of no use to a fusion
        file = rasterio.open(path)
    with file:
        kinds = sorted(set(file.dtypes))

        def read(rows: slice, cols: slice) -> NDArray[Any]:
            window = ((rows.start, rows.stop), (cols.start, cols.stop))
            if len(kinds) == 1:
                array: NDArray[Any] = file.read(window=window)
            else:  # as PCIDSK's channels may be; rasterio takes them one by one only
                array = np.stack([file.read(band, window=window) for band in file.indexes])
            return np.moveaxis(array, 0, -1)

        yield _Variable((*file.shape, file.count), " and ".join(kinds), not any("complex" in k for k in kinds), read)


def _write_mat73(path: Path, variable: str, cube: NDArray[Any]) -> None:
    """Write what MATLAB takes for its own version 7.3: HDF5 behind a header of 512 bytes, axes in reverse."""
    with h5py.File(path, "w", userblock_size=512) as file:
        dataset = file.create_dataset(variable, shape=cube.shape[::-1], dtype="<f4")
        dataset.attrs["MATLAB_class"] = np.bytes_("single")
        for band in range(cube.shape[-1]):  # band by band: no second copy of a large cube
            dataset[band] = cube[..., band].T
    text = f"MATLAB 7.3 MAT-file, Platform: Python, Created on: {time.ctime()} HDF5 schema 1.00 ."
    with path.open("r+b") as raw:  # 116 bytes of text, 8 of subsystem offset, the version and the byte order
        raw.write(text.encode().ljust(116) + bytes(8) + b"\x00\x02IM")
