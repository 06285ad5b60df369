"""ENVI images in the geometry of the sensor, as of AVIRIS and AVIRIS-NG, put on the map by the table beside them.

A geographic lookup table (GLT) has, for each pixel of a map grid, the sample and the line of the image's pixel that
shows it, from 1 on; 0 where there is none, negative where it is that of a neighbour. Source: JPL, AVIRIS ortho readme.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import takewhile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from udaln.io.formats.envi.reader import READER as ENVI
from udaln.io.formats.envi.reader import header_of
from udaln.io.formats.raster.reader import Raster, open_with_gdal
from udaln.io.formats.reader import Reader
from udaln.io.formats.source import Source
from udaln.io.image import Cause, Flags, Image, Pixels

_TABLES = ("glt", "igm")
STRIP = 512  # rows of the table that are looked at together


@contextmanager
def open_aviris(source: Source) -> Iterator[Image]:
    """Open an image that has no map grid, with a GLT beside it, on the GLT's grid: each pixel is the image's own.

    Raises:
        InputError: If the table is not of this image, or there are only the coordinates of its pixels (IGM).
    """
    table = _table(source.path, "glt")
    with ENVI.open(source) as image:
        if image.grid is not None:
            yield image
            return
        if table is None:
            path = _table(source.path, "igm")
            assert path is not None
            raise source.error(
                f"expected a map grid, or a GLT beside it, got the coordinates of its pixels, {path.name}, alone; "
                "put it on a map grid first, as by a GLT made of them"
            )
        with open_with_gdal(source, table) as opened:
            _check(source, table, opened, image)
            yield _on_the_map(image, opened, table)


def _check(source: Source, table: Path, opened: Raster, image: Image) -> None:
    """Check that a table has a map grid, and two bands of whole numbers."""
    if opened.stored.shape[2] != 2 or opened.stored.dtype.kind not in "iu" or opened.grid is None:
        shape = "×".join(map(str, opened.stored.shape))
        raise source.error(f"expected a GLT of 2 bands of whole numbers on a map grid, got {shape}", table)
    rows, columns = opened.stored.shape[:2]
    sample = line = 0
    for top in range(0, rows, STRIP):
        strip = np.abs(opened.stored.read(slice(top, min(top + STRIP, rows)), slice(0, columns)).astype(np.int64))
        sample, line = max(sample, int(strip[..., 0].max())), max(line, int(strip[..., 1].max()))
    if sample > image.shape[1] or line > image.shape[0]:
        raise source.error(
            f"expected samples and lines of an image of {image.shape[0]} lines and {image.shape[1]} samples, got up to "
            f"sample {sample} and line {line}; it is the GLT of another image",
            table,
        )


def _on_the_map(image: Image, opened: Raster, table: Path) -> Image:
    """View of an image on the grid of its GLT."""

    def pixels(rows: slice, cols: slice) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
        """Line and sample of each pixel, from 0 on, and where there are none."""
        sample, line = np.moveaxis(np.abs(opened.stored.read(rows, cols).astype(np.int64)), 2, 0)
        none: NDArray[np.bool_] = (sample == 0) | (line == 0)
        return line - 1, sample - 1, none

    def read(rows: slice, cols: slice) -> Pixels:
        line, sample, none = pixels(rows, cols)
        values = np.full((*none.shape, image.shape[2]), np.nan, image.dtype)
        if not none.all():
            part, i, j = _part(line, sample, none)
            values[~none] = image.read(*part)[i, j]
        return values

    def moved(flags: Flags) -> Flags:
        def on_the_map(rows: slice, cols: slice) -> NDArray[np.bool_]:
            line, sample, none = pixels(rows, cols)
            if none.all():
                return np.zeros((*none.shape, 1), bool)
            part, i, j = _part(line, sample, none)
            own = flags(*part)
            result = np.zeros((*none.shape, own.shape[2]), bool)
            result[~none] = own[i, j]
            return result

        return on_the_map

    outside = Cause("outside of the image (GLT)", lambda rows, cols: pixels(rows, cols)[2][..., None])
    note = f"in the geometry of the sensor; put on the map by {table.name}: each pixel is the one that it names"
    return replace(
        image,
        shape=(*opened.stored.shape[:2], image.shape[2]),
        read=read,
        grid=opened.grid,
        causes=(outside, *(replace(cause, flags=moved(cause.flags)) for cause in image.causes)),
        notes=(*image.notes, note),
    )


def _part(
    line: NDArray[np.int64], sample: NDArray[np.int64], none: NDArray[np.bool_]
) -> tuple[tuple[slice, slice], NDArray[np.int64], NDArray[np.int64]]:
    """The window of the image that holds some pixels of it, and where in it they are."""
    i, j = line[~none], sample[~none]
    top, left = int(i.min()), int(j.min())
    return (slice(top, int(i.max()) + 1), slice(left, int(j.max()) + 1)), i - top, j - left


def _table(path: Path, kind: str) -> Path | None:
    """The data file of the table beside an image: the one with the longest beginning in common with its name."""
    name = path.name.lower()
    files = [
        part
        for part in path.parent.iterdir()
        if part.suffix.lower() in ("", ".img", ".dat", ".bin")
        and part.stem.lower().endswith(f"_{kind}")
        and header_of(part)
    ]
    common = {part: _common(part.name.lower(), name) for part in files}
    best = max(files, key=lambda part: common[part], default=None)
    flight = name.split("_")[0].removesuffix(".hdr")
    return best if best is not None and best.name.lower().startswith(flight) else None


def _common(first: str, second: str) -> int:
    """Number of characters that two names begin with in common."""
    return len(list(takewhile(lambda pair: pair[0] == pair[1], zip(first, second, strict=False))))


def _find(source: Source) -> Path | None:
    path = ENVI.find(source)
    stem = source.path.name.removesuffix(".hdr").lower()
    if path is None or stem.rpartition(".")[0].endswith(_TABLES) or stem.endswith(_TABLES):
        return None
    return path if any(_table(path, kind) for kind in _TABLES) else None


READER = Reader("ENVI with a GLT", _find, open_aviris)
