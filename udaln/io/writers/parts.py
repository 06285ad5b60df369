"""An image is written part by part, so that memory stays bounded."""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from udaln.io.image import Pixels

PART_BYTES = 2**24  # size of a part; a few copies of one are in memory at a time
Progress = Callable[[float], None]  # is called with the fraction of the work done, from 0 to 1


def read_part(pixels: Pixels, rows: slice, cols: slice) -> NDArray[np.float32]:
    """Copy a window of an image, h×w×C, float32, little-endian.

    If the image is a memory map of a whole file, it is mapped anew each time. Otherwise the pages that were read would
    stay with the process, until the whole image was in its memory.
    """
    if isinstance(pixels, np.memmap) and isinstance(pixels.base, mmap.mmap) and pixels.flags.c_contiguous:
        if pixels.mode != "c" and pixels.filename is not None:  # in mode c, changes are in memory only
            pixels = np.memmap(pixels.filename, pixels.dtype, "r", pixels.offset, pixels.shape)
    return np.array(pixels[rows, cols], dtype="<f4", order="C")


def lines_per_part(pixels: Pixels, axis: int = 0) -> int:
    """Number of whole rows (columns, for axis 1) in a part; at least one."""
    return max(1, PART_BYTES // int(4 * pixels.shape[1 - axis] * pixels.shape[2]))


def parts(
    pixels: Pixels, height: int, width: int, progress: Progress
) -> Iterator[tuple[slice, slice, NDArray[np.float32]]]:
    """Read an image in windows, row by row.

    Args:
        pixels: H×W×C.
        height: Of a window; those at the lower edge may be smaller.
        width: Likewise, at the right edge.
        progress: Is called with the fraction done.

    Yields:
        Rows, columns and pixels, h×w×C, of each window.
    """
    rows, cols = pixels.shape[:2]
    corners = [(row, col) for row in range(0, rows, height) for col in range(0, cols, width)]
    for number, (row, col) in enumerate(corners, start=1):
        window_rows, window_cols = slice(row, min(row + height, rows)), slice(col, min(col + width, cols))
        yield window_rows, window_cols, read_part(pixels, window_rows, window_cols)
        progress(number / len(corners))


def write_planes(file: BinaryIO, pixels: Pixels, progress: Progress, *, axis: int = 0) -> None:
    """Append the bands one after another, each row by row; for axis 1 column by column."""
    start, plane_size = file.tell(), pixels.shape[0] * pixels.shape[1]
    count, length = lines_per_part(pixels, axis), pixels.shape[1 - axis]
    height, width = (count, length) if axis == 0 else (length, count)
    for rows, cols, block in parts(pixels, height, width, progress):
        first = (rows, cols)[axis].start * length
        planes = np.ascontiguousarray(block.transpose(2, axis, 1 - axis))
        for band, plane in enumerate(planes):
            file.seek(start + 4 * (band * plane_size + first))
            file.write(plane.data)
