"""HDF5 and NetCDF files: an image is one of their variables."""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import h5py
import numpy as np
import scipy.io
from numpy.typing import NDArray

from udaln.io.formats.arrays import Array, choose_array
from udaln.io.formats.cf import ATTRIBUTES, Variable, band_axis, bands, grid
from udaln.io.formats.reader import Reader, files_only
from udaln.io.formats.source import Source
from udaln.io.formats.stored import Stored
from udaln.io.image import Image

NETCDF3 = (b"CDF\x01", b"CDF\x02")  # first bytes of NetCDF-3 files


@contextmanager
def open_hdf5(source: Source) -> Iterator[Image]:
    """Open a variable of an HDF5 or NetCDF-4 file, named with its groups: ``/group/name``.

    The axes are rows, columns, bands, unless one of the first two is named as the band axis.

    Raises:
        InputError: If the file holds no such variable, or several and none is named.
    """
    with h5py.File(source.path, "r") as file:
        variables: dict[str, Variable] = {}

        def visit(name: str, item: Any) -> None:
            if isinstance(item, h5py.Dataset):
                variables["/" + name] = _hdf5(file, "/" + name, item)

        file.visititems(visit)
        yield _image(source, "HDF5", variables)


@contextmanager
def open_netcdf3(source: Source) -> Iterator[Image]:
    """Open a variable of a NetCDF-3 file; as `open_hdf5`."""
    try:
        file = scipy.io.netcdf_file(source.path, "r", mmap=True)
    except Exception as error:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the file, which is closed now
            traceback.clear_frames(error.__traceback__)
        raise
    with file:
        yield _image(source, "NetCDF", {"/" + name: _netcdf3(file, name) for name in file.variables})


def _image(source: Source, kind: str, variables: Mapping[str, Variable]) -> Image:
    arrays = {name: _array(variable) for name, variable in variables.items()}
    if source.variable is not None:
        source = replace(source, variable="/" + source.variable.lstrip("/"))
    name, _ = choose_array(source, arrays, 3)
    variable = variables[name]
    axis = band_axis(variable)
    rows, columns = (variable.shape[other] for other in range(3) if other != axis)

    def read(rows: slice, cols: slice) -> NDArray[Any]:
        index = [rows, cols]
        index.insert(axis, slice(None))
        return np.moveaxis(variable.read(tuple(index)), axis, -1)

    scale, offset = variable.numeric_attribute("scale_factor"), variable.numeric_attribute("add_offset")
    stored = Stored(
        (rows, columns, variable.shape[axis]),
        variable.dtype,
        read,
        1.0 if scale is None else scale,
        offset or 0.0,
        () if variable.nodata is None else (variable.nodata,),
    )
    return stored.image(
        source,
        kind,
        bands=bands(variable, variables),
        grid=grid(source, variable, variables),
        unit=variable.unit,
    )


def _array(variable: Variable) -> Array:
    numeric = variable.dtype.kind in "iuf"
    return Array(variable.shape, str(variable.dtype), numeric, lambda: variable.dtype, lambda r, c: np.empty(0))


def _hdf5(file: h5py.File, name: str, item: Any) -> Variable:
    dimensions = tuple(_dimension(axis) for axis in item.dims)
    attributes = {key: _text(item.attrs[key]) for key in ATTRIBUTES if key in item.attrs}
    shape = item.shape or ()
    return Variable(name, shape, item.dtype, attributes, dimensions if all(dimensions) else (), item.__getitem__)


def _dimension(axis: Any) -> str:
    """Name of an axis: its label or, as in NetCDF-4, that of its dimension scale."""
    return str(axis.label or (axis[0].name.lstrip("/") if len(axis) else ""))


def _netcdf3(file: Any, name: str) -> Variable:
    variable = file.variables[name]
    attributes = {key: _text(getattr(variable, key)) for key in ATTRIBUTES if hasattr(variable, key)}
    dtype = variable.data.dtype.newbyteorder("=")

    def read(index: tuple[slice, ...]) -> NDArray[Any]:
        part: NDArray[Any] = np.array(file.variables[name].data[index], dtype)  # a copy, so that the file can be closed
        return part

    return Variable("/" + name, variable.shape, dtype, attributes, variable.dimensions, read)


def _text(value: Any) -> Any:
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _is_netcdf3(source: Source) -> bool:
    with source.path.open("rb") as file:
        return file.read(4) in NETCDF3


READER = Reader("HDF5", files_only(lambda source: h5py.is_hdf5(source.path)), open_hdf5)
READER_NETCDF3 = Reader("NetCDF", files_only(_is_netcdf3), open_netcdf3)
