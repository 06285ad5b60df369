"""Images on disk, of any kind, read window by window."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import h5py

from udaln.files import reading
from udaln.io.formats import desis, enmap, envi, hdf5, matlab, numpy_file, prisma, raster, sentinel2
from udaln.io.formats.source import Source
from udaln.io.image import Image, Pixels

__all__ = ["open_image"]


@contextmanager
def open_image(
    path: str | Path,
    variable: str | None = None,
    *,
    key: str,
    variable_key: str | None = None,
    quality: bool = True,
) -> Iterator[Image]:
    """Open an image on disk, to be read window by window in the block.

    MATLAB files (``.mat``, version 5 or 7.3), NumPy files (``.npy``), HDF5 and NetCDF and, with the extra ``io``, ENVI
    (its header or its data) and the other rasters that GDAL knows (``.pix``, ``.tif``, ``.img``, VRT, …).

    And products of surface reflectance: PRISMA L2D (``.he5``), EnMAP L2A and DESIS L2A (the folder or its
    ``-METADATA.XML``), Sentinel-2 L2A (the folder ``.SAFE`` or its ``MTD_MSIL2A.xml``).

    Args:
        path: The file, or the folder of a product.
        variable: Which of several images in it: a variable of a ``.mat`` file, ``/group/name`` in HDF5, ``10m`` or
            ``20m`` of Sentinel-2; none takes the only one that it may be, or the first of Sentinel-2.
        key: The config key or argument that names the file; messages begin with it.
        variable_key: The same for ``variable``; none stands for ``variable`` beside ``key``.
        quality: Whether pixels that the quality masks of a product call unusable are NaN.

    Raises:
        InputError: If the file or the image in it cannot be had, or, from ``Image.read``, cannot be read; the message
            says why.
    """
    source = source_of(path, variable, key, variable_key, quality)
    source = replace(source, path=_described_by(source))
    with ExitStack() as stack:
        with reading(source.path, key=key):
            found = stack.enter_context(_reader(source)(source))

        def read(rows: slice, cols: slice) -> Pixels:
            with reading(source.path, key=key):
                return found.read(rows, cols)

        yield replace(found, read=read)


def source_of(
    path: str | Path, variable: str | None, key: str, variable_key: str | None, quality: bool = True
) -> Source:
    """What a reader is asked for, from the arguments of `open_image`."""
    variable_key = variable_key or ".".join([*key.split(".")[:-1], "variable"])
    return Source(Path(path), str(path), key, variable, variable_key, quality)


def _described_by(source: Source) -> Path:
    """The file that describes a product, where its folder is named."""
    folder = source.path
    if not folder.is_dir():
        return folder
    if folder.suffix.upper() == ".SAFE" or (folder / sentinel2.METADATA).exists():
        return folder / sentinel2.METADATA
    found = [path for product in (enmap.ENMAP, desis.DESIS) for path in product.metadata_in(folder)]
    if len(found) != 1:
        raise source.wrong(
            "is a folder, expected a file, or a folder .SAFE or one with the -METADATA.XML of EnMAP or DESIS"
            + (f", got {len(found)} of them" if found else "")
        )
    return found[0]


def _reader(source: Source) -> Callable[[Source], AbstractContextManager[Image]]:
    path, suffix = source.path, source.path.suffix.lower()
    if not path.stat().st_size:
        raise source.wrong("cannot be read: it is empty")
    for found, reader in (
        (path.name == sentinel2.METADATA, sentinel2.open_sentinel2),
        (enmap.ENMAP.file.match(path.name), enmap.open_enmap),
        (desis.DESIS.file.match(path.name), desis.open_desis),
        (suffix == ".mat", matlab.open_mat),
        (suffix == ".npy", numpy_file.open_npy),
    ):
        if found:
            return reader
    if h5py.is_hdf5(path):
        return prisma.open_prisma if prisma.is_prisma(source) else hdf5.open_hdf5
    with path.open("rb") as file:
        if file.read(4) in hdf5.NETCDF3:
            return hdf5.open_netcdf3
    # a header beside it may be another file's: GDAL, where it can, tells from the content what a file is
    if suffix == ".hdr" or (envi.header_of(path) and raster.driver(source) in ("ENVI", None)):
        return envi.open_envi
    return raster.open_raster
