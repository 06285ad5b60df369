"""An image is written to a file in the format that its suffix names, in bounded memory."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from udaln.errors import InputError
from udaln.io.grid import Grid
from udaln.io.image import Bands, Pixels
from udaln.io.writers import envi
from udaln.io.writers.cog import write_cog
from udaln.io.writers.hdf5 import write_hdf5
from udaln.io.writers.matlab import write_matlab
from udaln.io.writers.metadata import Metadata, crs_of
from udaln.io.writers.npy import write_npy
from udaln.io.writers.parts import Progress

Writer = Callable[[Path, Pixels, Metadata, Progress], None]

GEOTIFF = (".tif", ".tiff")
ADOPTABLE = tuple(suffix for suffix, interleave in envi.INTERLEAVE.items() if interleave == "bip")
WRITERS: dict[str, Writer] = {
    **dict.fromkeys(GEOTIFF, write_cog),
    **dict.fromkeys(envi.INTERLEAVE, envi.write_envi),
    **dict.fromkeys((".h5", ".nc"), write_hdf5),
    ".mat": lambda path, pixels, _, progress: write_matlab(path, pixels, progress),
    ".npy": lambda path, pixels, _, progress: write_npy(path, pixels, progress),
}


def write_image(
    path: str | Path,
    pixels: Pixels,
    bands: Bands,
    grid: Grid | None,
    *,
    key: str = "out",
    description: str = "",
    progress: Callable[[float], None] | None = None,
) -> None:
    """Write an image to a file in the format that the suffix names; the file appears complete or not at all.

    | suffix | format |
    |---|---|
    | ``.tif``, ``.tiff`` | Cloud Optimized GeoTIFF with overviews, DEFLATE; needs rasterio |
    | ``.img``, ``.dat``, ``.bip``, ``.bil``, ``.bsq`` | ENVI (the first two BIP), and a header ``.hdr`` beside it |
    | ``.h5``, ``.nc`` | HDF5 and netCDF-4, dataset ``fused``: bands, rows, columns |
    | ``.mat`` | MATLAB, variable ``Out``; version 5 below 2 GiB, otherwise 7.3; without metadata |
    | ``.npy`` | NumPy; without metadata |

    Values are written in single precision, unchanged. Equal images give equal files. If a file is replaced, the files
    that GDAL kept beside it (statistics, overviews) are removed.

    Args:
        path: The file; missing folders are made.
        pixels: H×W×C, NaN where there are no data. An ``np.memmap`` (of a whole file, not a slice of it) is read part
            by part: writing then takes at most 256 MB of memory, however large the image is.
        bands: Metadata of the C bands.
        grid: Georeferencing, if it is known.
        key: The config key or argument that names the file. Messages begin with it.
        description: One line of text, for formats that have a field for it.
        progress: Is called with the fraction of the work done, 1 at the end.

    Raises:
        InputError: As `check_output`, or if writing fails, as when the disk is full.
        ValueError: If the entries in ``bands`` are not as many as the bands.
    """
    path, metadata = Path(path), Metadata(bands, grid, description)
    metadata.check(pixels.shape[2])
    check_output(path, key=key, georeferenced=grid is not None, grid=grid)
    with _input_errors(path, key):
        WRITERS[path.suffix.lower()](path, pixels, metadata, progress or (lambda fraction: None))
        _remove_sidecars(path)


def adopt_envi(
    raw: str | Path,
    path: str | Path,
    shape: tuple[int, int, int],
    bands: Bands,
    grid: Grid | None,
    *,
    key: str = "out",
    description: str = "",
) -> None:
    """Turn a raw file into an ENVI image without copying it: the file is renamed, and gets a header.

    Args:
        raw: H×W×C float32, little-endian, band-interleaved by pixel, without a header; on the file system of ``path``.
        path: The ENVI file, with one of the suffixes `ADOPTABLE`.
        shape: (H, W, C).
        bands: As for `write_image`.
        grid: As for `write_image`.
        key: As for `write_image`.
        description: As for `write_image`.

    Raises:
        InputError: As `write_image`; the raw file then keeps its name.
        ValueError: If ``bands`` or the size of the raw file do not match the shape, or the suffix is another.
    """
    raw, path, metadata = Path(raw), Path(path), Metadata(bands, grid, description)
    metadata.check(shape[2])
    if path.suffix.lower() not in ADOPTABLE:
        raise ValueError(f"path: expected a suffix out of {', '.join(ADOPTABLE)}, got {path}")
    if raw.stat().st_size != 4 * shape[0] * shape[1] * shape[2]:
        raise ValueError(f"raw: expected {'×'.join(map(str, shape))} float32, got {raw.stat().st_size} bytes")
    check_output(path, key=key, georeferenced=grid is not None, grid=grid)
    with _input_errors(path, key):
        envi.adopt(raw, path, shape, metadata)
        _remove_sidecars(path)


def check_output(path: str | Path, *, key: str, georeferenced: bool, grid: Grid | None = None) -> None:
    """Check, before any work is done, that an image can be written. Nothing on disk is changed.

    Args:
        path: The file.
        key: The config key or argument that names it. Messages begin with it.
        georeferenced: Whether the image will have a grid.
        grid: The grid, if it is known already.

    Raises:
        InputError: If the suffix is unknown, the folder cannot be created or written to, rasterio is needed and not
            installed, an ENVI header would replace that of another file, or the format cannot express the grid.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in WRITERS:
        raise InputError(f"{key}: {path}: expected one of {', '.join(WRITERS)}, got {suffix or 'no suffix'}")
    if path.is_dir():
        raise InputError(f"{key}: {path}: expected a file, got a folder")
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    if not folder.is_dir():
        raise InputError(f"{key}: {path}: cannot be written: {folder} is no folder")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"{key}: {path}: cannot be written: no permission to write to {folder}")
    header = envi.header_of(path)
    if suffix in envi.INTERLEAVE and header.exists() and not path.exists():
        raise InputError(
            f"{key}: {path}: expected another name, since {header.name} is there and is that of another file"
        )
    if suffix in GEOTIFF or (suffix in envi.INTERLEAVE and georeferenced):
        feature = "a GeoTIFF" if suffix in GEOTIFF else "georeferencing"
        if importlib.util.find_spec("rasterio") is None:
            raise InputError(f"{key}: {path}: {feature} needs rasterio: pip install 'udaln[io]'")
        if grid is not None:
            with _input_errors(path, key):
                crs_of(grid) if suffix in GEOTIFF else envi.georeferencing_fields(grid)


@contextmanager
def _input_errors(path: Path, key: str) -> Iterator[None]:
    """Turn errors of writing into an `InputError` that names the file."""
    try:
        yield
    except InputError as error:
        text = str(error)
        raise InputError(f"{key}: {text}" if text.startswith(str(path)) else f"{key}: {path}: {text}") from error
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise InputError(f"{key}: {path}: cannot be written: {reason}") from error


def _remove_sidecars(path: Path) -> None:
    """Remove the files that GDAL kept beside the replaced file."""
    for suffix in (".aux.xml", ".ovr", ".msk"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
