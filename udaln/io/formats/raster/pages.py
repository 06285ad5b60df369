"""Rasters in several parts: the pages of a TIFF, the subdatasets of a container."""

from __future__ import annotations

import re
from contextlib import ExitStack
from typing import Any

from udaln.errors import InputError
from udaln.io.formats.source import Source


def open_parts(source: Source, file: Any, stack: ExitStack) -> tuple[list[Any], list[str]]:
    """The parts of a raster that are the image.

    These are the file itself or, of a file of several images, the one that ``source.variable`` names, or all pages of a
    TIFF that have the size of the first one.

    Args:
        source: The file.
        file: Open in rasterio.
        stack: Closes what is opened.

    Returns:
        Open rasters of the same size, whose bands are those of the image, and notes on what is not used.

    Raises:
        InputError: If it is not clear which one is meant.
    """
    import rasterio

    names = list(file.subdatasets)
    if not names:
        source.refuse_variable()
        return [file], []
    if source.variable is not None:
        return [stack.enter_context(rasterio.open(_named(source, names)))], []
    if not file.count or not names[0].startswith("GTIFF_DIR:"):
        raise source.error(
            f"holds {len(names)} images, {', '.join(map(_short, names))}; set {source.variable_key} to the one meant"
        )
    pages = [stack.enter_context(rasterio.open(name)) for name in names]
    alike = [page for page in pages if page.shape == file.shape]
    notes = []
    if len(alike) > 1:
        notes.append(f"its {len(alike)} pages of {file.height}×{file.width} pixels are taken as one image")
    if others := [page for page in pages if page.shape != file.shape]:
        sizes = ", ".join(f"{page.height}×{page.width}" for page in others)
        notes.append(f"{len(others)} pages of another size ({sizes}) are not used; {source.variable_key} names one")
    return alike, notes


def _named(source: Source, names: list[str]) -> str:
    """The subdataset that the user named, by the end of its name or, of a TIFF, by the number of its page."""
    wanted = str(source.variable)
    matches = [name for name in names if wanted == name or _short(name) == wanted.lstrip("/")]
    if len(matches) != 1:
        listing = ", ".join(map(_short, names))
        raise InputError(f"{source.variable_key}: {source.path} holds {listing}, got {wanted!r}")
    return matches[0]


def _short(name: str) -> str:
    """What tells a subdataset from the others of its file: GDAL's name is DRIVER:"file":part or DRIVER:part:file."""
    if page := re.match(r"GTIFF_DIR:(\d+):", name):
        return page[1]
    return name.rsplit('":', 1)[-1].lstrip("/") if '":' in name else name.rsplit(":", 1)[-1].lstrip("/")
