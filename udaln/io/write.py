"""The fused image becomes the file that was asked for: its suffix says of what kind, and memory stays bounded."""

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
from udaln.io.writers.label import Label, crs_of
from udaln.io.writers.matlab import write_matlab
from udaln.io.writers.npy import write_npy
from udaln.io.writers.parts import Done

Writer = Callable[[Path, Pixels, Label, Done], None]

GEOTIFF = (".tif", ".tiff")
ADOPTABLE = tuple(suffix for suffix, interleave in envi.INTERLEAVE.items() if interleave == "bip")
WRITERS: dict[str, Writer] = {
    **dict.fromkeys(GEOTIFF, write_cog),
    **dict.fromkeys(envi.INTERLEAVE, envi.write_envi),
    **dict.fromkeys((".h5", ".nc"), write_hdf5),
    ".mat": lambda path, pixels, _, done: write_matlab(path, pixels, done),
    ".npy": lambda path, pixels, _, done: write_npy(path, pixels, done),
}


def write_image(
    path: str | Path,
    pixels: Pixels,
    bands: Bands,
    grid: Grid | None,
    *,
    key: str = "out",
    description: str = "",
    done: Callable[[float], None] | None = None,
) -> None:
    """Write an image to a file of the kind that the suffix names; it appears whole or not at all.

    | suffix | what |
    |---|---|
    | ``.tif``, ``.tiff`` | Cloud Optimized GeoTIFF with overviews, DEFLATE; needs rasterio |
    | ``.img``, ``.dat``, ``.bip``, ``.bil``, ``.bsq`` | ENVI (the first two BIP), and a header ``.hdr`` beside it |
    | ``.h5``, ``.nc`` | HDF5 and netCDF-4, ``fused``: bands, rows, columns |
    | ``.mat`` | ``Out``; version 5 below 2 GiB, else 7.3; of pixels alone, as is ``.npy`` |

    Values are single precision, bit for bit. The same image gives the same bytes. A file that is replaced loses what
    GDAL kept beside it (statistics, overviews).

    Args:
        path: Where to; missing folders are made.
        pixels: H×W×C, NaN where there are no data. Of an ``np.memmap`` (the whole of one, no part) little is in memory
            at a time; all in all a file takes 256 MB at most, however large it is.
        bands: What is known of the C bands.
        grid: Where the image lies, if that is known.
        key: The config key or argument that names the file; messages begin with it.
        description: A line of text for those kinds of files that have a place for it.
        done: Is told the share of the work that has been done, 1 at the end.

    Raises:
        InputError: As `check_output`, or if the disk is full, ….
        ValueError: If ``bands`` are not those of the image.
    """
    path, label = Path(path), Label(bands, grid, description)
    label.check(pixels.shape[2])
    check_output(path, key=key, georeferenced=grid is not None, grid=grid)
    with _writing(path, key):
        WRITERS[path.suffix.lower()](path, pixels, label, done or (lambda share: None))
        _forget(path)


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
    """Make an ENVI image of a raw file without a copy: the file is renamed, and gets a header.

    Args:
        raw: H×W×C float32, little-endian, rows, columns, bands, and nothing else; on the file system of ``path``.
        path: Where to; one of the suffixes `ADOPTABLE`.
        shape: (H, W, C).
        bands: As `write_image`.
        grid: Likewise.
        key: Likewise.
        description: Likewise.

    Raises:
        InputError: As `write_image`; the raw file then is where it was.
        ValueError: If ``bands`` or the size of the raw file are not those of such an image, or the suffix is another.
    """
    raw, path, label = Path(raw), Path(path), Label(bands, grid, description)
    label.check(shape[2])
    if path.suffix.lower() not in ADOPTABLE:
        raise ValueError(f"path: expected a suffix out of {', '.join(ADOPTABLE)}, got {path}")
    if raw.stat().st_size != 4 * shape[0] * shape[1] * shape[2]:
        raise ValueError(f"raw: expected {'×'.join(map(str, shape))} float32, got {raw.stat().st_size} bytes")
    check_output(path, key=key, georeferenced=grid is not None, grid=grid)
    with _writing(path, key):
        envi.adopt(raw, path, shape, label)
        _forget(path)


def check_output(path: str | Path, *, key: str, georeferenced: bool, grid: Grid | None = None) -> None:
    """Make sure, before any work is done, that an image can be written; nothing is made or changed.

    Args:
        path: Where to.
        key: The config key or argument that names it; messages begin with it.
        georeferenced: Whether it will be known where the image lies.
        grid: Where it lies, if that is known already.

    Raises:
        InputError: If the suffix is unknown, the folder cannot be made or written, rasterio is needed and not
            installed, the header of an ENVI file would replace that of another one, or the file cannot hold the grid.
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
        what = "a GeoTIFF" if suffix in GEOTIFF else "georeferencing"
        if importlib.util.find_spec("rasterio") is None:
            raise InputError(f"{key}: {path}: {what} needs rasterio: pip install 'udaln[io]'")
        if grid is not None:
            with _writing(path, key):
                crs_of(grid) if suffix in GEOTIFF else envi.placed(grid)


@contextmanager
def _writing(path: Path, key: str) -> Iterator[None]:
    """Turn what goes wrong on the way to the disk into an `InputError` that names the file."""
    try:
        yield
    except InputError as error:
        text = str(error)
        raise InputError(f"{key}: {text}" if text.startswith(str(path)) else f"{key}: {path}: {text}") from error
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise InputError(f"{key}: {path}: cannot be written: {reason}") from error


def _forget(path: Path) -> None:
    """Remove what GDAL kept of the file that was there before."""
    for beside in (".aux.xml", ".ovr", ".msk"):
        path.with_name(path.name + beside).unlink(missing_ok=True)
