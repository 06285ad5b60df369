"""An image resampled to another grid by bicubic convolution, window by window."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from udaln.io.grid import Coordinates, Grid, pixel_transform
from udaln.io.image import Image, Pixels, grid_of
from udaln.physics.interpolation import keys_weight

NEGLIGIBLE = 1e-6  # weights up to it do not count: the pixel may have no data


def resampled(image: Image, grid: Grid, shape: tuple[int, int]) -> Image:
    """View of an image on another grid, by bicubic convolution (Keys, 1981, a = −1/2).

    Bilinear interpolation blurs more the farther a point is from the pixels' centres, so that the PSF would vary over
    the image. Cubic convolution does so much less, and reproduces linear ramps as well. Coordinates are exact, not
    approximated within a window as in GDAL's warper by default: the value of a pixel does not depend on the window.

    A pixel has no data (NaN) where its centre lies outside the image, or one of the pixels that it is interpolated from
    has none. Beyond the outermost centres the border is repeated.

    Args:
        image: H×W×B, georeferenced.
        grid: The other grid.
        shape: Rows and columns on it.

    Returns:
        ``shape``×B, in the dtype of the image. Its ``read`` reads no more of the image than the window needs.

    Raises:
        InputError: If the image has no CRS, or one of the two is not understood.
    """
    to_image, (height, width, bands) = pixel_transform(grid, grid_of(image)), image.shape

    def read(rows: slice, cols: slice) -> Pixels:
        i, j = np.mgrid[rows.start : rows.stop, cols.start : cols.stop] + 0.5
        row, column = to_image(i, j)
        inside = (0 <= row) & (row <= height) & (0 <= column) & (column <= width)
        window = np.full((*i.shape, bands), np.nan, image.dtype)
        if inside.any():
            window[inside] = _interpolate(image, row[inside], column[inside])
        return window

    return replace(image, shape=(*shape, bands), read=read, grid=grid)


def _interpolate(image: Image, row: Coordinates, column: Coordinates) -> Pixels:
    """Values, N×B, at N points [pixels from the image's upper left corner]."""
    (rows, row_weights), (columns, column_weights) = _taps(row, image.shape[0]), _taps(column, image.shape[1])
    top, left = int(rows.min()), int(columns.min())
    part = image.read(slice(top, int(rows.max()) + 1), slice(left, int(columns.max()) + 1))
    values = np.zeros((len(row), image.shape[2]), image.dtype)
    for i, row_weight in zip(rows - top, row_weights, strict=True):
        for j, column_weight in zip(columns - left, column_weights, strict=True):
            weight = (row_weight * column_weight).astype(image.dtype)
            used = np.abs(weight) > NEGLIGIBLE
            values[used] += weight[used, None] * part[i[used], j[used]]
    return values


def _taps(position: Coordinates, side: int) -> tuple[NDArray[np.int64], Coordinates]:
    """Indices of the four pixels around each of N points along an axis, 4×N, and their weights."""
    taps = np.floor(position - 0.5) + np.arange(-1, 3)[:, None]
    distance: Coordinates = np.abs(position - 0.5 - taps)
    weights: Coordinates = np.asarray(keys_weight(distance), np.float64)
    return taps.clip(0, side - 1).astype(np.int64), weights
