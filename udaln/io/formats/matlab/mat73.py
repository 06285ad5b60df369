"""The arrays of a version 7.3 MATLAB file, which is an HDF5 file; structs are groups, cells are references."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np

from udaln.io.formats.arrays import NOTHING, Array
from udaln.io.formats.source import Source

NUMBERS = {"double": "f8", "single": "f4"} | {
    f"{sign}int{bits}": f"{sign[:1] or 'i'}{bits // 8}" for sign in ("", "u") for bits in (8, 16, 32, 64)
}
_OBJECTS = "#subsystem#/MCOS"  # the values of all tables and other objects, without their names
_DEEPEST = 30  # structs within structs; references could go in a circle
_MOST = 10000  # arrays that are looked at


def arrays_of(source: Source, file: h5py.File) -> dict[str, Array]:
    """The arrays of an open file, by the path that MATLAB writes: ``s.cube``, ``c{2}``, ``s(2).cube``.

    Raises:
        InputError: If numbers have another type than their MATLAB_class.
    """
    found: dict[str, Array] = {}
    for name, item in file.items():
        if not name.startswith("#"):
            for path, array in _walk(source, file, name, item, 0):
                found[path] = array
                if len(found) >= _MOST:
                    return found
    values = file.get(_OBJECTS)
    if isinstance(values, h5py.Dataset) and _refers(values):
        parts = _parts(source, file, _OBJECTS, values, 1)
        found |= {path: array for path, array in parts if array.numeric and len(array.shape) > 2}
    return found


def _walk(source: Source, file: h5py.File, path: str, item: Any, depth: int) -> Iterator[tuple[str, Array]]:
    """An array and, if it is a struct or of cells, what it holds."""
    kind = _class(item)
    nested = depth > 0
    if not isinstance(item, h5py.Dataset):
        if "MATLAB_sparse" in item.attrs:
            yield path, Array((int(item.attrs["MATLAB_sparse"]),), f"sparse {kind}", False, *NOTHING, nested=nested)
            return
        yield path, Array((), kind or "group", False, *NOTHING, nested=nested)
        if kind in ("", "struct") and depth < _DEEPEST:
            for name, part in item.items():
                yield from _field(source, file, path, name, part, depth + 1)
        return
    yield path, _array(source, path, item, kind, nested)
    if kind == "cell" and _refers(item) and depth < _DEEPEST:
        yield from _parts(source, file, path, item, depth + 1)


def _parts(source: Source, file: h5py.File, path: str, item: h5py.Dataset, depth: int) -> Iterator[tuple[str, Array]]:
    """What the references of a cell array lead to."""
    for index, reference in enumerate(item[()].reshape(-1)[:_MOST]):
        if reference:
            yield from _walk(source, file, f"{path}{{{index + 1}}}", file[reference], depth)


def _field(source: Source, file: h5py.File, path: str, name: str, part: Any, depth: int) -> Iterator[tuple[str, Array]]:
    """A field of a struct or, as references, of several structs in an array."""
    if isinstance(part, h5py.Dataset) and _refers(part) and not _class(part):
        for index, reference in enumerate(part[()].reshape(-1)[:_MOST]):
            if reference:
                yield from _walk(source, file, f"{path}({index + 1}).{name}", file[reference], depth)
    else:
        yield from _walk(source, file, f"{path}.{name}", part, depth)


def _array(source: Source, name: str, item: h5py.Dataset, kind: str, nested: bool) -> Array:
    mask = kind == "logical" and item.ndim == 2
    numeric = item.dtype.kind in "iuf" and (not kind or kind in NUMBERS or mask)
    if "MATLAB_object_decode" in item.attrs:
        return Array(
            item.shape[::-1], f"{kind or 'object'} of a class, which only MATLAB reads", False, *NOTHING, nested=nested
        )
    if item.attrs.get("MATLAB_empty", 0):  # the dataset then holds the shape
        shape = tuple(int(size) for size in np.ravel(item[()]))
        return Array(shape, kind, numeric, *NOTHING, nested=nested)
    if kind in NUMBERS and numeric and item.dtype.newbyteorder("=") != np.dtype(NUMBERS[kind]):
        raise source.error(f"{name}: expected {kind} numbers, as its MATLAB_class says, got {item.dtype}")
    if item.dtype.names:  # how MATLAB stores complex numbers
        kind = f"complex {kind}"
    # In MATLAB the first axis varies fastest, in HDF5 the last: the axes are reversed.
    kind, shape = kind or str(item.dtype), (item.shape or ())[::-1]
    if not numeric:
        return Array(shape, kind, False, *NOTHING, nested=nested)
    return Array(shape, kind, True, lambda: item.dtype, lambda r, c: item[..., c, r].T, nested=nested)


def _refers(item: h5py.Dataset) -> bool:
    return h5py.check_ref_dtype(item.dtype) is h5py.Reference


def _class(item: Any) -> str:
    kind = item.attrs.get("MATLAB_class", b"")
    return kind.decode(errors="replace") if isinstance(kind, bytes) else str(kind)
