"""Parts of an image, one after another, in bounded memory."""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from udaln.io.image import Pixels

PART = 2**24  # bytes of a part; a few copies of one are in memory at a time
Done = Callable[[float], None]


def part(pixels: Pixels, rows: slice, cols: slice) -> NDArray[np.float32]:
    """A window as an array of its own, h×w×C, float32, little-endian.

    A file that is mapped as a whole is mapped anew: the pages that were read would else stay with the process, until
    the whole image was in its memory.
    """
    if isinstance(pixels, np.memmap) and isinstance(pixels.base, mmap.mmap) and pixels.flags.c_contiguous:
        if pixels.mode != "c" and pixels.filename is not None:  # changes to a copy on write are not in the file
            pixels = np.memmap(pixels.filename, pixels.dtype, "r", pixels.offset, pixels.shape)
    return np.array(pixels[rows, cols], dtype="<f4", order="C")


def lines(pixels: Pixels, axis: int = 0) -> int:
    """How many whole rows (columns, for axis 1) make a part; one at least."""
    return max(1, PART // int(4 * pixels.shape[1 - axis] * pixels.shape[2]))


def parts(pixels: Pixels, height: int, width: int, done: Done) -> Iterator[tuple[slice, slice, NDArray[np.float32]]]:
    """Row by row, windows of the image that together are all of it: their rows, columns and pixels h×w×C.

    Args:
        pixels: H×W×C.
        height: Of a window; those at the lower edge are less high.
        width: Likewise.
        done: Is told the share that has been done, 1 at the end.
    """
    rows, cols = pixels.shape[:2]
    corners = [(row, col) for row in range(0, rows, height) for col in range(0, cols, width)]
    for number, (row, col) in enumerate(corners, start=1):
        down, across = slice(row, min(row + height, rows)), slice(col, min(col + width, cols))
        yield down, across, part(pixels, down, across)
        done(number / len(corners))


def write_planes(file: BinaryIO, pixels: Pixels, done: Done, *, axis: int = 0) -> None:
    """Append the bands one after another, each row by row; for axis 1 column by column."""
    start, size = file.tell(), pixels.shape[0] * pixels.shape[1]
    count, across = lines(pixels, axis), pixels.shape[1 - axis]
    height, width = (count, across) if axis == 0 else (across, count)
    for rows, cols, block in parts(pixels, height, width, done):
        first = (rows, cols)[axis].start * across
        planes = np.ascontiguousarray(block.transpose(2, axis, 1 - axis))
        for band, plane in enumerate(planes):
            file.seek(start + 4 * (band * size + first))
            file.write(plane.data)
