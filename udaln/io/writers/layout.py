"""The last step to a Cloud Optimized GeoTIFF: its text in front of the directories, and marks around each tile.

For text and marks: GDAL's documentation of its driver COG, "Header ghost area" and "Tile data leader and trailer".
Readers look there to know that a file is cloud optimized, and read a tile at one go.
"""

from __future__ import annotations

import shutil
import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from udaln.io.writers.tiff import Directory, Format, exactly, parse

_TEXT = (
    b"GDAL_STRUCTURAL_METADATA_SIZE=000141 bytes\n"
    b"LAYOUT=IFDS_BEFORE_DATA\n"
    b"BLOCK_ORDER=ROW_MAJOR\n"
    b"BLOCK_LEADER=SIZE_AS_UINT4\n"
    b"BLOCK_TRAILER=LAST_4_BYTES_REPEATED\n"
    b"KNOWN_INCOMPATIBLE_EDITION=NO\n  "
)
_SHIFT = len(_TEXT)  # of the directories; even, as they must lie


def mark(source: Path, target: Path) -> None:
    """Copy a tiled TIFF, text and marks added.

    Args:
        source: A TIFF whose directories come before all tiles, as GDAL writes it when it copies overviews: the image
            and then its overviews, from the largest to the smallest.
        target: Where to. The smallest overview's tiles come first, those of the image last, all by their numbers.

    Raises:
        OSError: If the source is not whole, or the target cannot be written.
        ValueError: If the directories do not come first.
    """
    form, directories = parse(source)
    with source.open("rb") as old, target.open("w+b") as new:
        start = exactly(old, form.header)
        if old.read(30) == _TEXT[:30]:  # GDAL's own work, of a single band
            old.seek(0)
            shutil.copyfileobj(old, new)
            return
        end = min(int(directory.offsets.min()) for directory in directories)
        if any(entry.place >= end for directory in directories for entry in directory.entries):
            raise ValueError(f"{source}: expected all directories before all tiles")
        new.write(start[: form.header - form.wide] + struct.pack(form.word, directories[0].place + _SHIFT) + _TEXT)
        old.seek(form.header)
        new.write(exactly(old, end - form.header))
        for directory in reversed(directories):
            offsets = _copy(old, new, directory)
            end = new.tell()
            _shift(new, directory, offsets, form)
            new.seek(end)


def _copy(old: BinaryIO, new: BinaryIO, directory: Directory) -> NDArray[np.int64]:
    """Append the tiles: the size, the tile, its last four bytes once more. Returns where they are."""
    offsets = np.zeros_like(directory.offsets)
    for tile, (offset, size) in enumerate(zip(directory.offsets, directory.sizes, strict=True)):
        old.seek(offset)
        content = exactly(old, int(size))
        offsets[tile] = new.tell() + 4
        new.write(struct.pack("<I", size) + content + content[-4:])
    return offsets


def _shift(file: BinaryIO, directory: Directory, offsets: NDArray[np.int64], form: Format) -> None:
    """Let a directory that has been moved say where things are after the move."""
    for entry in directory.entries:
        if not entry.inside:
            file.seek(entry.field + _SHIFT)
            file.write(struct.pack(form.word, entry.place + _SHIFT))
    if directory.next:
        file.seek(directory.end - form.wide + _SHIFT)
        file.write(struct.pack(form.word, directory.next + _SHIFT))
    file.seek(directory.where.place + _SHIFT)
    file.write(offsets.astype(form.integers(directory.where)).tobytes())
