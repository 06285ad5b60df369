"""HDF5 and NetCDF files: an image is one of their variables."""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import h5py
import numpy as np
import scipy.io
from numpy.typing import NDArray

from udaln.io.formats.hdf5.variable import Contents, Variable, find, text_of
from udaln.io.formats.hdf5.variable_image import choose, image_of
from udaln.io.formats.reader import Reader, files_only
from udaln.io.formats.source import Source
from udaln.io.image import Image

NETCDF3 = (b"CDF\x01", b"CDF\x02")  # first bytes of NetCDF-3 files
_DEFAULTS = {"i1": (0, -127), "u1": (0, 255), "u2": (0, 65535), "u4": (0, 2**32 - 1)}  # of HDF5 and of NetCDF
CDF5 = b"CDF\x05"  # of those with 64-bit data, which SciPy does not read


@contextmanager
def open_hdf5(source: Source) -> Iterator[Image]:
    """Open a variable of an HDF5 or NetCDF-4 file, named with its groups: ``/group/name``.

    The axes are rows, columns, bands, unless their names say otherwise.

    Raises:
        InputError: If the file holds no such variable, or several and none is named.
    """
    with h5py.File(source.path, "r") as file:
        contents = contents_of(file)
        yield image_of(source, "HDF5", choose(source, contents), contents, notes=_said_of_emit(contents))


@contextmanager
def open_netcdf3(source: Source) -> Iterator[Image]:
    """Open a variable of a NetCDF-3 file; as `open_hdf5`.

    Raises:
        InputError: Also if the file is of the variant with 64-bit data.
    """
    if _first_bytes(source) == CDF5:
        raise source.error("is NetCDF-3 with 64-bit data (CDF-5), expected NetCDF-4: nccopy -k nc4 FILE OTHER.nc")
    try:
        file = scipy.io.netcdf_file(source.path, "r", mmap=True)
    except Exception as error:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Cannot close a netcdf_file", RuntimeWarning)  # it is closed now
            traceback.clear_frames(error.__traceback__)
        raise
    with file:
        variables = {"/" + name: _netcdf3(file, name) for name in file.variables}
        contents = Contents(variables, {"/": dict(file._attributes)}, netcdf=True)
        yield image_of(source, "NetCDF", choose(source, contents), contents)


def contents_of(file: h5py.File) -> Contents:
    """The variables and the attributes of an HDF5 file."""
    variables: dict[str, Variable] = {}
    groups = {"/": _attributes(file)}

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            variables["/" + name] = _hdf5(file, "/" + name, item)
        elif isinstance(item, h5py.Group):
            groups["/" + name] = _attributes(item)

    file.visititems(visit)
    return Contents(variables, groups, "_NCProperties" in file.attrs)


def _said_of_emit(contents: Contents) -> list[str]:
    """That an EMIT image with coordinates was resampled: the sensor's own pixels have none."""
    about = find(contents.groups["/"], "title", "sensor", "instrument", "granuleid")
    if about is None or "EMIT" not in text_of(about[1]) or "/location/glt_x" in contents.variables:
        return []
    return [
        f"{about[0]}={text_of(about[1])[:40]!r}: an EMIT image on a map grid was resampled, as a rule by the nearest"
    ]


def _hdf5(file: h5py.File, name: str, item: Any) -> Variable:
    attributes, notes = _attributes(item), []
    shape = item.shape or ()
    if item.dtype.kind in "iuf" and find(attributes, "fillvalue", "unsigned") is None:
        fill = _created_fill(item)
        attributes |= {} if fill is None else {"fill value": fill}
    try:
        dimensions = _dimensions(file, attributes, len(shape))
    except (ValueError, KeyError, TypeError, RuntimeError, OSError) as error:
        dimensions = ()
        notes.append(f"{name}: its dimensions (DIMENSION_LIST) are left aside: {' '.join(str(error).split())}")
    return Variable(name, shape, item.dtype, attributes, dimensions, item.__getitem__, tuple(notes))


def _attributes(item: Any) -> dict[str, Any]:
    """All attributes; None stands for those of types that cannot be read."""
    attributes: dict[str, Any] = {}
    for name in item.attrs:
        if name == "REFERENCE_LIST":  # of HDF5's own, and long
            continue
        try:
            value = item.attrs[name]
        except (OSError, TypeError, ValueError, KeyError):
            value = None
        attributes[name] = None if isinstance(value, h5py.Empty) else _text(value)
    return attributes


def _created_fill(item: Any) -> Any:
    """The number that fills what was never written, if the file defines one that is not a library's default."""
    try:
        defined = item.id.get_create_plist().fill_value_defined() == h5py.h5d.FILL_VALUE_USER_DEFINED
        return item.fillvalue if defined and item.fillvalue not in _DEFAULTS.get(item.dtype.str[1:], (0,)) else None
    except (RuntimeError, ValueError, TypeError):
        return None


def _dimensions(file: h5py.File, attributes: dict[str, Any], count: int) -> tuple[str, ...]:
    """Names of the axes: their labels or, as in NetCDF-4, those of their dimension scales; empty for axes without.

    The attributes are read as they are. HDF5's own functions trust the lists to be as long as there are axes.

    Raises:
        ValueError: If they are of another length.
    """
    names = [""] * count
    scales, labels = attributes.get("DIMENSION_LIST"), attributes.get("DIMENSION_LABELS")
    if scales is not None:
        if len(scales) != count:
            raise ValueError(f"expected {count} entries for {count} axes, got {len(scales)}")
        names = [file[scale[0]].name if len(scale) and scale[0] else "" for scale in scales]
    if labels is not None and np.shape(labels) == (count,):
        names = [text_of(label) or name for label, name in zip(labels, names, strict=True)]
    if not any(names) and (text := attributes.get("Dimension_Labels")) is not None:  # as NEON has it
        parts = [part.strip() for part in (text.split(",") if isinstance(text, str) else map(text_of, np.ravel(text)))]
        names = parts if len(parts) == count else names
    return tuple(names) if any(names) else ()


def _netcdf3(file: Any, name: str) -> Variable:
    variable = file.variables[name]
    attributes = {key: _text(value) for key, value in variable._attributes.items()}
    dtype = variable.data.dtype.newbyteorder("=")

    def read(index: tuple[slice, ...]) -> NDArray[Any]:
        part: NDArray[Any] = np.array(file.variables[name].data[index], dtype)  # a copy, so that the file can be closed
        return part

    return Variable("/" + name, variable.shape, dtype, attributes, variable.dimensions, read)


def _text(value: Any) -> Any:
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _first_bytes(source: Source) -> bytes:
    with source.path.open("rb") as file:
        return file.read(4)


READER = Reader("HDF5", files_only(lambda source: h5py.is_hdf5(source.path)), open_hdf5)
READER_NETCDF3 = Reader("NetCDF", files_only(lambda source: _first_bytes(source) in (*NETCDF3, CDF5)), open_netcdf3)
