"""Readers of image files: each opens one format, and the image is then read window by window."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import h5py

from udaln.files import reading
from udaln.io.formats import dlr, envi, hdf5, matlab, numpy_file, prisma, raster, sentinel2
from udaln.io.formats.desis import DESIS
from udaln.io.formats.enmap import ENMAP
from udaln.io.formats.source import Source
from udaln.io.image import Image, Pixels

__all__ = ["open_image"]

DLR_PRODUCTS = (ENMAP, DESIS)


@contextmanager
def open_image(
    path: str | Path,
    variable: str | None = None,
    *,
    key: str,
    variable_key: str | None = None,
    quality: bool = True,
) -> Iterator[Image]:
    """Open an image on disk, to be read window by window in the ``with`` block.

    File formats: MATLAB (``.mat``, version 5 or 7.3), NumPy (``.npy``), HDF5, NetCDF and, with the extra ``io``, ENVI
    (its header or its data) and the other rasters that GDAL reads (``.pix``, ``.tif``, ``.img``, VRT, …).

    Products of surface reflectance: PRISMA L2D (``.he5``), EnMAP L2A and DESIS L2A (the folder or its
    ``-METADATA.XML``), Sentinel-2 L2A (the folder ``.SAFE`` or its ``MTD_MSIL2A.xml``).

    Args:
        path: The file, or the folder of a product.
        variable: Which of several images in it: a variable of a ``.mat`` file, ``/group/name`` in HDF5, ``10m`` or
            ``20m`` of Sentinel-2. None takes the only image that fits, or ``10m`` of Sentinel-2.
        key: The config key or argument that names the file. Messages begin with it.
        variable_key: The config key or argument of ``variable``; None stands for ``variable`` beside ``key``.
        quality: Whether pixels that the quality masks of a product mark as unusable are NaN.

    Raises:
        InputError: If the file or the image in it cannot be opened or, from ``Image.read``, cannot be read.
    """
    source = source_of(path, variable, key, variable_key, quality)
    source = replace(source, path=_metadata_file(source))
    with ExitStack() as stack:
        with reading(source.path, key=key):
            image = stack.enter_context(_reader(source)(source))

        def read(rows: slice, cols: slice) -> Pixels:
            with reading(source.path, key=key):
                return image.read(rows, cols)

        yield replace(image, read=read)


def source_of(
    path: str | Path, variable: str | None, key: str, variable_key: str | None, quality: bool = True
) -> Source:
    """The source that the arguments of `open_image` describe."""
    variable_key = variable_key or ".".join([*key.split(".")[:-1], "variable"])
    return Source(Path(path), str(path), key, variable, variable_key, quality)


def _metadata_file(source: Source) -> Path:
    """The metadata file of a product whose folder is named; of a file, the file itself."""
    folder = source.path
    if not folder.is_dir():
        return folder
    if folder.suffix.upper() == ".SAFE" or (folder / sentinel2.METADATA).exists():
        return folder / sentinel2.METADATA
    files = [path for product in DLR_PRODUCTS for path in product.metadata_in(folder)]
    if len(files) != 1:
        raise source.error(
            "is a folder, expected a file, or a folder .SAFE or one with the -METADATA.XML of EnMAP or DESIS"
            + (f", got {len(files)} of them" if files else "")
        )
    return files[0]


def _reader(source: Source) -> Callable[[Source], AbstractContextManager[Image]]:
    """The reader of a file's format."""
    path, suffix = source.path, source.path.suffix.lower()
    if not path.stat().st_size:
        raise source.error("cannot be read: it is empty")
    if path.name == sentinel2.METADATA:
        return sentinel2.open_sentinel2
    for product in DLR_PRODUCTS:
        if product.file.match(path.name):
            return partial(dlr.open_product, product)
    if suffix == ".mat":
        return matlab.open_mat
    if suffix == ".npy":
        return numpy_file.open_npy
    if h5py.is_hdf5(path):
        return prisma.open_prisma if prisma.is_prisma(source) else hdf5.open_hdf5
    with path.open("rb") as file:
        if file.read(4) in hdf5.NETCDF3:
            return hdf5.open_netcdf3
    # A header beside the file may belong to another file. Where GDAL can, it tells the format from the content.
    if suffix == ".hdr" or (envi.header_of(path) and raster.driver_name(source) in ("ENVI", None)):
        return envi.open_envi
    return raster.open_raster
