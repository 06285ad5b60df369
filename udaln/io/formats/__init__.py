"""Readers of image files: each opens one format, and the image is then read window by window."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

from udaln.files import reading
from udaln.io.formats import numpy_file
from udaln.io.formats.envi.reader import READER as ENVI
from udaln.io.formats.hdf5.reader import READER as HDF5
from udaln.io.formats.hdf5.reader import READER_NETCDF3 as NETCDF3
from udaln.io.formats.matlab.reader import READER as MATLAB
from udaln.io.formats.products import (
    archive,
    aviris,
    dlr,
    emit,
    landsat,
    neon,
    planet,
    prisma,
    sentinel2,
    tanager,
    worldview,
)
from udaln.io.formats.products.desis import DESIS
from udaln.io.formats.products.enmap import ENMAP
from udaln.io.formats.raster.reader import READER as RASTER
from udaln.io.formats.reader import Reader
from udaln.io.formats.source import Source
from udaln.io.image import Image, Pixels
from udaln.io.undeclared import without_undeclared
from udaln.parts import Registry

__all__ = ["Reader", "open_image", "register_reader"]

INSTALLED: Registry[Reader] = Registry("readers", "readers")  # entry points of other packages


@contextmanager
def open_image(
    path: str | Path,
    variable: str | None = None,
    *,
    key: str,
    variable_key: str | None = None,
    quality: bool = True,
    nodata: Sequence[float] = (),
    saturation: float | None = None,
    find_fill: bool = False,
) -> Iterator[Image]:
    """Open an image on disk, to be read window by window in the ``with`` block.

    File formats: MATLAB (``.mat``, version 5 or 7.3), NumPy (``.npy``), HDF5, NetCDF and, with the extra ``io``, ENVI
    (its header or its data) and the other rasters that GDAL reads (``.pix``, ``.tif``, ``.img``, VRT, …).

    Products of reflectance: PRISMA L2D (``.he5``), EMIT L2A (``.nc``), NEON and Tanager (``.h5``), EnMAP L2A and DESIS
    L2A (the folder or its ``-METADATA.XML``), Sentinel-2 L2A and L1C (the folder ``.SAFE`` or its
    ``MTD_MSIL2A.xml``), Landsat Collection 2 Level-2 (the folder or its ``_MTL.txt``), PlanetScope, WorldView. Those of
    Sentinel-2, Landsat, EnMAP and DESIS may be in the archive that they came in.

    Args:
        path: The file, or the folder of a product.
        variable: Which of several images in it: a variable of a ``.mat`` file, ``/group/name`` in HDF5, ``10m``,
            ``20m``, ``60m``, ``all`` or bands of Sentinel-2, ``pan`` of PRISMA. None takes the only image that fits,
            ``10m`` of Sentinel-2, or the bands of PRISMA.
        key: The config key or argument that names the file. Messages begin with it.
        variable_key: The config key or argument of ``variable``; None stands for ``variable`` beside ``key``.
        quality: Whether pixels that the quality masks of a product mark as unusable are NaN.
        nodata: Further numbers, as they are stored, that mean no data.
        saturation: Stored numbers from this one on are saturated.
        find_fill: Whether fill, dead lines and hot values, which no file declares, are looked for; such values are NaN.

    Raises:
        InputError: If the file or the image in it cannot be opened or, from ``Image.read``, cannot be read.
    """
    source = source_of(path, variable, key, variable_key)
    source = replace(source, quality=quality, nodata=nodata, saturation=saturation)
    with ExitStack() as stack:
        reader, source = _find(source)
        with reading(source.path, key=key):
            opened = stack.enter_context(reader.open(source))

        def read(rows: slice, cols: slice) -> Pixels:
            with reading(source.path, key=key):
                return opened.read(rows, cols)

        image = replace(opened, read=read)
        if find_fill:
            image = without_undeclared(image)
        yield image


def register_reader(reader: Reader) -> None:
    """Make a reader known. It is asked before those that are known already; one of the same name is replaced."""
    _READERS[:] = [reader, *(other for other in _READERS if other.name != reader.name)]


def source_of(path: str | Path, variable: str | None, key: str, variable_key: str | None) -> Source:
    """The source that the arguments of `open_image` describe."""
    variable_key = variable_key or ".".join([*key.split(".")[:-1], "variable"])
    return Source(Path(path), str(path), key, variable, variable_key)


def _find(source: Source) -> tuple[Reader, Source]:
    """The reader of a source, and the source with the file that it opens."""
    path = source.path
    if not path.is_dir():
        with reading(path, key=source.key):
            if not path.stat().st_size:
                raise source.error("cannot be read: it is empty")
    found = []
    for reader in (*(own for _, own in INSTALLED.items()), *_READERS):
        with reading(path, key=source.key) if path.is_file() else nullcontext():
            file = reader.find(source)
        if file is not None:
            found.append((reader, replace(source, path=file)))
            if not path.is_dir():
                break
    if len(found) > 1:
        products = ", ".join(f"{reader.name} ({source.path.name})" for reader, source in found)
        raise source.error(f"is a folder of several products, expected the file of one of them, got {products}")
    if found:
        return found[0]
    raise source.error(
        "is a folder, expected a file, or a folder .SAFE or one with the -METADATA.XML of EnMAP or DESIS, or with a "
        "product of Landsat, PlanetScope or WorldView"
    )


# The first that finds its file reads it: products before formats, and GDAL, which reads nearly anything, last.
_READERS = [
    sentinel2.READER,
    landsat.READER,
    planet.READER,
    worldview.READER,
    *(dlr.reader(product) for product in (ENMAP, DESIS)),
    MATLAB,
    numpy_file.READER,
    prisma.READER,
    emit.READER,
    neon.READER,
    tanager.READER,
    HDF5,
    NETCDF3,
    archive.READER,
    aviris.READER,
    ENVI,
    RASTER,
]
