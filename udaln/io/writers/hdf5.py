"""HDF5 files that are netCDF-4 files, too, with the georeferencing of the CF conventions 1.8 and of GDAL."""

from __future__ import annotations

import os
import re
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from udaln.files import atomically
from udaln.io.grid import Grid
from udaln.io.image import Pixels
from udaln.io.writers.metadata import Metadata
from udaln.io.writers.parts import PART_BYTES, Progress, parts

CHUNK = 256  # pixels a side


def write_hdf5(path: Path, pixels: Pixels, metadata: Metadata, progress: Progress) -> None:
    """Write the dataset ``fused``: bands, rows, columns, as is usual in netCDF, in chunks of one band.

    Further datasets, where they are known: ``wavelength`` and ``fwhm`` [nm], ``good`` and ``band_name``, one entry per
    band; ``y`` and ``x``, the centres of the pixels, unless the grid is rotated; ``spatial_ref``, whose attributes are
    the CRS and the transform.
    """
    height, width, count = pixels.shape
    side = min(CHUNK, max(16, 2 ** int(np.log2(PART_BYTES / 4 / count) / 2)))
    chunk = (1, min(side, height), min(side, width))
    with atomically(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs["Conventions"] = "CF-1.8"
        if metadata.description:
            file.attrs["title"] = metadata.description
        fused = file.create_dataset(
            "fused",
            (count, height, width),
            "<f4",
            chunks=chunk,
            shuffle=True,
            compression="gzip",
            compression_opts=1,
            fillvalue=np.nan,
            track_times=False,
        )
        fused.attrs["_FillValue"] = np.array([np.nan], "<f4")
        _write_metadata(file, fused, metadata)
        with ThreadPoolExecutor(os.cpu_count()) as pool:  # HDF5 itself compresses one chunk at a time
            for rows, cols, block in parts(pixels, side, side, progress):
                padded = np.full((count, *chunk[1:]), np.nan, "<f4")
                padded[:, : block.shape[0], : block.shape[1]] = block.transpose(2, 0, 1)
                for band, compressed_chunk in enumerate(pool.map(_compressed, padded)):
                    fused.id.write_direct_chunk((band, rows.start, cols.start), compressed_chunk)


def _compressed(plane: NDArray[np.float32]) -> bytes:
    """A chunk as HDF5's filters shuffle and gzip encode it."""
    shuffled = np.ascontiguousarray(plane.reshape(-1).view(np.uint8).reshape(-1, 4).T)
    return zlib.compress(shuffled.data, 1)


def _write_metadata(file: Any, fused: Any, metadata: Metadata) -> None:
    bands, grid = metadata.bands, metadata.grid
    dimensions = [
        _write_dimension(file, name, size) for name, size in zip(("band", "y", "x"), fused.shape, strict=True)
    ]
    if grid is not None and grid.transform[1] == grid.transform[3] == 0:
        _write_centres(dimensions[1], dimensions[2], grid)
    for axis, dimension in enumerate(dimensions):
        fused.dims[axis].attach_scale(dimension)
    of_bands = {"wavelength": bands.wavelengths, "fwhm": bands.fwhm, "good": bands.good, "band_name": bands.names}
    for name, values in of_bands.items():
        if values is None:
            continue
        if name == "band_name":
            dataset = file.create_dataset(name, data=list(map(str, values)), dtype=h5py.string_dtype())
        else:
            dataset = file.create_dataset(name, data=np.asarray(values, "u1" if name == "good" else "<f8"))
        dataset.dims[0].attach_scale(dimensions[0])
        if name in ("wavelength", "fwhm"):
            dataset.attrs["units"] = "nm"
            fused.attrs[name] = np.asarray(values, "<f8")
            fused.attrs["wavelength_units"] = "nm"
    fused.attrs["coordinates"] = " ".join(name for name in ("wavelength", "band_name") if name in file)
    if grid is not None:
        spatial_ref = file.create_dataset("spatial_ref", data=np.int32(0))
        a, b, c, d, e, f = grid.transform
        spatial_ref.attrs["GeoTransform"] = " ".join(repr(float(value)) for value in (c, a, b, f, d, e))
        if grid.crs:
            spatial_ref.attrs["crs_wkt"] = spatial_ref.attrs["spatial_ref"] = grid.crs
        fused.attrs["grid_mapping"] = "spatial_ref"


def _write_dimension(file: Any, name: str, size: int) -> Any:
    dimension = file.create_dataset(name, data=np.arange(1.0, size + 1))
    dimension.make_scale(name)
    return dimension


def _write_centres(y: Any, x: Any, grid: Grid) -> None:
    y[:] = [grid.xy(row + 0.5, 0.0)[1] for row in range(len(y))]
    x[:] = [grid.xy(0.0, column + 0.5)[0] for column in range(len(x))]
    unit = (re.findall(r'UNIT\["([^"]+)"', grid.crs) or [""])[-1].lower()
    for axis, dimension, angle, direction in (("y", y, "latitude", "north"), ("x", x, "longitude", "east")):
        dimension.attrs["axis"] = axis.upper()
        if re.match(r"GEOG|GEODCRS", grid.crs):
            dimension.attrs.update(standard_name=angle, units=f"degrees_{direction}")
        elif grid.crs:
            dimension.attrs["standard_name"] = f"projection_{axis}_coordinate"
            dimension.attrs["units"] = "m" if unit in ("metre", "meter") else unit
