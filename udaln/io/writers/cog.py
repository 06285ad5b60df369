"""Cloud Optimized GeoTIFF (OGC 21-026), one band after another."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from udaln.files import atomically, scratch_folder
from udaln.io.image import Pixels
from udaln.io.writers.cog_layout import copy_with_cog_layout
from udaln.io.writers.metadata import UNIT, Metadata, crs_of, micrometres, shortest_text
from udaln.io.writers.parts import Progress, lines_per_part, parts
from udaln.io.writers.tiff import parse

BLOCK = 512  # side of a tile [pixels]
CACHE = 2**26  # size of GDAL's cache [bytes]; its default is a fraction of the machine's memory
BIGTIFF = "IF_SAFER"


def write_cog(path: Path, pixels: Pixels, metadata: Metadata, progress: Progress) -> None:
    """Write a band-interleaved GeoTIFF with its overviews first, so that one band can be read without the others.

    GDAL's own COG driver writes band-interleaved files only from version 3.11 on. With pixel interleaving, reading one
    band means reading all of them, which is slow with hundreds of bands. So a temporary file with the bands one after
    another and their overviews is written first, and GDAL makes the tiles from it. Compression is DEFLATE, which
    everything reads, at its fastest level: the lower bits are noise, which no level compresses.
    """
    import rasterio
    from rasterio.shutil import copy

    levels = [2**n for n in range(1, 32) if max(pixels.shape[:2]) > BLOCK * 2 ** (n - 1)]
    cache = {"GDAL_CACHEMAX": CACHE, "GDAL_NUM_THREADS": "ALL_CPUS", "GDAL_PAM_ENABLED": False}
    with (
        rasterio.Env(**cache),
        warnings.catch_warnings(),
        atomically(path) as temporary,
        scratch_folder(path) as folder,
    ):
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        scratch = folder / "planes.tif"
        _write_planes(scratch, pixels, metadata, lambda share: progress(0.2 * share))
        if levels:
            with _gdal_errors(), rasterio.open(scratch, "r+") as file:
                file.build_overviews(levels, rasterio.enums.Resampling.average)
        parse(scratch)
        progress(0.4)
        tiled = folder / "tiled.tif"
        with _gdal_errors():
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
        progress(0.9)
        copy_with_cog_layout(tiled, temporary)
    progress(1.0)


@contextmanager
def _gdal_errors() -> Iterator[None]:
    """Turn GDAL's errors into an `OSError`; rasterio's classes for them are not public."""
    try:
        yield
    except Exception as error:
        raise OSError(" ".join(str(error).split())) from error


def _write_planes(path: Path, pixels: Pixels, metadata: Metadata, progress: Progress) -> None:
    import rasterio

    height, width, count = pixels.shape
    georeferencing: dict[str, Any] = {}
    if metadata.grid is not None:
        georeferencing = {"crs": crs_of(metadata.grid), "transform": rasterio.Affine(*metadata.grid.transform)}
    profile = {"height": height, "width": width, "count": count, "dtype": "float32", "nodata": np.nan}
    layout = {"interleave": "band", "blockysize": min(height, lines_per_part(pixels)), "bigtiff": "YES"}
    with rasterio.open(path, "w", driver="GTiff", **profile, **layout, **georeferencing) as file:
        _write_tags(file, metadata)
        for rows, cols, block in parts(pixels, lines_per_part(pixels), width, progress):
            window = ((rows.start, rows.stop), (cols.start, cols.stop))
            file.write(np.ascontiguousarray(block.transpose(2, 0, 1)), window=window)


def _write_tags(file: Any, metadata: Metadata) -> None:
    """Write tags for GDAL (domain IMAGERY, from version 3.10 on) and for readers that know the tags of ENVI headers."""
    bands = metadata.bands
    if metadata.description:
        file.update_tags(TIFFTAG_IMAGEDESCRIPTION=metadata.description)
    for index, name in zip(file.indexes, metadata.band_names() or [], strict=False):
        file.set_band_description(index, name)
    for index in file.indexes:
        plain: dict[str, str] = {}
        imagery: dict[str, str] = {}
        if bands.wavelengths is not None and np.isfinite(wavelength := bands.wavelengths[index - 1]):
            plain |= {"wavelength": shortest_text(wavelength), "wavelength_units": UNIT}
            imagery["CENTRAL_WAVELENGTH_UM"] = micrometres(wavelength)
        if bands.fwhm is not None and np.isfinite(fwhm := bands.fwhm[index - 1]):
            plain["fwhm"] = shortest_text(fwhm)
            imagery["FWHM_UM"] = micrometres(fwhm)
        if bands.good is not None:
            plain["bbl"] = str(int(bands.good[index - 1]))
        if plain:
            file.update_tags(index, **plain)
        if imagery:
            file.update_tags(index, ns="IMAGERY", **imagery)
