"""Arrays that a user passes in Python: NumPy's and those that other libraries make, checked, with NaN for no data."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from udaln.errors import InputError
from udaln.io.formats.stored import equals
from udaln.io.named_axes import axes_in_order

Pixels = NDArray[np.floating[Any]]

_DECLARED = ("_FillValue", "missing_value", "nodata")  # attributes that name a number for no data
_PACKED = ("scale_factor", "add_offset")  # attributes of numbers that are not values
_KINDS = {"b": "true and false", "c": "complex numbers", "O": "objects", "V": "records", "M": "dates", "m": "times"}
_REMEDIES = {
    "c": "; take .real or np.abs of it",
    "b": "; a mask is given as lr_valid or hr_valid",
    "V": "; numpy.lib.recfunctions.structured_to_unstructured makes numbers of records",
    "O": "; are its rows of different lengths? .astype(float) makes numbers of objects",
}


def image_array(image: Any, name: str, nodata: Sequence[float] = ()) -> Pixels:
    """The numbers of an image, with NaN where they are masked, declared as missing, or no data.

    Args:
        image: NumPy's array of any real type, order and byte order, masked or memory-mapped; a tensor of PyTorch; an
            image of Spectral Python; a dataset of h5py; an array of xarray, whose named dimensions are put in order.
        name: The argument, for messages.
        nodata: Numbers that mean no data, as they are stored.

    Returns:
        A copy as float32, or float64 where float32 cannot hold the type's values; of any number of axes.

    Raises:
        InputError: If it is no array of real numbers, or ``nodata`` leaves none of them.
    """
    array = axes_in_order(image, _numbers(image, name), name)
    declared, factor = _declared(image, name)
    missing = np.ma.getmaskarray(array).copy()
    stored = np.ma.getdata(array)
    if stored.dtype.kind not in "iuf":
        raise _not_real(name, stored.dtype)
    for number in declared:
        missing |= equals(number)(stored)
    chosen = [equals(number)(stored) for number in nodata]
    if chosen and stored.size and (np.logical_or.reduce(chosen) | missing).all() and not missing.all():
        raise InputError(f"nodata: expected it to leave some values of {name}, got none")
    missing |= np.logical_or.reduce([missing, *chosen])
    dtype = np.dtype(np.float32 if np.can_cast(stored.dtype, np.float32) else np.float64)
    result: Pixels = np.array(stored, dtype=dtype, order="C")
    result = result / factor if factor != 1 else result
    result[missing] = np.nan
    return result


def mask_array(mask: Any, name: str) -> NDArray[np.bool_] | None:
    """Which pixels may be used, H×W; None for None. What is masked or NaN may not.

    Raises:
        InputError: If it is no array of numbers or of true and false.
    """
    if mask is None:
        return None
    array = axes_in_order(mask, _numbers(mask, name), name, bands=False)
    values, missing = np.ma.getdata(array), np.ma.getmaskarray(array)
    if values.dtype.kind not in "biuf":
        raise InputError(f"{name}: expected true or false for each pixel, got {_describe(values.dtype)}")
    result = (values != 0) & ~missing
    if values.dtype.kind == "f":
        result &= ~np.isnan(values)
    return np.asarray(result[..., 0] if result.ndim == 3 and result.shape[2] == 1 else result)


def matrix_array(matrix: Any, name: str) -> NDArray[np.float64] | None:
    """A matrix of real numbers in double precision; None for None.

    Raises:
        InputError: If it is none, or a number in it is missing.
    """
    if matrix is None:
        return None
    array = _numbers(matrix, name)
    values = np.ma.getdata(array)
    if values.dtype.kind not in "biuf":
        raise _not_real(name, values.dtype)
    if values.ndim != 2:
        raise InputError(f"{name}: expected a matrix, got {values.ndim} axes")
    result = np.array(values, np.float64, order="C")
    if np.ma.getmaskarray(array).any() or np.isnan(result).any():
        raise InputError(f"{name}: expected numbers, got some that are missing")
    return result


def nodata_numbers(nodata: Any) -> tuple[float, ...]:
    """The numbers that the argument ``nodata`` stands for: one, several or None.

    Raises:
        InputError: If it is anything else.
    """
    if nodata is None:
        return ()
    several = (
        isinstance(nodata, Iterable)
        and not isinstance(nodata, str | bytes | Mapping)
        and getattr(nodata, "ndim", 1) > 0
    )
    try:
        if np.asarray(nodata).dtype.kind == "b":
            raise TypeError("true or false")
        return tuple(float(number) for number in (nodata if several else [nodata]))
    except (TypeError, ValueError) as error:
        raise InputError(f"nodata: expected a number or several, got {nodata!r}") from error


def check_axes(lr_hsi: Pixels, hr_msi: Pixels) -> None:
    """Check that no image has its bands first, as the sizes of the pair tell.

    Raises:
        InputError: If the sizes fit only with the bands of one or both images first.
    """
    if lr_hsi.ndim != 3 or hr_msi.ndim != 3 or _fit(lr_hsi.shape, hr_msi.shape):
        return
    for lr_first, hr_first in ((True, False), (False, True), (True, True)):
        shapes = [
            (*image.shape[1:], image.shape[0]) if first else image.shape
            for image, first in ((lr_hsi, lr_first), (hr_msi, hr_first))
        ]
        if _fit(shapes[0], shapes[1]) and shapes[0][2] >= shapes[1][2]:
            name, image = ("lr_hsi", lr_hsi) if lr_first else ("hr_msi", hr_msi)
            both = " (and hr_msi likewise)" if lr_first and hr_first else ""
            raise InputError(
                f"{name}: expected rows×columns×bands, got {'×'.join(map(str, image.shape))}, which fits "
                f"the other image with its bands first: pass np.moveaxis({name}, 0, -1){both}"
            )


def _fit(lr_shape: tuple[int, ...], hr_shape: tuple[int, ...]) -> bool:
    """Whether two shapes, of rows, columns and bands, make a pair."""
    (h, w, _), (rows, columns, _) = lr_shape, hr_shape
    return bool(h and w) and rows // h >= 2 and (rows, columns) == (rows // h * h, rows // h * w)


def _numbers(value: Any, name: str) -> NDArray[Any]:
    """The array that a value is or makes, masked if it is."""
    kind = type(value).__name__
    if hasattr(value, "data_vars"):
        raise InputError(f"{name}: expected an array, got a {kind} of several; pass one of its variables")
    if value is None or isinstance(value, str | bytes | PathLike | Mapping):
        named = isinstance(value, str | PathLike)
        hint = "; files are fused by the command udaln, or read by udaln.io.cubes.read_cube" if named else ""
        raise InputError(f"{name}: expected an array, got {'None' if value is None else kind}{hint}")
    if hasattr(value, "columns") and (hasattr(value, "iloc") or hasattr(value, "to_numpy")):
        raise InputError(
            f"{name}: expected an array, got a {kind}, which is a table; "
            "pass table.to_numpy().reshape(rows, columns, bands)"
        )
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The unit of the quantity is stripped", UserWarning)  # Pint's
            return _converted(value)
    except Exception as error:  # other libraries raise anything
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{name}: expected an array of numbers, got a {kind} that makes none: {reason}") from error


def _converted(value: Any) -> NDArray[Any]:
    if hasattr(value, "detach") and hasattr(value, "cpu"):  # PyTorch's
        value = value.detach().cpu()
        value = value.resolve_conj() if value.is_complex() else value.to_dense().resolve_neg()
        return np.asarray(value.float() if "bfloat16" in str(value.dtype) else value)
    if hasattr(value, "open_memmap"):  # Spectral Python's, on disk
        mapped = value.open_memmap(interleave="bip")
        return np.asarray(value.load(scale=False) if mapped is None else mapped)
    if isinstance(value, np.ndarray):
        array = value
    elif hasattr(value, "shape") and hasattr(value, "dtype") and hasattr(value, "__getitem__"):
        values = getattr(value, "values", None)  # xarray's; others are on disk, by h5py, netCDF4, zarr
        array = values if isinstance(values, np.ndarray) else value[...]
        array = array.compute() if hasattr(array, "compute") else array  # dask's, which may be masked
    else:
        if isinstance(value, list | tuple) and any(isinstance(part, np.ma.MaskedArray) for part in value):
            raise ValueError("a list of masked arrays; np.ma.stack(…, axis=-1) makes one of them")
        array = np.asarray(value)
    array = array if isinstance(array, np.ma.MaskedArray) else np.asarray(array)
    if array.dtype == object and not array.ndim:
        raise TypeError("it is a single object")
    if array.dtype.kind == "f" and array.dtype.itemsize > 8:
        array = array.astype(np.float64)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _declared(value: Any, name: str) -> tuple[tuple[float, ...], float]:
    """The numbers that an array of another library declares as missing, and by what its numbers are to be divided."""
    if hasattr(value, "open_memmap"):
        metadata = getattr(value, "metadata", None) or {}
        text = metadata.get("data ignore value")
        try:
            numbers = () if text is None else (float(text),)
        except (TypeError, ValueError):
            numbers = ()
        return numbers, float(getattr(value, "scale_factor", 1) or 1)
    attributes = _attributes(value)
    found = []
    for key in _DECLARED:
        with suppress(TypeError, ValueError):  # text that is no number
            found += np.asarray(attributes.get(key, ())).reshape(-1).astype(np.float64).tolist()
    if (unused := [key for key in _PACKED if key in attributes]) and not getattr(value, "scale", False):
        said = ", ".join(f"{key}={attributes[key]}" for key in unused)
        logging.getLogger("udaln").warning("%s: %s is not applied: its numbers are used as they are", name, said)
    return tuple(found), 1.0


def _attributes(value: Any) -> Mapping[str, Any]:
    """The attributes of an array of xarray, h5py or netCDF4; none of others."""
    if isinstance(value, np.ndarray):
        return {}
    if hasattr(value, "ncattrs") and hasattr(value, "getncattr"):
        return {key: value.getncattr(key) for key in value.ncattrs()}
    attributes = getattr(value, "attrs", None)
    return attributes if isinstance(attributes, Mapping) else {}


def _describe(dtype: np.dtype[Any]) -> str:
    return f"{_KINDS.get(dtype.kind, 'text' if dtype.kind in 'SU' else 'other values')} ({dtype})"


def _not_real(name: str, dtype: np.dtype[Any]) -> InputError:
    return InputError(f"{name}: expected real numbers, got {_describe(dtype)}{_REMEDIES.get(dtype.kind, '')}")
