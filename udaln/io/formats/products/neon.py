"""NEON's airborne surface reflectance: HDF5 files of flight lines and of mosaics in tiles.

The group of the site holds ``Reflectance/Reflectance_Data`` (lines, samples, bands), whose attributes are
``Data_Ignore_Value`` and ``Scale_Factor``, by which numbers are divided. Beside it, ``Metadata/Spectral_Data`` holds
``Wavelength`` and ``FWHM``, and ``Metadata/Coordinate_System`` holds ``Map_Info``, ``EPSG Code``,
``Coordinate_System_String`` and ``Proj4``. The attributes ``Band_Window_1_Nanometers`` and so on of
``Reflectance`` are the limits of the bands that water vapour absorbs.

Sources: NEON data products DP1.30006 and DP3.30006, quick start guides; NEON's tutorials on hyperspectral HDF5 files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import h5py
import numpy as np
from numpy.typing import NDArray

from udaln.errors import InputError
from udaln.io.formats.crs import wkt_from_epsg, wkt_from_text
from udaln.io.formats.hdf5.reader import contents_of
from udaln.io.formats.hdf5.variable import Attributes, Contents, Variable, numbers_of, text_of
from udaln.io.formats.hdf5.variable_image import image_of
from udaln.io.formats.map_info import parts_of, transform_of, utm_epsg
from udaln.io.formats.reader import Reader, files_only
from udaln.io.formats.source import Source
from udaln.io.grid import Grid
from udaln.io.image import Image

CUBE = "Reflectance/Reflectance_Data"
RADIANCE = "Radiance/RadianceIntegerPart"  # a product that stores integers and decimals apart
SYSTEM = "Metadata/Coordinate_System"


@contextmanager
def open_neon(source: Source) -> Iterator[Image]:
    """Open a file: reflectance. Bands in the windows of water vapour are not ``good``.

    Raises:
        InputError: If it holds radiance.
    """
    with h5py.File(source.path, "r") as file:
        site = _site(file)
        if site is None or f"{site}/{CUBE}" not in file:
            raise source.error("expected NEON's reflectance (DP1.30006, DP3.30006), got its radiance in two parts")
        contents = contents_of(file)
        variable = contents.variables[f"/{site}/{CUBE}"]
        if len(variable.shape) != 3:
            raise source.error(f"{variable.name}: expected 3 axes, got {len(variable.shape)}")
        notes: list[str] = []
        windows = _windows(contents.groups[variable.group], variable.group, notes)
        yield image_of(
            source,
            "NEON",
            variable,
            contents,
            place=_grid(source, contents, variable, notes),
            good=(lambda wavelengths: _outside(wavelengths, windows)) if windows else None,
            notes=notes,
        )


def _outside(wavelengths: NDArray[np.float64], windows: list[tuple[float, float]]) -> NDArray[np.bool_]:
    good = np.ones(len(wavelengths), bool)
    for first, last in windows:
        good &= (wavelengths < first) | (wavelengths > last)
    return good


def _windows(attributes: Attributes, owner: str, notes: list[str]) -> list[tuple[float, float]]:
    """The limits of the bands that are not usable [nm]."""
    windows = []
    for name, value in attributes.items():
        if not re.fullmatch(r"Band_Window_\d+_Nanometers", name, re.IGNORECASE):
            continue
        limits = numbers_of(value)
        if limits is None or limits.size != 2 or not np.isfinite(limits).all():
            notes.append(f"{owner} {name}={text_of(value)[:40]!r} is left aside: expected two wavelengths")
            continue
        windows.append((float(limits.min()), float(limits.max())))
    return windows


def _grid(source: Source, contents: Contents, variable: Variable, notes: list[str]) -> Grid | None:
    """The grid of the map info; None without one."""
    group = f"{variable.group}/{SYSTEM}"

    def text(name: str) -> str:
        found = contents.variables.get(f"{group}/{name}")
        return "" if found is None or found.shape not in ((), (1,)) else text_of(found.read(()))

    info = text("Map_Info")
    if not info:
        notes.append(f"{group}/Map_Info: expected the place of the image, got none; it has no georeferencing")
        return None
    parts = parts_of(info)
    try:
        transform = transform_of(parts)
    except ValueError as error:
        notes.append(f"{group}/Map_Info is left aside: {error} in {info[:80]!r}; the image has no georeferencing")
        return None
    code = re.fullmatch(r"(?:EPSG:)?(\d{4,6})(?:\.0*)?", text("EPSG Code"), re.IGNORECASE)
    codes = (None if code is None else int(code[1]), utm_epsg(parts))
    return Grid(_crs(source, codes, (text("Coordinate_System_String"), text("Proj4")), group, notes), transform)


def _crs(
    source: Source, codes: tuple[int | None, int | None], texts: tuple[str, str], group: str, notes: list[str]
) -> str:
    """The CRS as WKT; empty if none is understood.

    Args:
        source: The file.
        codes: The EPSG code, and that of the map info's UTM zone. The latter counts if all else fails.
        texts: As WKT and by PROJ, empty if the file has none.
        group: Where they are from, for notes.
        notes: What is left aside is added to these.
    """
    for what in (codes[0], *texts, codes[1]):
        if not what:
            continue
        try:
            return wkt_from_epsg(source, what) if isinstance(what, int) else wkt_from_text(source, what)
        except InputError as error:
            notes.append(f"{group}: {str(what)[:60]!r} is left aside: {error}")
    notes.append(f"{group}: no CRS that is understood; both images are taken to be in the same")
    return ""


def _site(file: h5py.File) -> str | None:
    """The group of the site; None if the file is not NEON's."""
    for name, item in file.items():
        if isinstance(item, h5py.Group) and (CUBE in item or RADIANCE in item):
            return str(name)
    return None


def _is_neon(source: Source) -> bool:
    """Whether a file is NEON's. Another variable of it is read as of any HDF5 file."""
    if not h5py.is_hdf5(source.path):
        return False
    with h5py.File(source.path, "r") as file:
        site = _site(file)
        return site is not None and source.variable in (None, f"{site}/{CUBE}", f"/{site}/{CUBE}")


READER = Reader("NEON", files_only(_is_neon), open_neon)
