"""The layout of a Cloud Optimized GeoTIFF: text in front of the directories, and a leader and a trailer for each tile.

Source: GDAL's documentation of its driver COG, "Header ghost area" and "Tile data leader and trailer". Readers know by
the text that the file is cloud optimized, and by the leaders they read a tile in one request.
"""

from __future__ import annotations

import shutil
import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from udaln.io.writers.tiff import ByteFormat, Directory, parse, read_exactly

_TEXT = (
    b"GDAL_STRUCTURAL_METADATA_SIZE=000141 bytes\n"
    b"LAYOUT=IFDS_BEFORE_DATA\n"
    b"BLOCK_ORDER=ROW_MAJOR\n"
    b"BLOCK_LEADER=SIZE_AS_UINT4\n"
    b"BLOCK_TRAILER=LAST_4_BYTES_REPEATED\n"
    b"KNOWN_INCOMPATIBLE_EDITION=NO\n  "
)
_SHIFT = len(_TEXT)  # of the directories [bytes]; even, since directories start at even offsets


def copy_with_cog_layout(source: Path, target: Path) -> None:
    """Copy a tiled TIFF, and add the text, leaders and trailers.

    Args:
        source: A TIFF whose directories precede all tiles, as GDAL writes it when it copies overviews: the image, then
            its overviews from the largest to the smallest.
        target: The copy. The tiles of the smallest overview come first, those of the image last, each in their order.

    Raises:
        OSError: If the source is incomplete, or the target cannot be written.
        ValueError: If the directories do not precede all tiles.
    """
    encoding, directories = parse(source)
    with source.open("rb") as old, target.open("w+b") as new:
        header = read_exactly(old, encoding.header_bytes)
        if old.read(30) == _TEXT[:30]:  # GDAL did it itself, as it does for a single band
            old.seek(0)
            shutil.copyfileobj(old, new)
            return
        end = min(int(directory.offsets.min()) for directory in directories)
        if any(entry.values >= end for directory in directories for entry in directory.entries):
            raise ValueError(f"{source}: expected all directories before all tiles")
        first = struct.pack(encoding.offset, directories[0].start + _SHIFT)
        new.write(header[: encoding.header_bytes - encoding.offset_bytes] + first + _TEXT)
        old.seek(encoding.header_bytes)
        new.write(read_exactly(old, end - encoding.header_bytes))
        for directory in reversed(directories):
            offsets = _copy_tiles(old, new, directory)
            end = new.tell()
            _update_directory(new, directory, offsets, encoding)
            new.seek(end)


def _copy_tiles(old: BinaryIO, new: BinaryIO, directory: Directory) -> NDArray[np.int64]:
    """Append each tile between its size and a copy of its last four bytes; returns the offsets of the tiles."""
    offsets = np.zeros_like(directory.offsets)
    for tile, (offset, size) in enumerate(zip(directory.offsets, directory.sizes, strict=True)):
        old.seek(offset)
        content = read_exactly(old, int(size))
        offsets[tile] = new.tell() + 4
        new.write(struct.pack("<I", size) + content + content[-4:])
    return offsets


def _update_directory(file: BinaryIO, directory: Directory, offsets: NDArray[np.int64], encoding: ByteFormat) -> None:
    """Update the offsets in a directory that was moved, and those of its tiles."""
    for entry in directory.entries:
        if not entry.inline:
            file.seek(entry.field + _SHIFT)
            file.write(struct.pack(encoding.offset, entry.values + _SHIFT))
    if directory.next:
        file.seek(directory.end - encoding.offset_bytes + _SHIFT)
        file.write(struct.pack(encoding.offset, directory.next + _SHIFT))
    file.seek(directory.offsets_entry.values + _SHIFT)
    file.write(offsets.astype(encoding.integers(directory.offsets_entry)).tobytes())
