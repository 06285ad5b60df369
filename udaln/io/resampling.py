"""An image resampled to another grid by bicubic convolution, window by window."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from udaln.io.grid import Coordinates, Grid, pixel_transform
from udaln.io.image import Cause, Image, Pixels, grid_of
from udaln.physics.interpolation import keys_weight

NEGLIGIBLE = 1e-6  # weights up to it do not count: the pixel may have no data
OUTSIDE = "outside of the image that was resampled"


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

    def places(rows: slice, cols: slice) -> tuple[Coordinates, Coordinates, NDArray[np.bool_]]:
        row, column = to_image(*(np.mgrid[rows.start : rows.stop, cols.start : cols.stop] + 0.5))
        return row, column, (0 <= row) & (row <= height) & (0 <= column) & (column <= width)

    def read(rows: slice, cols: slice) -> Pixels:
        row, column, inside = places(rows, cols)
        window = np.full((*inside.shape, bands), np.nan, image.dtype)
        if inside.any():
            window[inside] = _interpolate(image, row[inside], column[inside])
        return window

    def carried(cause: Cause) -> Cause:
        def flags(rows: slice, cols: slice) -> NDArray[np.bool_]:
            row, column, inside = places(rows, cols)
            window = np.zeros((*inside.shape, bands), bool)
            if inside.any():
                window[inside] = _flagged(cause, image.shape, row[inside], column[inside])
            return window

        return replace(cause, flags=flags)

    beyond = Cause(OUTSIDE, lambda rows, cols: ~places(rows, cols)[2][..., None])
    causes = (beyond, *map(carried, image.causes))
    return replace(image, shape=(*shape, bands), read=read, grid=grid, causes=causes)


def _interpolate(image: Image, row: Coordinates, column: Coordinates) -> Pixels:
    """Values, N×B, at N points [pixels from the image's upper left corner]."""
    window, taps = _around(row, column, image.shape)
    part, values = image.read(*window), np.zeros((len(row), image.shape[2]), image.dtype)
    for i, j, weight in taps:
        weight = weight.astype(image.dtype)
        used = np.abs(weight) > NEGLIGIBLE
        values[used] += weight[used, None] * part[i[used], j[used]]
    return values


def _flagged(cause: Cause, shape: tuple[int, int, int], row: Coordinates, column: Coordinates) -> NDArray[np.bool_]:
    """Whether a cause concerns what the values at N points are interpolated from, N×B, in an image of some shape."""
    window, taps = _around(row, column, shape)
    sides = [part.stop - part.start for part in window]
    part, found = np.broadcast_to(cause.flags(*window), (*sides, shape[2])), np.zeros((len(row), shape[2]), bool)
    for i, j, weight in taps:
        used = np.abs(weight) > NEGLIGIBLE
        found[used] |= part[i[used], j[used]]
    return found


def _around(
    row: Coordinates, column: Coordinates, shape: tuple[int, int, int]
) -> tuple[tuple[slice, slice], Iterator[tuple[NDArray[np.int64], NDArray[np.int64], Coordinates]]]:
    """The window of an image that N points need; of each of 16 taps their rows and columns in it, and the weights."""
    (rows, row_weights), (columns, column_weights) = _taps(row, shape[0]), _taps(column, shape[1])
    top, left = int(rows.min()), int(columns.min())
    taps = (
        (i, j, row_weight * column_weight)
        for i, row_weight in zip(rows - top, row_weights, strict=True)
        for j, column_weight in zip(columns - left, column_weights, strict=True)
    )
    return (slice(top, int(rows.max()) + 1), slice(left, int(columns.max()) + 1)), taps


def _taps(position: Coordinates, side: int) -> tuple[NDArray[np.int64], Coordinates]:
    """Indices of the four pixels around each of N points along an axis, 4×N, and their weights."""
    taps = np.floor(position - 0.5) + np.arange(-1, 3)[:, None]
    distance: Coordinates = np.abs(position - 0.5 - taps)
    weights: Coordinates = np.asarray(keys_weight(distance), np.float64)
    return taps.clip(0, side - 1).astype(np.int64), weights
