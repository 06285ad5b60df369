"""Where the pixels of an image lie on the ground."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from udaln.errors import InputError

Places = NDArray[np.float64]
T = TypeVar("T", float, Places)


@dataclass(frozen=True)
class Grid:
    """The georeferencing of an image: a coordinate reference system and an affine map.

    Attributes:
        crs: As WKT; empty if it is not known.
        transform: (a, b, c, d, e, f): the upper left corner of the pixel in row i and column j lies at
            x = a·j + b·i + c and y = d·j + e·i + f, in units of the CRS.
    """

    crs: str
    transform: tuple[float, float, float, float, float, float]

    def at(self, row: T, column: T) -> tuple[T, T]:
        """The place (x, y) of a point of the image, counted in pixels from its upper left corner.

        Example:
            >>> Grid("", (10, 0, 500000, 0, -10, 4600000)).at(row=2, column=1)
            (500010, 4599980)
        """
        a, b, c, d, e, f = self.transform
        return a * column + b * row + c, d * column + e * row + f

    def pixel(self, x: T, y: T) -> tuple[T, T]:
        """The point of the image, (row, column) in pixels from its upper left corner, at a place.

        Example:
            >>> Grid("", (10, 0, 500000, 0, -10, 4600000)).pixel(500010, 4599980)
            (2.0, 1.0)
        """
        a, b, c, d, e, f = self.transform
        x, y, determinant = x - c, y - f, a * e - b * d
        return (a * y - d * x) / determinant, (e * x - b * y) / determinant

    def window(self, row: float, column: float, step: float = 1) -> Grid:
        """That of the image that begins at a point of this one and has pixels ``step`` times as large."""
        a, b, _, d, e, _ = self.transform
        x, y = self.at(row, column)
        return replace(self, transform=(a * step, b * step, x, d * step, e * step, y))

    @property
    def name(self) -> str:
        """Of the CRS: what stands first in its WKT."""
        named = re.search(r'"([^"]*)"', self.crs)
        return named[1] if named else self.crs

    @property
    def size(self) -> str:
        """Of a pixel, across the columns and the rows, in words: ``10×10``, in units of the CRS."""
        a, b, _, d, e, _ = self.transform
        return f"{math.hypot(a, d):.6g}×{math.hypot(b, e):.6g}"


def same_crs(first: Grid, second: Grid) -> bool:
    """Whether two grids have one coordinate reference system, however it is written; that of neither may be unknown.

    Raises:
        InputError: If one is not understood, or if rasterio, which tells it, is not installed.
    """
    return first.crs == second.crs or bool(_crs(first) == _crs(second))


def onto(source: Grid, target: Grid) -> Callable[[Places, Places], tuple[Places, Places]]:
    """From points of one image, rows and columns in pixels, to the points of another image at the same places.

    Raises:
        InputError: As `same_crs`; the function itself, where a place has no coordinates in the other's system.
    """
    if same_crs(source, target):
        return lambda rows, columns: target.pixel(*source.at(rows, columns))
    from_crs, to_crs = _crs(source), _crs(target)

    def carried(rows: Places, columns: Places) -> tuple[Places, Places]:
        from rasterio.warp import transform

        x, y = source.at(rows, columns)
        try:
            x, y = (np.reshape(part, x.shape) for part in transform(from_crs, to_crs, x.ravel(), y.ravel()))
        except Exception as error:  # PROJ's have no common public class
            raise InputError(
                f"georeferencing: cannot be carried from one CRS to the other: {' '.join(str(error).split())}"
            ) from error
        return target.pixel(x, y)

    return carried


def _crs(grid: Grid) -> object:
    try:
        import rasterio
    except ImportError as error:
        raise InputError("georeferencing: two CRSs need rasterio: pip install 'udaln[io]'") from error
    try:
        with rasterio.Env():  # else GDAL prints what it then also raises
            return rasterio.CRS.from_wkt(grid.crs)
    except rasterio.errors.CRSError as error:
        raise InputError(f"georeferencing: expected a CRS as WKT, got {grid.crs[:60]!r}") from error
