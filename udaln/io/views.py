"""Views of an image: cropped, with values masked, or with other axes. Nothing is read before the view is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from udaln.errors import InputError
from udaln.io.image import Bands, Cause, Image, Packing, Pixels

T = TypeVar("T")
S = TypeVar("S", bound=np.generic)


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

    def moved(read: Callable[[slice, slice], T]) -> Callable[[slice, slice], T]:
        return lambda rows, cols: read(
            slice(rows.start + top, rows.stop + top), slice(cols.start + left, cols.stop + left)
        )

    return replace(
        image,
        shape=(bottom - top, right - left, image.shape[2]),
        read=moved(image.read),
        grid=image.grid and image.grid.window(top, left),
        causes=tuple(replace(cause, flags=moved(cause.flags)) for cause in image.causes),
    )


def masked(image: Image, cause: Cause) -> Image:
    """View of an image with NaN where there is a further cause."""

    def read(rows: slice, cols: slice) -> Pixels:
        values = image.read(rows, cols)
        return np.where(cause.flags(rows, cols), np.nan, values).astype(image.dtype, copy=False)

    return replace(image, read=read, causes=(*image.causes, cause))


def bands_moved_last(image: Image) -> Image:
    """View of an image whose file has its bands first, but which was taken for rows×columns×bands."""

    def moved(read: Callable[[slice, slice], NDArray[S]]) -> Callable[[slice, slice], NDArray[S]]:
        def read_moved(rows: slice, cols: slice) -> NDArray[S]:
            part = read(slice(0, image.shape[0]), rows)
            part = part if part.shape[2] == 1 else part[..., cols]
            return np.ascontiguousarray(np.moveaxis(part, 0, 2))

        return read_moved

    bands, rows, columns = image.shape
    uniform = np.ndim(image.packing.scale) == np.ndim(image.packing.offset) == 0
    return replace(
        image,
        shape=(rows, columns, bands),
        read=moved(image.read),
        packing=image.packing if uniform else Packing(),
        causes=tuple(replace(cause, flags=moved(cause.flags)) for cause in image.causes),
    )


def select_bands(image: Image, chosen: Sequence[int]) -> Image:
    """View of some bands of an image, in this order."""
    index, bands = list(chosen), image.bands

    def some(read: Callable[[slice, slice], NDArray[S]]) -> Callable[[slice, slice], NDArray[S]]:
        def read_some(rows: slice, cols: slice) -> NDArray[S]:
            part = read(rows, cols)
            return part if part.shape[2] == 1 < image.shape[2] else part[..., index]

        return read_some

    return replace(
        image,
        shape=(*image.shape[:2], len(index)),
        read=some(image.read),
        bands=Bands(
            None if bands.names is None else [bands.names[i] for i in index],
            None if bands.wavelengths is None else bands.wavelengths[index],
            None if bands.fwhm is None else bands.fwhm[index],
            None if bands.good is None else bands.good[index],
        ),
        packing=image.packing.select(index, image.shape[2]),
        causes=tuple(replace(cause, flags=some(cause.flags)) for cause in image.causes),
    )


def extended(image: Image, multiple: int, before: tuple[int, int] = (0, 0)) -> Image:
    """View of an image whose border is repeated until its sides are multiples of a number.

    Args:
        image: H×W×B.
        multiple: The number.
        before: Rows and columns of it that come before the first; the others come after the last.
    """
    sides = image.shape[:2]
    rows, columns = (-(-(side + first) // multiple) * multiple for side, first in zip(sides, before, strict=True))

    def longer(read: Callable[[slice, slice], NDArray[S]]) -> Callable[[slice, slice], NDArray[S]]:
        def read_longer(rows: slice, cols: slice) -> NDArray[S]:
            places = [
                (np.arange(part.start, part.stop) - first).clip(0, side - 1)
                for part, side, first in zip((rows, cols), sides, before, strict=True)
            ]
            part = read(*(slice(int(place[0]), int(place[-1]) + 1) for place in places))
            return part[np.ix_(*(place - place[0] for place in places))]

        return read_longer

    return replace(
        image,
        shape=(rows, columns, image.shape[2]),
        read=longer(image.read),
        grid=image.grid and image.grid.window(-before[0], -before[1]),
        causes=tuple(replace(cause, flags=longer(cause.flags)) for cause in image.causes),
    )


def averaged(image: Image, step: int) -> Image:
    """View of an image with pixels that are ``step`` times as large: the means of those of its values that have data.

    The sides must be multiples of ``step``.
    """

    def blocks(read: Callable[[slice, slice], NDArray[S]], rows: slice, cols: slice) -> NDArray[S]:
        part = read(*(slice(step * span.start, step * span.stop) for span in (rows, cols)))
        height, width = (side // step for side in part.shape[:2])
        return part.reshape(height, step, width, step, -1).swapaxes(1, 2).reshape(height, width, step**2, -1)

    def read_means(rows: slice, cols: slice) -> Pixels:
        values = blocks(image.read, rows, cols)
        there = np.isfinite(values)
        count = there.sum(2)
        means = np.where(there, values, 0).sum(2, dtype=np.float64) / np.maximum(count, 1)
        return np.where(count > 0, means, np.nan).astype(image.dtype)

    def in_all(cause: Cause) -> Cause:
        def flags(rows: slice, cols: slice) -> NDArray[np.bool_]:
            return np.asarray(blocks(cause.flags, rows, cols).all(2))

        return replace(cause, flags=flags)

    rows, columns = (side // step for side in image.shape[:2])
    return replace(
        image,
        shape=(rows, columns, image.shape[2]),
        read=read_means,
        grid=image.grid and image.grid.window(0, 0, step),
        causes=tuple(in_all(cause) for cause in image.causes),
    )
