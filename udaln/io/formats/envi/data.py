"""The raw numbers of an ENVI raster, in the layout that its header tells."""

from __future__ import annotations

import gzip
import math
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from udaln.io.formats.envi.header import Header
from udaln.io.formats.source import Source
from udaln.io.formats.stored import Window

_REQUIRED = ("samples", "lines", "bands", "data type")
_TYPES = {1: "u1", 2: "i2", 3: "i4", 4: "f4", 5: "f8", 6: "c8", 9: "c16", 12: "u2", 13: "u4", 14: "i8", 15: "u8"}
_AXES = {"bsq": (2, 0, 1), "bil": (0, 2, 1), "bip": (0, 1, 2)}  # of rows, columns, bands, as they lie in the file


@dataclass(frozen=True)
class Layout:
    """How the numbers lie in the data file.

    Attributes:
        shape: Rows, columns, bands.
        dtype: Of the numbers, with their byte order.
        axes: The order in which the axes of ``shape`` lie.
        offset: Bytes before the first number.
        compressed: Whether the file is one gzip stream.
    """

    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    axes: tuple[int, int, int]
    offset: int
    compressed: bool

    @property
    def size(self) -> int:
        """Bytes of the file, uncompressed."""
        rows, columns, bands = self.shape
        return self.offset + rows * columns * bands * self.dtype.itemsize

    def __str__(self) -> str:
        """Size and type, as text."""
        return f"{'×'.join(map(str, self.shape))} {self.dtype.newbyteorder('=')}"


def layout(source: Source, header: Header) -> tuple[Layout, list[str]]:
    """The layout that a header tells.

    Args:
        source: The header, for messages.
        header: Its content.

    Returns:
        The layout, and a line for what the header does not tell.

    Raises:
        InputError: If a required field is missing or unusable.
    """
    if missing := [name for name in _REQUIRED if header.text(name) is None]:
        raise source.error(f"expected an ENVI header with {', '.join(missing)}, got none of that")
    if (header.text("file type") or "").lower().endswith("spectral library"):
        raise source.error("file type: expected an image, got a spectral library")
    for name in ("major frame offsets", "minor frame offsets"):
        if _distinct(header.text(name)) not in ("", "0"):
            raise source.error(f"{name}: expected none, got {header.text(name)}; save the image without them")
    rows, columns, bands, offset, code, compression = (
        _whole(source, header, name)
        for name in ("lines", "samples", "bands", "header offset", "data type", "file compression")
    )
    if code not in _TYPES:
        raise source.error(f"data type: expected one of ENVI's, got {code}")
    dtype = np.dtype(_TYPES[code])
    if min(rows, columns, bands) < 1:
        raise source.error(f"is empty ({rows}×{columns}×{bands} {dtype})")
    if dtype.kind == "c":
        raise source.error(f"holds no real numbers but is {dtype}")
    notes = []
    order = header.text("byte order")
    if order is None and dtype.itemsize > 1:
        notes.append("byte order: is not told; taken for 0, the least significant byte first")
    elif order not in (None, "0", "1"):
        raise source.error(f"byte order: expected 0 or 1, got {order}")
    interleave = (header.text("interleave") or ("bsq" if bands == 1 else "")).lower()
    if interleave not in _AXES:
        raise source.error(f"interleave: expected bsq, bil or bip, got {interleave or 'none'}")
    dtype = dtype.newbyteorder(">" if order == "1" else "<")
    return Layout((rows, columns, bands), dtype, _AXES[interleave], offset, bool(compression)), notes


@contextmanager
def open_data(source: Source, header: Path, data: Path, layout: Layout) -> Iterator[Window]:
    """Open a data file, to be read window by window. One that is compressed is unpacked to a temporary file first.

    Args:
        source: The file that the user named. Messages begin with its key.
        header: The header, for messages.
        data: The data file.
        layout: Of its numbers.

    Raises:
        InputError: If the file has not the size that the layout implies, or it cannot be unpacked.
    """
    if not layout.compressed:
        _check_size(source, header, data, layout, data.stat().st_size)
        yield _window(data, layout)
        return
    with tempfile.TemporaryDirectory() as folder:
        unpacked = Path(folder) / "data"
        try:
            with gzip.open(data) as packed, unpacked.open("wb") as file:
                shutil.copyfileobj(packed, file)
        except (OSError, EOFError, zlib.error) as error:
            raise source.error(f"cannot be unpacked, as its header {header.name} asks: {error}", data) from error
        _check_size(source, header, data, layout, unpacked.stat().st_size)
        yield _window(unpacked, layout)


def _window(path: Path, layout: Layout) -> Window:
    """A reader of windows. The file is mapped anew each time, so that what was read does not count as used memory."""
    shape = tuple(layout.shape[axis] for axis in layout.axes)
    back = np.argsort(layout.axes)

    def read(rows: slice, cols: slice) -> NDArray[Any]:
        mapped = np.memmap(path, layout.dtype, "r", layout.offset, shape)
        part = mapped.transpose(back)[rows, cols]
        return np.array(part, layout.dtype.newbyteorder("="), order="C")

    return read


def _check_size(source: Source, header: Path, data: Path, layout: Layout, got: int) -> None:
    if got != layout.size:
        raise source.error(
            f"expected {layout.size} bytes, as its header {header.name} says ({layout}), got {got}", data
        )


def _whole(source: Source, header: Header, name: str) -> int:
    """The whole number in a field; 0 if the field is missing."""
    text = header.text(name) or "0"
    try:
        number = float(text)
    except ValueError:
        number = -1
    if not math.isfinite(number) or number < 0 or number != int(number):
        raise source.error(f"{name}: expected a whole number, got {text}")
    return int(number)


def _distinct(text: str | None) -> str:
    """The distinct numbers in a text, separated by commas."""
    return ",".join(dict.fromkeys((text or "").replace(",", " ").split()))
