"""Directories of a TIFF (TIFF 6.0, Adobe, 1992) or BigTIFF: which bytes of the file hold what."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

# bytes of a value, by the type of the entry
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_INTEGERS = {3: "u2", 4: "u4", 16: "u8"}  # NumPy's types of unsigned integers, likewise
_OFFSETS, _BYTE_COUNTS = (273, 324), (279, 325)  # tags of strips and of tiles


@dataclass(frozen=True)
class Entry:
    """An entry of a directory; all positions are byte offsets in the file.

    Attributes:
        tag: What the entry is about.
        type: Type of its values.
        count: Number of its values.
        field: Position of the value field, which holds the values if they fit, else their position.
        values: Position of the values.
    """

    tag: int
    type: int
    count: int
    field: int
    values: int

    @property
    def inline(self) -> bool:
        """Whether the value field holds the values themselves."""
        return self.field == self.values


@dataclass(frozen=True)
class ByteFormat:
    """Encoding of numbers, in the notation of `struct`.

    Attributes:
        order: Byte order.
        offset: Of a byte offset.
        entry_count: Of the number of entries in a directory.
        header_bytes: Size of the file's header.
    """

    order: str
    offset: str
    entry_count: str
    header_bytes: int

    @property
    def offset_bytes(self) -> int:
        """Size of a byte offset."""
        return struct.calcsize(self.offset)

    def integers(self, entry: Entry) -> str:
        """NumPy's type of the values of an entry."""
        return self.order + _INTEGERS[entry.type]


@dataclass(frozen=True)
class Directory:
    """The directory of one image in the file.

    Attributes:
        start: Position of its first byte.
        end: Position past its last byte.
        next: Position of the next directory; 0 for the last.
        entries: All of its entries.
        offsets_entry: The entry with the offsets of tiles or strips.
        offsets: Positions of its tiles or strips.
        sizes: Their sizes [bytes].
    """

    start: int
    end: int
    next: int
    entries: list[Entry]
    offsets_entry: Entry
    offsets: NDArray[np.int64]
    sizes: NDArray[np.int64]


def parse(path: Path) -> tuple[ByteFormat, list[Directory]]:
    """Read the directories, and check that the file is complete: GDAL does not report a disk that is full at the end.

    Raises:
        OSError: If it is not complete.
    """
    with path.open("rb") as file:
        header = read_exactly(file, 16)
        order = "<" if header[:2] == b"II" else ">"
        big = struct.unpack_from(order + "H", header, 2)[0] == 43
        encoding = (
            ByteFormat(order, order + "Q", order + "Q", 16) if big else ByteFormat(order, order + "I", order + "H", 8)
        )
        (start,) = struct.unpack_from(encoding.offset, header, encoding.header_bytes - encoding.offset_bytes)
        directories: list[Directory] = []
        while start or not directories:
            directories.append(_read_directory(file, start, encoding))
            start = directories[-1].next
    size = path.stat().st_size
    if any((d.sizes == 0).any() or (d.offsets + d.sizes).max() > size for d in directories):
        raise _incomplete()
    return encoding, directories


def read_exactly(file: BinaryIO, size: int) -> bytes:
    """Read a number of bytes.

    Raises:
        OSError: If there are fewer.
    """
    content = file.read(size)
    if len(content) < size:
        raise _incomplete()
    return content


def _read_directory(file: BinaryIO, start: int, encoding: ByteFormat) -> Directory:
    file.seek(start)
    (number,) = struct.unpack(encoding.entry_count, read_exactly(file, struct.calcsize(encoding.entry_count)))
    entries = []
    for _ in range(number):
        head = read_exactly(file, 4 + encoding.offset_bytes)
        tag, type_, count = struct.unpack(encoding.order + "HH" + encoding.offset[-1], head)
        field = file.tell()
        (offset,) = struct.unpack(encoding.offset, read_exactly(file, encoding.offset_bytes))
        if type_ not in _SIZES:
            raise _incomplete()
        inline = _SIZES[type_] * count <= encoding.offset_bytes
        entries.append(Entry(tag, type_, count, field, field if inline else offset))
    (following,) = struct.unpack(encoding.offset, read_exactly(file, encoding.offset_bytes))
    end = file.tell()
    try:
        (offsets,), (sizes,) = ([entry for entry in entries if entry.tag in tags] for tags in (_OFFSETS, _BYTE_COUNTS))
    except ValueError as error:
        raise _incomplete() from error
    arrays = [_read_values(file, entry, encoding) for entry in (offsets, sizes)]
    return Directory(start, end, following, entries, offsets, *arrays)


def _read_values(file: BinaryIO, entry: Entry, encoding: ByteFormat) -> NDArray[np.int64]:
    file.seek(entry.values)
    content = read_exactly(file, entry.count * _SIZES[entry.type])
    return np.frombuffer(content, encoding.integers(entry)).astype(np.int64)


def _incomplete() -> OSError:
    return OSError("parts of it are missing, as when the disk is full")
