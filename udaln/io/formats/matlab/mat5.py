"""What a version 5 MATLAB file holds, without reading the numbers (MathWorks, MAT-File Format).

SciPy reads the numbers. It takes every tag for valid, and a process can end on one that is not: here they are checked.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

_MATRIX, _COMPRESSED = 14, 15
_NUMBER_TYPES = {1, 2, 3, 4, 5, 6, 7, 9, 12, 13}
_TEXT_TYPES = {1, 2, 3, 4, 16, 17, 18}
_CELL, _STRUCT, _OBJECT, _CHAR, _SPARSE, _FUNCTION, _OPAQUE = 1, 2, 3, 4, 5, 16, 17
_CLASSES = {_CELL: "cell", _STRUCT: "struct", _OBJECT: "object", _CHAR: "char", _SPARSE: "sparse"}
_CLASSES |= {6: "double", 7: "single", 8: "int8", 9: "uint8", 10: "int16", 11: "uint16", 12: "int32", 13: "uint32"}
_CLASSES |= {
    14: "int64",
    15: "uint64",
    _FUNCTION: "function_handle",
    _OPAQUE: "object of a class, which only MATLAB reads",
}
_COMPLEX, _LOGICAL = 0x0800, 0x0200
_DEEPEST = 30  # structs within structs
_CHUNK = 1 << 16  # bytes that are unpacked at a time


class DamagedError(Exception):
    """The file is not as the format demands."""


@dataclass(frozen=True)
class Element:
    """A variable, or a part of one.

    Attributes:
        steps: How to reach it: the variable's name, then names of fields and numbers, from 0 on, of cells or structs.
        path: The same as MATLAB writes it: ``s.cube``, ``c{2}``, ``s(2).cube``.
        shape: Of all axes.
        type: MATLAB's name of the class of its elements, with ``complex`` before it if they are.
    """

    steps: tuple[str | int, ...]
    path: str
    shape: tuple[int, ...]
    type: str


def is_version_5(path: Path) -> bool:
    """Whether a file is of version 5: it tells its byte order. One of version 4 does not."""
    with path.open("rb") as file:
        return file.read(128)[126:] in (b"IM", b"MI")


def elements(path: Path) -> Iterator[Element]:
    """The variables of a file and, within structs and cells, their parts.

    Raises:
        DamagedError: If the file is cut short, or a tag in it is none of the format's.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        order: Literal["little", "big"] = "little" if file.read(128)[126:] == b"IM" else "big"
        position = 128
        while position + 8 <= size:
            file.seek(position)
            kind, length = (int.from_bytes(file.read(4), order) for _ in range(2))
            if position + 8 + length > size:
                raise DamagedError(f"ends early: {position + 8 + length} bytes are announced, got {size}")
            if kind == _COMPRESSED:
                yield from _variable(_Walk(_Unpacked(file, length), order))
            elif kind == _MATRIX:
                file.seek(position)
                yield from _variable(_Walk(file, order))
            else:
                raise DamagedError(f"expected an array, got data of type {kind}")
            position += 8 + length


class _Unpacked:
    """A compressed variable, unpacked as it is read."""

    def __init__(self, file: BinaryIO, length: int) -> None:
        self._file, self._left, self._unpacker, self._buffer = file, length, zlib.decompressobj(), b""

    def read(self, count: int) -> bytes:
        while len(self._buffer) < count and (self._left or self._unpacker.unconsumed_tail):
            packed = self._unpacker.unconsumed_tail or self._file.read(min(_CHUNK, self._left))
            if not self._unpacker.unconsumed_tail:
                self._left -= len(packed)
            self._buffer += self._unpacker.decompress(packed, max(count, _CHUNK))
        part, self._buffer = self._buffer[:count], self._buffer[count:]
        return part


