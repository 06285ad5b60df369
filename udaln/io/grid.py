"""Georeferencing: which place on the ground a pixel shows."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from udaln.errors import InputError

Coordinates = NDArray[np.float64]
T = TypeVar("T", float, Coordinates)


@dataclass(frozen=True)
class Grid:
    """The georeferencing of an image: a coordinate reference system (CRS) and an affine transform.

    Attributes:
        crs: As WKT; empty if it is not known.
        transform: (a, b, c, d, e, f): the upper left corner of the pixel in row i and column j is at
            x = a·j + b·i + c and y = d·j + e·i + f, in units of the CRS.
    """

    crs: str
    transform: tuple[float, float, float, float, float, float]

    def xy(self, row: T, column: T) -> tuple[T, T]:
        """Map coordinates of a point of the image [pixels from its upper left corner].

        Example:
            >>> Grid("", (10, 0, 500000, 0, -10, 4600000)).xy(row=2, column=1)
            (500010, 4599980)
        """
        a, b, c, d, e, f = self.transform
        return a * column + b * row + c, d * column + e * row + f

    def pixel(self, x: T, y: T) -> tuple[T, T]:
        """Row and column of a point given in map coordinates [pixels from the image's upper left corner].

        Example:
            >>> Grid("", (10, 0, 500000, 0, -10, 4600000)).pixel(500010, 4599980)
            (2.0, 1.0)
        """
        a, b, c, d, e, f = self.transform
        x, y, determinant = x - c, y - f, a * e - b * d
        return (a * y - d * x) / determinant, (e * x - b * y) / determinant

    def window(self, row: float, column: float, step: float = 1) -> Grid:
        """Grid of an image that starts at a point of this one and has pixels ``step`` times as large."""
        a, b, _, d, e, _ = self.transform
        x, y = self.xy(row, column)
        return replace(self, transform=(a * step, b * step, x, d * step, e * step, y))

    @property
    def crs_name(self) -> str:
        """Name of the CRS, the first string in its WKT."""
        first = re.search(r'"([^"]*)"', self.crs)
        return first[1] if first else self.crs

    @property
    def pixel_size(self) -> str:
        """Pixel size along a row and along a column, as text: ``10×10``, in units of the CRS."""
        a, b, _, d, e, _ = self.transform
        return f"{math.hypot(a, d):.6g}×{math.hypot(b, e):.6g}"


def same_crs(first: Grid, second: Grid) -> bool:
    """Whether two grids have the same CRS, however it is written. Both must have one.

    Raises:
        InputError: If a CRS is not understood, or rasterio, which compares them, is not installed.
    """
    return first.crs == second.crs or bool(parse_crs(first) == parse_crs(second))


def pixel_transform(
    source: Grid, target: Grid
) -> Callable[[Coordinates, Coordinates], tuple[Coordinates, Coordinates]]:
    """Function from rows and columns of one image to those of another at the same places on the ground.

    Rows and columns are in pixels from the upper left corner of each image.

    Raises:
        InputError: As `same_crs`; from the function itself, where a point has no coordinates in the target's CRS.
    """
    if same_crs(source, target):
        return lambda rows, columns: target.pixel(*source.xy(rows, columns))
    source_crs, target_crs = parse_crs(source), parse_crs(target)

    def reproject(rows: Coordinates, columns: Coordinates) -> tuple[Coordinates, Coordinates]:
        from rasterio.warp import transform

        x, y = source.xy(rows, columns)
        try:
            x, y = (np.reshape(part, x.shape) for part in transform(source_crs, target_crs, x.ravel(), y.ravel()))
        except Exception as error:  # PROJ's errors have no common public class
            raise InputError(
                f"georeferencing: cannot be carried from one CRS to the other: {' '.join(str(error).split())}"
            ) from error
        return target.pixel(x, y)

    return reproject


def parse_crs(grid: Grid) -> Any:
    """The CRS of a grid as rasterio has it.

    Raises:
        InputError: If the grid has none, it is not understood, or rasterio is not installed.
    """
    try:
        import rasterio
    except ImportError as error:
        raise InputError("georeferencing: two CRSs need rasterio: pip install 'udaln[io]'") from error
    try:
        with rasterio.Env():  # else GDAL prints what it then also raises
            return rasterio.CRS.from_wkt(grid.crs)
    except rasterio.errors.CRSError as error:
        raise InputError(f"georeferencing: expected a CRS as WKT, got {grid.crs[:60]!r}") from error
