"""The georeferenced rasters that ``make_scene.py`` writes strip by strip, GeoTIFF or ENVI."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np

from udaln.errors import InputError
from udaln.io.image import Bands
from udaln.physics.landscape import Pixels

EPSG, WEST, NORTH = 32654, 410000.0, 4020000.0  # UTM zone 54N, where Chikusei is [m]
CACHE = 32  # GDAL's cache [MB]
STEPS = 10000  # uint16 value of a reflectance of 1

Format = Enum("Format", ["tif", "img"])
Number = Enum("Number", ["float32", "uint16"])


@contextmanager
def create_raster(
    path: Path, size: tuple[int, int, int], bands: Bands, side: float, kind: Format, dtype: Number
) -> Iterator[Callable[[int, Pixels], None]]:
    """Create a georeferenced raster that is written strip by strip.

    Args:
        path: The file.
        size: Rows, columns, bands.
        bands: Metadata of the bands.
        side: Of a pixel [m].
        kind: File format.
        dtype: Data type.

    Yields:
        A function that writes a strip, h×W×B, from a row on.

    Raises:
        InputError: If rasterio is not installed.
    """
    try:
        import rasterio
    except ImportError as error:
        raise InputError("out: rasters need rasterio: pip install 'udaln[io]'") from error
    height, width, count = size
    layout: dict[str, Any] = {"interleave": "pixel", "bigtiff": "IF_SAFER"}
    if kind is Format.img:
        layout = {"interleave": "bip"}
    with (
        rasterio.Env(GDAL_CACHEMAX=CACHE, GDAL_PAM_ENABLED=False),
        rasterio.open(
            path,
            "w",
            driver="GTiff" if kind is Format.tif else "ENVI",
            height=height,
            width=width,
            count=count,
            dtype=dtype.name,
            crs=rasterio.CRS.from_epsg(EPSG),
            transform=rasterio.Affine(side, 0, WEST, 0, -side, NORTH),
            **layout,
        ) as file,
    ):
        _describe(file, bands, kind, dtype)

        def write(row: int, strip: Pixels) -> None:
            if dtype is Number.uint16:
                strip = np.clip(np.rint(strip * STEPS), 0, 2**16 - 1).astype(np.uint16)
            file.write(np.moveaxis(strip, -1, 0), window=((row, row + len(strip)), (0, width)))

        yield write
    if kind is Format.img:
        header = path.with_suffix(".hdr")
        text = header.read_text(encoding="utf-8")
        # GDAL writes the path, which is a temporary one, as the description of the image
        header.write_text(text.replace(str(path), path.name), encoding="utf-8")


def _describe(file: Any, bands: Bands, kind: Format, dtype: Number) -> None:
    """Write the metadata of the bands: GDAL's domain IMAGERY, or the keys of ENVI's headers."""
    assert bands.names is not None and bands.wavelengths is not None and bands.fwhm is not None
    for index, name, nm, fwhm in zip(file.indexes, bands.names, bands.wavelengths, bands.fwhm, strict=True):
        file.set_band_description(index, name)
        if kind is Format.tif:
            file.update_tags(index, wavelength=f"{nm:.6g}", wavelength_units="Nanometers", fwhm=f"{fwhm:.6g}")
            file.update_tags(
                index, ns="IMAGERY", CENTRAL_WAVELENGTH_UM=f"{nm / 1000:.6g}", FWHM_UM=f"{fwhm / 1000:.6g}"
            )
    if kind is Format.img:
        header = {
            "wavelength_units": "Nanometers",
            "wavelength": "{" + ", ".join(f"{nm:.6g}" for nm in bands.wavelengths) + "}",
            "fwhm": "{" + ", ".join(f"{fwhm:.6g}" for fwhm in bands.fwhm) + "}",
        }
        if dtype is Number.uint16:
            header["reflectance_scale_factor"] = str(STEPS)
        file.update_tags(ns="ENVI", **header)
    elif dtype is Number.uint16:
        file.scales = [1 / STEPS] * file.count
