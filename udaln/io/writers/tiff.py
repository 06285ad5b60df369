"""Where things lie in a TIFF (TIFF 6.0, Adobe, 1992) or BigTIFF."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_INTEGERS = {3: "u2", 4: "u4", 16: "u8"}  # types of entries
_OFFSETS, _BYTES = (273, 324), (279, 325)  # of strips and tiles


@dataclass(frozen=True)
class Entry:
    """What a directory says about one thing.

    Attributes:
        tag: What about.
        kind: Type of the values.
        number: How many.
        field: Where in the file the values are if they fit there, or else their place.
        place: Where the values are.
    """

    tag: int
    kind: int
    number: int
    field: int
    place: int

    @property
    def inside(self) -> bool:
        """Whether the values are within the entry."""
        return self.field == self.place


@dataclass(frozen=True)
class Format:
    """How numbers are packed, as `struct` writes it: their order, offsets, the count of entries; bytes of a header."""

    order: str
    word: str
    count: str
    header: int

    @property
    def wide(self) -> int:
        """Bytes of an offset."""
        return struct.calcsize(self.word)

    def integers(self, entry: Entry) -> str:
        """The values of an entry as NumPy calls them."""
        return self.order + _INTEGERS[entry.kind]


@dataclass(frozen=True)
class Directory:
    """One image of the file; its tiles or strips are all there.

    Attributes:
        place: Where the directory begins.
        end: Where it ends.
        next: Where the next one begins; 0 for the last.
        entries: What it says.
        where: Which entry has the offsets.
        offsets: Of its tiles or strips.
        sizes: Likewise [bytes].
    """

    place: int
    end: int
    next: int
    entries: list[Entry]
    where: Entry
    offsets: NDArray[np.int64]
    sizes: NDArray[np.int64]


def parse(path: Path) -> tuple[Format, list[Directory]]:
    """Read the directories, and make sure that the file is whole: GDAL says nothing of a disk that is full at the end.

    Raises:
        OSError: If it is not.
    """
    with path.open("rb") as file:
        start = exactly(file, 16)
        order = "<" if start[:2] == b"II" else ">"
        big = struct.unpack_from(order + "H", start, 2)[0] == 43
        form = Format(order, order + "Q", order + "Q", 16) if big else Format(order, order + "I", order + "H", 8)
        (place,) = struct.unpack_from(form.word, start, form.header - form.wide)
        directories: list[Directory] = []
        while place or not directories:
            directories.append(_directory(file, place, form))
            place = directories[-1].next
    size = path.stat().st_size
    if any((d.sizes == 0).any() or (d.offsets + d.sizes).max() > size for d in directories):
        raise _cut_off()
    return form, directories


def exactly(file: BinaryIO, size: int) -> bytes:
    """Read so many bytes.

    Raises:
        OSError: If there are fewer.
    """
    found = file.read(size)
    if len(found) < size:
        raise _cut_off()
    return found


def _directory(file: BinaryIO, place: int, form: Format) -> Directory:
    file.seek(place)
    (number,) = struct.unpack(form.count, exactly(file, struct.calcsize(form.count)))
    entries = []
    for _ in range(number):
        tag, kind, count = struct.unpack(form.order + "HH" + form.word[-1], exactly(file, 4 + form.wide))
        field = file.tell()
        (offset,) = struct.unpack(form.word, exactly(file, form.wide))
        if kind not in _SIZES:
            raise _cut_off()
        entries.append(Entry(tag, kind, count, field, field if _SIZES[kind] * count <= form.wide else offset))
    (after,) = struct.unpack(form.word, exactly(file, form.wide))
    end = file.tell()
    try:
        (where,), (sizes,) = ([entry for entry in entries if entry.tag in tags] for tags in (_OFFSETS, _BYTES))
    except ValueError as error:
        raise _cut_off() from error
    return Directory(place, end, after, entries, where, _array(file, where, form), _array(file, sizes, form))


def _array(file: BinaryIO, entry: Entry, form: Format) -> NDArray[np.int64]:
    file.seek(entry.place)
    return np.frombuffer(exactly(file, entry.number * _SIZES[entry.kind]), form.integers(entry)).astype(np.int64)


def _cut_off() -> OSError:
    return OSError("parts of it are missing, as when the disk is full")
