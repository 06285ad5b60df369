"""Small made-up pairs of images on disk: in memory as an open file would be, or as rasters on a map."""

from pathlib import Path

import made_up
import numpy as np
import torch

from udaln.io.grid import Grid
from udaln.io.image import Image
from udaln.io.pair import Pair

UTM32 = 32632
X, Y = 600000.0, 5000000.0  # upper left corner [m]
SIZE = 10.0  # of an HR pixel [m]


def image(array, path="made up", **said) -> Image:
    """An array as an open file: each window is read anew."""
    array = np.asarray(array)
    return Image(path, "made up", array.shape, array.dtype, lambda rows, cols: array[rows, cols].copy(), **said)


def numbered(sides=(30, 26), scale=2, **said) -> Pair:
    """A pair whose values are the row and the column of its pixels, of each image by itself."""

    def places(rows, columns):
        return np.stack(np.mgrid[:rows, :columns], -1).astype(np.float32)

    lr_hsi, hr_msi = places(*sides), places(*(side * scale for side in sides))
    return Pair(image(lr_hsi, "lr"), image(hr_msi, "hr"), scale, **said)


def images(sides=(45, 42), scale=2, **differing):
    """The arrays of a textured pair, see ``made_up.unlike``, in float32, with the scene that they are of."""
    scene = made_up.unlike(sides, scale, **differing)
    return scene.lr_hsi.float().numpy(), scene.hr_msi.float().numpy(), scene


def write_raster(
    path, cube, size, *, corner=(X, Y), wavelengths=None, fwhm=None, names=None, epsg=UTM32, **profile
) -> Path:
    """A GeoTIFF of square pixels; ``corner``: x and y of the upper left one; ``profile``: nodata and so on."""
    import rasterio

    height, width, count = cube.shape
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=height,
        width=width,
        count=count,
        dtype=cube.dtype.name,
        crs=f"EPSG:{epsg}",
        transform=rasterio.Affine(size, 0, corner[0], 0, -size, corner[1]),
        **profile,
    ) as file:
        file.write(np.moveaxis(cube, -1, 0))
        for band in range(count):
            said = {"wavelength": wavelengths, "fwhm": fwhm}
            tags = {key: f"{values[band]:g}" for key, values in said.items() if values is not None}
            if tags:
                file.update_tags(band + 1, wavelength_units="Nanometers", **tags)
            if names is not None:
                file.set_band_description(band + 1, names[band])
    return Path(path)


def grid(size, corner=(X, Y)) -> Grid:
    """That of such a raster."""
    import rasterio

    return Grid(rasterio.CRS.from_epsg(UTM32).to_wkt(), (size, 0, corner[0], 0, -size, corner[1]))


def tensors(pair) -> tuple[torch.Tensor, torch.Tensor]:
    """All of a pair."""
    return pair.read((slice(0, pair.sides[0]), slice(0, pair.sides[1])))
