"""Coordinate reference systems that products name by their EPSG code."""

from __future__ import annotations

from udaln.io.formats.gdal import import_rasterio
from udaln.io.formats.source import Source


def wkt_from_epsg(source: Source, epsg: int) -> str:
    """The CRS of an EPSG code, as WKT.

    Raises:
        InputError: If there is no such code, or rasterio, which knows them, is not installed.
    """
    rasterio = import_rasterio(source, "its georeferencing")
    try:
        with rasterio.Env():  # else GDAL prints what it then also raises
            text: str = rasterio.CRS.from_epsg(epsg).to_wkt()
            return text
    except rasterio.errors.CRSError as error:
        raise source.error(f"unknown CRS: expected an EPSG code, got {epsg}") from error
