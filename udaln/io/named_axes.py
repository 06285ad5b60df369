"""Arrays whose axes have names, such as xarray's, in the order rows, columns, bands."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from udaln.errors import InputError
from udaln.io.axis_names import is_bands, is_columns, is_rows


def axes_in_order(value: Any, array: NDArray[Any], name: str, *, bands: bool = True) -> NDArray[Any]:
    """An array with its axes in the order rows, columns, bands, as far as their names tell.

    Args:
        value: What the array was made of. Its axes have names if it has ``dims`` (xarray) or ``dimensions`` (netCDF4).
        array: Its numbers.
        name: The argument, for messages.
        bands: Whether there is an axis of bands.

    Returns:
        The array itself where the names tell nothing.

    Raises:
        InputError: If the names tell of another number of axes.
    """
    dims = next((names for key in ("dims", "dimensions") if isinstance(names := getattr(value, key, None), tuple)), ())
    if isinstance(value, np.ndarray) or not dims or not all(isinstance(dim, str) for dim in dims):
        return array
    roles = [_role(dim) for dim in dims]
    if len(dims) != 2 + bands and any(roles):
        wanted = "rows, columns and bands" if bands else "rows and columns"
        raise InputError(f"{name}: expected the dimensions {wanted}, got {', '.join(dims)}; select one of the others")
    if sorted(filter(None, roles)) != sorted(set(filter(None, roles))):
        return array
    if roles.count("") == 1:  # the remaining axis is what is not yet there
        (left,) = {"1 rows", "2 columns", "3 bands"} - set(roles) - (set() if bands else {"3 bands"})
        roles[roles.index("")] = left
    if roles.count("") == 2 and "3 bands" in roles:  # rows come before columns
        for role in ("1 rows", "2 columns"):
            roles[roles.index("")] = role
    return array if "" in roles else np.transpose(array, np.argsort(roles))


def _role(dim: str) -> str:
    """What an axis is, by its name: a word that sorts as the axes do; empty if the name does not tell."""
    for role, fits in (("1 rows", is_rows), ("2 columns", is_columns), ("3 bands", is_bands)):
        if fits(dim):
            return role
    return ""
