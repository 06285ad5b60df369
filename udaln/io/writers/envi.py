"""ENVI files: raw data, and a text header beside them (NV5 Geospatial, ENVI Header Files)."""

from __future__ import annotations

import os
import re
import tempfile
import warnings
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from udaln.errors import InputError
from udaln.files import atomically
from udaln.io.grid import Grid
from udaln.io.image import Pixels
from udaln.io.writers.metadata import UNIT, Metadata, crs_of, shortest_text
from udaln.io.writers.parts import Progress, lines_per_part, parts, write_planes

INTERLEAVE = {".img": "bip", ".dat": "bip", ".bip": "bip", ".bil": "bil", ".bsq": "bsq"}


def header_of(path: Path) -> Path:
    """Path of the header of a data file."""
    return path.with_suffix(".hdr")


def write_envi(path: Path, pixels: Pixels, metadata: Metadata, progress: Progress) -> None:
    """Write data file and header; the suffix determines the interleave."""
    interleave = INTERLEAVE[path.suffix.lower()]
    text = header(pixels.shape, interleave, metadata)
    with atomically(header_of(path)) as header_file, atomically(path) as temporary:  # the inner one appears first
        header_file.write_text(text, encoding="utf-8")
        with temporary.open("wb") as file:
            if interleave == "bsq":
                write_planes(file, pixels, progress)
            else:
                for _, _, block in parts(pixels, lines_per_part(pixels), pixels.shape[1], progress):
                    ordered = block if interleave == "bip" else np.ascontiguousarray(block.transpose(0, 2, 1))
                    file.write(ordered.data)


def adopt(raw: Path, path: Path, shape: tuple[int, int, int], metadata: Metadata) -> None:
    """Turn a raw BIP file into an ENVI image: the file is renamed, not copied, and gets a header."""
    text = header(shape, "bip", metadata)
    with atomically(header_of(path)) as header_file:
        header_file.write_text(text, encoding="utf-8")
        with raw.open("r+b") as file:
            os.fsync(file.fileno())
        os.replace(raw, path)


def header(shape: tuple[int, ...], interleave: str, metadata: Metadata) -> str:
    """The text of a header.

    Args:
        shape: Rows, columns, bands.
        interleave: ``bip``, ``bil`` or ``bsq``.
        metadata: The other content.

    Raises:
        InputError: As `georeferencing_fields`.
    """
    bands, wavelengths = metadata.bands, _numbers(metadata.bands.wavelengths)
    fields = {
        "description": _braced([metadata.description]) if metadata.description else None,
        "samples": str(shape[1]),
        "lines": str(shape[0]),
        "bands": str(shape[2]),
        "header offset": "0",
        "file type": "ENVI Standard",
        "data type": "4",
        "interleave": interleave,
        "byte order": "0",
        "data ignore value": "nan",
        **({} if metadata.grid is None else georeferencing_fields(metadata.grid)),
        "band names": None if bands.names is None else _braced(bands.names),
        "wavelength units": None if wavelengths is None else UNIT,
        "wavelength": wavelengths,
        "fwhm": _numbers(bands.fwhm),
        "bbl": None if bands.good is None else _braced(map(int, bands.good)),
    }
    return "ENVI\n" + "".join(f"{name} = {value}\n" for name, value in fields.items() if value is not None)


def georeferencing_fields(grid: Grid) -> dict[str, str]:
    """Georeferencing fields of a header, written by GDAL.

    Raises:
        InputError: If a header cannot express the grid: pixels that are not rectangles, or mirrored ones.
    """
    import rasterio

    with tempfile.TemporaryDirectory() as folder, rasterio.Env(GDAL_PAM_ENABLED=False), warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        path = Path(folder) / "georeferencing.dat"
        affine = rasterio.Affine(*grid.transform)
        size = {"height": 1, "width": 1, "count": 1, "dtype": "uint8"}
        with rasterio.open(path, "w", driver="ENVI", crs=crs_of(grid), transform=affine, **size):
            pass
        with rasterio.open(path) as file:
            got = np.array(file.transform)[:6]
        text = header_of(path).read_text(encoding="utf-8")
    a, b, _, d, e, _ = grid.transform
    pixel = max(abs(a), abs(b), abs(d), abs(e))
    if not np.allclose(got, grid.transform, rtol=1e-12, atol=1e-6 * pixel):
        raise InputError(
            f"an ENVI header holds no grid that is sheared or mirrored, got the transform {grid.transform}; a .tif does"
        )
    names = "map info|projection info|coordinate system string"
    return dict(re.findall(rf"^({names}) = (\{{.*?\}})$", text, flags=re.MULTILINE | re.DOTALL))


def _braced(words: Iterable[object]) -> str:
    return "{" + ", ".join(re.sub(r"[\s{},=]+", " ", str(word)).strip() for word in words) + "}"


def _numbers(values: NDArray[np.float64] | None) -> str | None:
    return _braced(map(shortest_text, values)) if values is not None and np.isfinite(values).all() else None
