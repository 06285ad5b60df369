"""Views of an image: cropped, or with values masked. Nothing is read before the view is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from udaln.errors import InputError
from udaln.io.image import Image, Pixels


def cropped(image: Image, rows: slice, cols: slice) -> Image:
    """View of a window of an image; the image itself if the window is the whole image.

    Args:
        image: H×W×B.
        rows: Rows of the window; a missing end is that of the image.
        cols: Columns of the window, likewise.

    Raises:
        InputError: If the window is empty or has a step.
    """
    (top, bottom, row_step), (left, right, column_step) = rows.indices(image.shape[0]), cols.indices(image.shape[1])
    if (row_step, column_step) != (1, 1) or bottom <= top or right <= left:
        height, width, _ = image.shape
        raise InputError(f"{image.path}: expected a window of its {height}×{width} pixels, got {rows}, {cols}")
    if (top, left, bottom, right) == (0, 0, *image.shape[:2]):
        return image

    def read(rows: slice, cols: slice) -> Pixels:
        return image.read(slice(rows.start + top, rows.stop + top), slice(cols.start + left, cols.stop + left))

    return replace(
        image,
        shape=(bottom - top, right - left, image.shape[2]),
        read=read,
        grid=image.grid and image.grid.window(top, left),
    )


def masked(
    image: Image, *, mask: Image | None = None, nodata: float | None = None, saturation: float | None = None
) -> Image:
    """View of an image with NaN in place of invalid values; the image itself if nothing is to be masked.

    Args:
        image: H×W×B.
        mask: H×W×1, non-zero where a pixel is invalid. Pixels that the mask has no data for are invalid, too, unless 0
            is the mask's own no-data value.
        nodata: The value that means no data.
        saturation: Values from this one on are saturated and invalid.
    """
    if mask is None and nodata is None and saturation is None:
        return image

    def read(rows: slice, cols: slice) -> np.ndarray:
        values = image.read(rows, cols)
        invalid = np.zeros(values.shape, dtype=bool)
        if mask is not None:
            flags = mask.read(rows, cols)
            invalid |= np.where(np.isnan(flags), mask.nodata != 0, flags != 0)
        if nodata is not None:
            invalid |= values == nodata
        if saturation is not None:
            invalid |= values >= saturation
        return np.where(invalid, np.nan, values).astype(image.dtype, copy=False)

    return replace(image, read=read)
