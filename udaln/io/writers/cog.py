"""Cloud Optimized GeoTIFF (OGC 21-026), one band after another."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from udaln.files import atomically
from udaln.io.image import Pixels
from udaln.io.writers.label import UNIT, Label, crs_of, micrometres, number
from udaln.io.writers.layout import mark
from udaln.io.writers.parts import Done, lines, parts
from udaln.io.writers.tiff import parse

BLOCK = 512  # pixels a side of a tile
CACHE = 2**26  # bytes that GDAL may keep; its own default is a share of the machine's memory
BIGTIFF = "IF_SAFER"


def write_cog(path: Path, pixels: Pixels, label: Label, done: Done) -> None:
    """Write a GeoTIFF whose overviews come first and of which one band is read without the others.

    GDAL's own driver for such files knows bands one after another from version 3.11 on only, and pixels of hundreds
    of bands in one tile make every look at one band a look at all of them. So the bands are laid out one after another
    in a file on the side, with their overviews, of which GDAL then makes the tiles. DEFLATE, which everything reads,
    at its quickest: there is noise in the lower bits, of which more effort makes no less.
    """
    import rasterio
    from rasterio.shutil import copy

    levels = [2**n for n in range(1, 32) if max(pixels.shape[:2]) > BLOCK * 2 ** (n - 1)]
    cache = {"GDAL_CACHEMAX": CACHE, "GDAL_NUM_THREADS": "ALL_CPUS", "GDAL_PAM_ENABLED": False}
    with (
        rasterio.Env(**cache),
        warnings.catch_warnings(),
        atomically(path) as temporary,
        tempfile.TemporaryDirectory(prefix=f".{path.stem}.", dir=path.parent) as folder,
    ):
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        scratch = Path(folder) / "planes.tif"
        _write_planes(scratch, pixels, label, lambda share: done(0.2 * share))
        if levels:
            with _told(), rasterio.open(scratch, "r+") as file:
                file.build_overviews(levels, rasterio.enums.Resampling.average)
        parse(scratch)
        done(0.4)
        tiled = Path(folder) / "tiled.tif"
        with _told():
            copy(
                scratch,
                tiled,
                driver="GTiff",
                copy_src_overviews=True,
                tiled=True,
                blockxsize=BLOCK,
                blockysize=BLOCK,
                interleave="band",
                compress="deflate",
                zlevel=1,
                predictor=3,
                num_threads="all_cpus",
                bigtiff=BIGTIFF,
            )
        scratch.unlink()
        done(0.9)
        mark(tiled, temporary)
    done(1.0)


@contextmanager
def _told() -> Iterator[None]:
    """Turn what GDAL cannot do into an `OSError`; rasterio's own errors for it are not public."""
    try:
        yield
    except Exception as error:
        raise OSError(" ".join(str(error).split())) from error


def _write_planes(path: Path, pixels: Pixels, label: Label, done: Done) -> None:
    import rasterio

    height, width, count = pixels.shape
    place: dict[str, Any] = {}
    if label.grid is not None:
        place = {"crs": crs_of(label.grid), "transform": rasterio.Affine(*label.grid.transform)}
    profile = {"height": height, "width": width, "count": count, "dtype": "float32", "nodata": np.nan}
    layout = {"interleave": "band", "blockysize": min(height, lines(pixels)), "bigtiff": "YES"}
    with rasterio.open(path, "w", driver="GTiff", **profile, **layout, **place) as file:
        _describe(file, label)
        for rows, cols, block in parts(pixels, lines(pixels), width, done):
            window = ((rows.start, rows.stop), (cols.start, cols.stop))
            file.write(np.ascontiguousarray(block.transpose(2, 0, 1)), window=window)


def _describe(file: Any, label: Label) -> None:
    """Say it to GDAL (the domain IMAGERY, from 3.10 on) and to those that look for the words of ENVI headers."""
    bands = label.bands
    if label.description:
        file.update_tags(TIFFTAG_IMAGEDESCRIPTION=label.description)
    for index, name in zip(file.indexes, label.names() or [], strict=False):
        file.set_band_description(index, name)
    for index in file.indexes:
        plain: dict[str, str] = {}
        imagery: dict[str, str] = {}
        if bands.wavelengths is not None and np.isfinite(wavelength := bands.wavelengths[index - 1]):
            plain |= {"wavelength": number(wavelength), "wavelength_units": UNIT}
            imagery["CENTRAL_WAVELENGTH_UM"] = micrometres(wavelength)
        if bands.fwhm is not None and np.isfinite(fwhm := bands.fwhm[index - 1]):
            plain["fwhm"] = number(fwhm)
            imagery["FWHM_UM"] = micrometres(fwhm)
        if bands.good is not None:
            plain["bbl"] = str(int(bands.good[index - 1]))
        if plain:
            file.update_tags(index, **plain)
        if imagery:
            file.update_tags(index, ns="IMAGERY", **imagery)
