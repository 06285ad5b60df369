"""Coordinate reference systems that products name by their number."""

from __future__ import annotations

from udaln.io.formats.raster import library
from udaln.io.formats.source import Source


def wkt(source: Source, epsg: int) -> str:
    """The system of an EPSG code, as WKT.

    Raises:
        InputError: If there is no such system, or rasterio, which knows them, is not installed.
    """
    rasterio = library(source, "its georeferencing")
    try:
        with rasterio.Env():  # else GDAL prints what it then also raises
            text: str = rasterio.CRS.from_epsg(epsg).to_wkt()
            return text
    except rasterio.errors.CRSError as error:
        raise source.wrong(f"unknown CRS: expected an EPSG code, got {epsg}") from error
