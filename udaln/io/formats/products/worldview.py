"""Images of DigitalGlobe and Maxar with their metadata file .IMD: WorldView, GeoEye-1, QuickBird; also in tiles.

Source: DigitalGlobe, Imagery Support Data (ISD) documentation: image metadata .IMD and tile map .TIL.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from udaln.io.formats.raster.reader import open_raster, open_with_gdal
from udaln.io.formats.reader import Reader
from udaln.io.formats.source import Source
from udaln.io.grid import Grid
from udaln.io.image import Image

NAMES = {
    "P": "pan",
    "C": "coastal",
    "B": "blue",
    "G": "green",
    "Y": "yellow",
    "R": "red",
    "RE": "red_edge",
    "N": "nir",
    "N2": "nir2",
    **{f"S{number}": f"swir{number}" for number in range(1, 9)},
}
_TILE = re.compile(r"_R\d+C\d+", re.IGNORECASE)
_TIF = (".tif", ".tiff")


@contextmanager
def open_worldview(source: Source) -> Iterator[Image]:
    """Open an image by its .IMD, its tile map .TIL, or its GeoTIFF with the .IMD beside it.

    The .IMD names the bands. Numbers are as they are stored. Tiles are joined by the tile map; of a tile that is named
    itself, only that tile is read.

    Raises:
        InputError: If the image is missing or cannot be read.
    """
    path, metadata = source.path, _beside(source.path, ".imd")
    tiles = _beside(path, ".til")
    notes = []
    if path.suffix.lower() not in _TIF:
        path = tiles or _only_image(source, path)
    elif tiles is not None and len(_tiles(tiles)) > 1:
        notes.append(f"one of {len(_tiles(tiles))} tiles; name {tiles.name} for all")
    if path == tiles:
        missing = [name for name in _tiles(tiles) if not (tiles.parent / name).exists()]
        if missing:
            raise source.error(f"expected its tiles beside it, {', '.join(missing)} missing", tiles)
    with open_raster(replace(source, path=path)) as image:
        bands = image.bands
        if metadata is not None:
            names = _band_names(metadata)
            if len(names) == image.shape[2]:
                bands = replace(bands, names=names)
                notes.append(f"{metadata.name}: names the bands; its calibration is not applied")
            else:
                notes.append(f"{metadata.name}: names {len(names)} bands of {image.shape[2]}, set aside")
        grid, note = (image.grid, []) if path != tiles else _grid_of_tiles(source, path, image.grid)
        yield replace(image, kind="WorldView", bands=bands, grid=grid, notes=(*image.notes, *note, *notes))


def _grid_of_tiles(source: Source, path: Path, grid: Grid | None) -> tuple[Grid | None, list[str]]:
    """The grid of joined tiles: that of the first tile, which GDAL does not look at, if they are at odds."""
    text = path.read_text("utf-8", "replace")
    offsets = re.findall(r"UL(?:Col|Row)Offset\s*=\s*(\d+)", text, re.IGNORECASE)[:2]
    if offsets != ["0", "0"]:
        return grid, []
    with open_with_gdal(source, path.parent / _tiles(path)[0]) as tile:
        own = tile.grid
    if (
        own is None
        or grid is None
        or np.allclose(own.transform, grid.transform, rtol=0, atol=abs(own.transform[0]) / 100)
    ):
        return grid, []
    return own, [f"{path.name}: the place of the image is that of its first tile, not that in the .IMD"]


def _band_names(path: Path) -> list[str]:
    """The bands' names, in their order, as in the configuration of the sensor."""
    text = path.read_text("utf-8", "replace")
    groups = re.findall(r"BEGIN_GROUP\s*=\s*BAND_(\w+)", text)
    names = [NAMES.get(group.upper(), group) for group in groups]
    satellite = re.search(r'satId\s*=\s*"?(\w+)', text)
    if "nir2" in names or (satellite and satellite[1].upper() in ("WV02", "WV03")):
        names = ["nir1" if name == "nir" else name for name in names]
    return names


def _tiles(path: Path) -> list[str]:
    """The tiles that a tile map names."""
    return re.findall(r'filename\s*=\s*"([^"]+)"', path.read_text("utf-8", "replace"), re.IGNORECASE)


def _beside(path: Path, suffix: str) -> Path | None:
    """The file of the same image with another suffix, in any case; of a tile, that of the whole image."""
    stems = {path.stem.lower(), _TILE.sub("", path.stem).lower()}
    return next(
        (part for part in path.parent.iterdir() if part.suffix.lower() == suffix and part.stem.lower() in stems), None
    )


def _only_image(source: Source, path: Path) -> Path:
    """The GeoTIFF of an .IMD without a tile map."""
    files = [
        part
        for part in sorted(path.parent.iterdir())
        if part.suffix.lower() in _TIF and path.stem.lower() in (part.stem.lower(), _TILE.sub("", part.stem).lower())
    ]
    if len(files) == 1:
        return files[0]
    raise source.error(f"expected its .TIL or one .TIF beside it, got {len(files)} .TIF; name one")


def _find(source: Source) -> Path | None:
    path = source.path
    if path.is_dir():
        files = sorted(part for part in path.iterdir() if part.suffix.lower() in (".imd", ".til"))
        stems = {part.stem.lower() for part in files}
        if len(stems) > 1:
            raise source.error(f"expected one image in the folder, got {len(stems)}; name the .IMD of one")
        return files[0] if files else None
    if not path.is_file():
        return None
    suffix = path.suffix.lower()
    if suffix in (".imd", ".til"):
        return path
    return path if suffix in _TIF and _beside(path, ".imd") else None


READER = Reader("WorldView", _find, open_worldview)
