"""Masks that GDAL knows of: alpha bands, masks inside of a file or beside it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from udaln.io.image import Cause

MASK_LIKE = 0.9  # fraction of an alpha band's values that are its smallest or its largest
OPAQUE = 0.5  # a pixel that is less opaque than this has no data
LINES = 64  # rows of a band that are looked at


def image_bands(file: Any) -> tuple[list[int], list[Cause], list[str]]:
    """The bands of a raster that are images, what its masks say, and notes on what is not used.

    A band that is tagged as alpha is a mask if nearly all of its values are its smallest or its largest one. Otherwise
    it is an image band: writers tag the fourth of four bands so by default.

    Args:
        file: Open in rasterio.

    Returns:
        Numbers of the bands, counted from 1; the causes of missing values; notes.
    """
    alpha = [band for band, name in zip(file.indexes, file.colorinterp, strict=True) if name.name == "alpha"]
    masks = [band for band in alpha if file.count > 1 and _is_mask(file, band)]
    bands = [band for band in file.indexes if band not in masks]
    notes = [f"band {band} is tagged alpha, but is an image: it is used as one" for band in alpha if band not in masks]
    notes += [
        f"band {band} has a colour table, of which its numbers are entries: gdal_translate -expand rgb makes colours"
        for band in bands
        if file.colorinterp[band - 1].name == "palette"
    ]
    causes = [_transparent(file, band) for band in masks]
    if not alpha or masks:
        causes += _other_masks(file, bands)
    return bands, causes, notes


def _is_mask(file: Any, band: int) -> bool:
    """Whether an alpha band is a mask."""
    values = np.concatenate([lines.ravel() for lines in _lines(file, band)])
    return bool(np.isin(values, (values.min(), values.max())).mean() >= MASK_LIKE)


def _lines(file: Any, band: int) -> Iterator[NDArray[Any]]:
    """Rows of a band, spread over it."""
    for row in np.unique(np.linspace(0, file.height - 1, LINES).astype(int)).tolist():
        yield file.read(band, window=((row, row + 1), (0, file.width)))


def _transparent(file: Any, band: int) -> Cause:
    """The pixels that an alpha band makes transparent. Its largest value is opaque."""
    opaque = max(float(lines.max()) for lines in _lines(file, band))

    def flags(rows: slice, cols: slice) -> NDArray[np.bool_]:
        alpha = file.read(band, window=((rows.start, rows.stop), (cols.start, cols.stop)))
        return np.asarray((alpha < OPAQUE * opaque) | (alpha == 0))[..., None]

    return Cause(f"transparent (alpha band {band})", flags)


def _other_masks(file: Any, bands: list[int]) -> list[Cause]:
    """Masks of the dataset or of single bands, inside of the file or in a file ``.msk``."""
    from rasterio.enums import MaskFlags

    told = {MaskFlags.all_valid, MaskFlags.nodata, MaskFlags.alpha}  # by other means
    flags_of = [set(file.mask_flag_enums[band - 1]) for band in bands]
    if all(flags & told for flags in flags_of):
        return []
    of_all = all(MaskFlags.per_dataset in flags for flags in flags_of)

    def flags(rows: slice, cols: slice) -> NDArray[np.bool_]:
        window = ((rows.start, rows.stop), (cols.start, cols.stop))
        masks = file.read_masks(bands[:1] if of_all else bands, window=window)
        return np.asarray(np.moveaxis(masks, 0, -1) == 0)

    return [Cause("mask of the file", flags)]
