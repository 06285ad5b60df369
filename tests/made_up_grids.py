"""Small made-up images on grids of the ground, in memory, in several coordinate reference systems."""

import math

import numpy as np
import pytest

from udaln.io.grid import Grid, same_crs
from udaln.io.image import Image

rasterio = pytest.importorskip("rasterio", reason="the extra io is not installed")
from rasterio.warp import transform  # noqa: E402

UTM32, UTM33, WGS84 = (rasterio.CRS.from_epsg(code).to_wkt() for code in (32632, 32633, 4326))
X, Y = 600000.0, 5000000.0  # in zone 32


def grid(size, x=X, y=Y, crs=UTM32, turned=0.0, flip=-1):
    """Of square pixels; ``turned`` [degrees] about the corner at x, y."""
    c, s = size * math.cos(math.radians(turned)), size * math.sin(math.radians(turned))
    return Grid(crs, (c, s, x, s if flip < 0 else -s, flip * c, y))


def image(shape, where, path, array=None, dtype=np.float64):
    """In memory; its values are numbers of pixels if none are given."""
    if array is None:
        array = np.arange(shape[0] * shape[1], dtype=dtype).reshape(*shape, 1)
    return Image(path, "made up", array.shape, array.dtype, lambda r, c: array[r, c], grid=where)


def field_at(x, y):
    """A smooth function of places in zone 32, 500 m and more from crest to crest."""
    return np.stack([np.sin(2 * np.pi * (x - X) / 500), np.cos(2 * np.pi * (y - Y) / 700)], -1)


def sampled(where, shape, path="lr.tif", dtype=np.float64):
    """That function at the pixels' centres."""
    i, j = np.mgrid[: shape[0], : shape[1]] + 0.5
    x, y = where.xy(i, j)
    if not same_crs(where, grid(1)):
        x, y = (np.reshape(part, i.shape) for part in transform(where.crs, UTM32, x.ravel(), y.ravel()))
    return image(shape, where, path, field_at(x, y).astype(dtype))


def beside(crs, size, margin=400.0):
    """A grid in another CRS whose pixel in the upper left lies some way off the corner at X, Y."""
    x, y = transform(UTM32, crs, [X - margin], [Y + margin])
    return grid(size, x[0], y[0], crs)
