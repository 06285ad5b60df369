"""The image in a variable of an HDF5 or NetCDF file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from udaln.io.axis_names import is_bands
from udaln.io.formats.arrays import Array, choose_array
from udaln.io.formats.hdf5 import band_variables, hdfeos
from udaln.io.formats.hdf5.cf import Axes, axes, bands, unit_of
from udaln.io.formats.hdf5.cf_grid import grid
from udaln.io.formats.hdf5.packing import stored_numbers
from udaln.io.formats.hdf5.variable import Contents, Variable, listed, without_single_axes
from udaln.io.formats.source import Source
from udaln.io.formats.stored import PerBand, Window
from udaln.io.grid import Grid
from udaln.io.image import Cause, Image

_QUALITY = ("mask", "quality", "flag", "cloud", "cirrus", "shadow", "nodata", "uncertainty", "snow")


def choose(source: Source, contents: Contents) -> Variable:
    """The variable that is the image: the one that the user named, or the only one of three axes.

    If none has three axes, several of two axes may be the bands of an image.

    Raises:
        InputError: As `choose_array`.
    """
    variables = {name: without_single_axes(item, is_bands) for name, item in contents.variables.items()}
    arrays = {name: _array(variable) for name, variable in variables.items()}
    if source.variable is not None:
        source = replace(source, variable="/" + source.variable.lstrip("/"))
    elif not any(array.numeric and len(array.shape) == 3 for array in arrays.values()):
        bands = band_variables.joined(contents.variables)
        if bands is not None:
            return bands
    variable = variables[choose_array(source, arrays, 3)[0]]
    return variable if len(variable.shape) == 3 else band_variables.stacked([variable])


def image_of(
    source: Source,
    kind: str,
    variable: Variable,
    contents: Contents,
    *,
    masks: Sequence[Cause] = (),
    used: Sequence[str] = (),
    place: Grid | None = None,
    good: Callable[[PerBand], NDArray[np.bool_]] | None = None,
    notes: Sequence[str] = (),
) -> Image:
    """The image in a variable.

    Args:
        source: The file.
        kind: As of `Image`.
        variable: Of three axes.
        contents: What the file holds beside it.
        masks: Where there are no data, beside what its attributes tell.
        used: Names of variables that ``masks`` use.
        place: Its georeferencing, if it is not by coordinates.
        good: From wavelengths [nm], which bands are usable, if no variable tells.
        notes: To begin those of the image with.
    """
    said = [*notes, *variable.notes]
    order = axes(variable, contents, said)
    rows, columns, count = (variable.shape[axis] for axis in (order.row, order.column, order.band))
    read = window_of(variable, order)
    stored = stored_numbers(variable, (rows, columns, count), read, said, netcdf=contents.netcdf)
    found = bands(variable, order.band, contents, said)
    if place is None:
        place = hdfeos.grid(source, variable, (rows, columns), contents, said)
    if place is None:
        place = grid(source, variable, order, contents, said)
    if good is not None and found.good is None and found.wavelengths is not None:
        found = replace(found, good=good(found.wavelengths))
    said += _unused(source, variable, order, contents, used)
    return replace(stored, masks=tuple(masks)).image(
        source,
        kind,
        bands=found,
        grid=place,
        unit=unit_of(variable),
        notes=said,
    )


def window_of(variable: Variable, order: Axes) -> Window:
    """A reader of windows of rows and columns, h×w×B, from a variable of any order of axes."""

    def read(rows: slice, cols: slice) -> NDArray[Any]:
        index = [slice(None)] * 3
        index[order.row], index[order.column] = rows, cols
        return np.transpose(variable.read(tuple(index)), (order.row, order.column, order.band))

    return read


def _unused(source: Source, variable: Variable, order: Axes, contents: Contents, used: Sequence[str]) -> Iterator[str]:
    """What is said of masks and the like beside the image."""
    size = {variable.shape[order.row], variable.shape[order.column]}
    names = [
        other.name
        for other in contents.variables.values()
        if other.name not in (variable.name, *used)
        and len(other.shape) == 2
        and set(other.shape) == size
        and any(word in other.plain_name for word in _QUALITY)
    ]
    if names:
        yield f"{listed(names)}: not used; a mask is given as {source.key}_mask, as a raster of its own"


def _array(variable: Variable) -> Array:
    return Array(
        variable.shape, str(variable.dtype), variable.is_numeric, lambda: variable.dtype, lambda r, c: np.empty(0)
    )
