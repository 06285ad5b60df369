"""Coordinate reference systems by their codes and in texts, as WKT."""

from __future__ import annotations

from udaln.errors import InputError
from udaln.io.formats.gdal import import_rasterio
from udaln.io.formats.source import Source

WGS84 = 4326  # EPSG code of latitudes and longitudes on it


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


def wkt_from_text(source: Source, text: str) -> str:
    """The CRS that a text describes in any way that PROJ knows, as WKT.

    Raises:
        InputError: If it is not understood, or rasterio is not installed.
    """
    rasterio = import_rasterio(source, "its georeferencing")
    try:
        with rasterio.Env():
            return str(rasterio.CRS.from_string(text).to_wkt())
    except rasterio.errors.CRSError as error:
        raise source.error(f"unknown CRS: {' '.join(str(error).split())}") from error


def wkt_if_possible(source: Source, epsg: int) -> str:
    """The CRS of an EPSG code, as WKT; empty if rasterio is not installed."""
    try:
        return wkt_from_epsg(source, epsg)
    except InputError:
        return ""


def utm_on_wgs84(zone: int, *, north: bool) -> int:
    """The EPSG code of a zone of UTM on WGS 84."""
    return (32600 if north else 32700) + zone