class _Walk:
    """Reads tags and skips data."""

    def __init__(self, file: BinaryIO | _Unpacked, order: Literal["little", "big"]) -> None:
        self._file, self.order, self.position = file, order, 0

    def read(self, count: int) -> bytes:
        part = self._file.read(count)
        if len(part) < count:
            raise DamagedError("ends early")
        self.position += count
        return part

    def skip_to(self, position: int) -> None:
        while self.position < position:
            self.read(min(_CHUNK, position - self.position))

    def number(self) -> int:
        return int.from_bytes(self.read(4), self.order)

    def tag(self, end: int, types: set[int], what: str) -> tuple[int, bytes]:
        """Type and, if they are few, bytes of an element that ends before ``end``; it is left behind."""
        kind = self.number()
        if length := kind >> 16:  # four bytes at most, within the tag
            kind, data = kind & 0xFFFF, self.read(4)[: min(length, 4)]
        else:
            length = self.number()
            if self.position + length > end:
                raise DamagedError(f"the {what} is longer than the array that it is part of")
            after = self.position + length + (-length % 8)
            data = self.read(length) if length <= _CHUNK else b""
            self.skip_to(min(after, end))
        if kind not in types:
            raise DamagedError(f"expected {what}, got data of type {kind}")
        return kind, data

    def numbers(self, data: bytes) -> list[int]:
        return [int.from_bytes(data[i : i + 4], self.order, signed=True) for i in range(0, len(data) - 3, 4)]


def _variable(walk: _Walk) -> Iterator[Element]:
    name, found = "", []
    for element, own_name in _matrix(walk, (), "", None):
        name = own_name or name
        found.append(element)
    for element in found:  # the name is only known once its header is read
        if name:
            path = name + element.path
            yield Element((name, *element.steps), path, element.shape, element.type)


def _matrix(walk: _Walk, steps: tuple[str | int, ...], path: str, limit: int | None) -> Iterator[tuple[Element, str]]:
    """An array and, if it holds others, those; each with the name that it has itself."""
    if len(steps) > _DEEPEST:
        raise DamagedError(f"expected at most {_DEEPEST} structs within each other")
    kind, length = walk.number(), walk.number()
    end = walk.position + length
    if kind != _MATRIX or (limit is not None and end > limit):
        raise DamagedError(f"expected an array, got data of type {kind} with {length} bytes")
    if not length:
        yield Element(steps, path, (0, 0), "double"), ""
        return
    flags = walk.numbers(walk.tag(end, {6}, "the class of an array")[1])
    class_, bits = (flags[0] & 0xFF, flags[0]) if flags else (0, 0)
    if class_ not in _CLASSES:
        raise DamagedError(f"expected the class of an array, got {class_}")
    if class_ == _OPAQUE:
        name = walk.tag(end, _TEXT_TYPES, "a name")[1].decode("latin-1")
        yield Element(steps, path, (), _CLASSES[_OPAQUE]), name
        walk.skip_to(end)
        return
    shape = tuple(walk.numbers(walk.tag(end, {5, 6}, "the size of an array")[1]))
    if any(side < 0 for side in shape):
        raise DamagedError(f"expected the size of an array, got {shape}")
    name = walk.tag(end, _TEXT_TYPES, "a name")[1].decode("latin-1")
    type_ = "logical" if bits & _LOGICAL and class_ != _SPARSE else _CLASSES[class_]
    yield Element(steps, path, shape, f"complex {type_}" if bits & _COMPLEX else type_), name
    if class_ == _CELL:
        for index in range(math.prod(shape)):
            yield from _matrix(walk, (*steps, index), f"{path}{{{index + 1}}}", end)
    elif class_ in (_STRUCT, _OBJECT):
        yield from _fields(walk, class_, shape, steps, path, end)
    elif class_ == _FUNCTION:
        pass
    else:
        types, what = (_TEXT_TYPES, "text") if class_ == _CHAR else (_NUMBER_TYPES, "numbers")
        for _ in range((3 if class_ == _SPARSE else 1) + bool(bits & _COMPLEX)):
            walk.tag(end, types, what)
    walk.skip_to(end)


def _fields(
    walk: _Walk, class_: int, shape: tuple[int, ...], steps: tuple[str | int, ...], path: str, end: int
) -> Iterator[tuple[Element, str]]:
    """The fields of a struct or of several, in an array."""
    if class_ == _OBJECT:
        walk.tag(end, _TEXT_TYPES, "the name of a class")
    width = (walk.numbers(walk.tag(end, {5, 6}, "the length of the names of fields")[1]) or [0])[0]
    text = walk.tag(end, _TEXT_TYPES, "the names of fields")[1]
    if width < 1:
        raise DamagedError(f"expected the length of the names of fields, got {width}")
    names = [text[i : i + width].split(b"\0")[0].decode("latin-1") for i in range(0, len(text), width)]
    count = math.prod(shape) if names else 0
    for index in range(count):
        of = f"{path}({index + 1})" if count > 1 else path
        for name in names:
            yield from _matrix(walk, (*steps, index, name), f"{of}.{name}", end)
