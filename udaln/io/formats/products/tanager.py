"""Planet's Tanager: radiance and surface reflectance in HDF-EOS5 files, of the swath (basic) or on a map grid (ortho).

``/HDFEOS/SWATHS/HYP`` or ``/HDFEOS/GRIDS/HYP`` holds ``Data Fields`` with ``surface_reflectance`` or ``toa_radiance``
(bands, rows, columns), whose attributes are ``wavelengths``, ``fwhm``, ``good_wavelengths`` and ``_FillValue``, and
with the masks ``nodata_pixels``, ``beta_cloud_mask`` and ``beta_cirrus_mask`` (rows, columns; 1 where they apply, 255
where there are no data). A swath has ``Geolocation Fields`` with ``Latitude`` and ``Longitude``; a grid is described by
StructMetadata and the attribute ``epsg_code``.

Sources: Planet's documentation of TanagerScene; the layout of its files as open-source readers of them describe it
(hypercoast, tanagerspec). No file of Planet's was at hand: fields are found by their names.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import h5py
import numpy as np
from numpy.typing import NDArray

from udaln.io.formats.hdf5.reader import contents_of
from udaln.io.formats.hdf5.variable import Variable, find, numbers_of
from udaln.io.formats.hdf5.variable_image import image_of
from udaln.io.formats.reader import Reader, files_only
from udaln.io.formats.source import Source
from udaln.io.image import Cause, Flags, Image

KINDS = ("GRIDS", "SWATHS")
CUBES = ("surface_reflectance", "ortho_surface_reflectance", "toa_radiance", "ortho_radiance")
NODATA = ("nodata_pixels", "without data (nodata_pixels)")
QUALITY = (("beta_cloud_mask", "cloud (beta_cloud_mask)"), ("beta_cirrus_mask", "cirrus (beta_cirrus_mask)"))


@contextmanager
def open_tanager(source: Source) -> Iterator[Image]:
    """Open a product.

    Raises:
        InputError: If its image does not have three axes.
    """
    with h5py.File(source.path, "r") as file:
        contents = contents_of(file)
        variable = contents.variables[_cube(file) or ""]
        if len(variable.shape) != 3:
            raise source.error(f"{variable.name}: expected 3 axes, got {len(variable.shape)}")
        variable = _named(variable)
        sides = tuple(size for size, name in zip(variable.shape, variable.dimensions, strict=True) if name != "band")
        notes: list[str] = []
        masks, used = [], []
        for name, what in (NODATA, *(QUALITY if source.quality else ())):
            mask = contents.variables.get(f"{variable.group}/{name}")
            if mask is None:
                continue
            if mask.shape != sides or not mask.is_numeric:
                size, got = ("×".join(map(str, shape)) for shape in (sides, mask.shape))
                notes.append(f"{mask.name} is left aside: expected {size} numbers, got {got} {mask.dtype}")
                continue
            masks.append(Cause(what, _flags(mask)))
            used.append(mask.name)
        if "/SWATHS/" in variable.name:
            notes.append(
                "the image is in the sensor's pixels (a basic product), without a map grid; the ortho product of the "
                "same scene has one"
            )
        kind = f"Tanager {'ortho' if '/GRIDS/' in variable.name else 'basic'}"
        yield image_of(source, kind, variable, contents, masks=masks, used=used, notes=notes)


def _named(variable: Variable) -> Variable:
    """The image with names for its axes, which the file need not have: bands come first, or else last."""
    found = find(variable.attributes, "wavelengths")
    wavelengths = None if found is None else numbers_of(found[1])
    last = wavelengths is not None and variable.shape[2] == wavelengths.size != variable.shape[0]
    return replace(variable, dimensions=("y", "x", "band") if last else ("band", "y", "x"))


def _flags(mask: Variable) -> Flags:
    def flags(rows: slice, cols: slice) -> NDArray[np.bool_]:
        return np.asarray(mask.read((rows, cols)) != 0)[..., None]

    return flags


def _cube(file: h5py.File) -> str | None:
    """The name of the image in a product; None if the file is of another kind."""
    for kind in KINDS:
        for fields in ("Data Fields", "Data_Fields"):
            for cube in CUBES:
                name = f"/HDFEOS/{kind}/HYP/{fields}/{cube}"
                if isinstance(file.get(name), h5py.Dataset):
                    return name
    return None


def _is_tanager(source: Source) -> bool:
    """Whether a file is a product. Another variable of it is read as of any HDF5 file."""
    if not h5py.is_hdf5(source.path):
        return False
    with h5py.File(source.path, "r") as file:
        cube = _cube(file)
        return cube is not None and (source.variable is None or "/" + source.variable.lstrip("/") == cube)


READER = Reader("Tanager", files_only(_is_tanager), open_tanager)
