"""GDAL, which rasterio brings: it is not always installed."""

from __future__ import annotations

from typing import Any

from udaln.io.formats.source import Source


def import_rasterio(source: Source, what: str = "a raster") -> Any:
    """The module rasterio.

    Args:
        source: The file, for the message.
        what: What it is needed for, for the message.

    Raises:
        InputError: If it is not installed.
    """
    try:
        import rasterio
    except ImportError as error:
        raise source.error(f"{what} needs rasterio: pip install 'udaln[io]'") from error
    return rasterio
