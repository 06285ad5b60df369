"""PRISMA L2D: surface reflectance from two spectrometers on one map grid of 30 m pixels.

Source: PRISMA Products Specification Document, ASI, issue 2.3.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from udaln.io.formats.crs import wkt_from_epsg
from udaln.io.formats.reader import Reader, files_only
from udaln.io.formats.source import Source
from udaln.io.formats.stored import Stored
from udaln.io.grid import Grid
from udaln.io.image import Bands, Cause, Image

SWATHS = "HDFEOS/SWATHS"
FIELDS = f"{SWATHS}/PRS_L2D_HCO/Data Fields"
FULL_SCALE = 65535  # the number that means L2Scale…Max
PIXEL = 30.0  # side of a pixel [m]
NODATA = 0.0  # outside the swath, and where the atmospheric correction failed
MASKED = "invalid at level 1, negative or saturated after atmospheric correction (pixel error matrices)"


def is_prisma(source: Source) -> bool:
    """Whether a file is a PRISMA product, of any level."""
    if not h5py.is_hdf5(source.path):
        return False
    with h5py.File(source.path, "r") as file:
        swaths = file.get(SWATHS)
        return isinstance(swaths, h5py.Group) and any(name.startswith("PRS_") for name in swaths)


@contextmanager
def open_prisma(source: Source) -> Iterator[Image]:
    """Open a product: reflectance, the bands of VNIR and SWIR together in ascending order of wavelength.

    Bands that were not acquired, with wavelength 0, are left out. Bands that are flagged are not ``good``.

    Raises:
        InputError: If it is not of level 2D, or its parts do not match each other.
    """
    source.refuse_variable()
    with h5py.File(source.path, "r") as file:
        if FIELDS not in file:
            raise source.error(f"expected PRISMA L2D, got {', '.join(sorted(file[SWATHS])) or 'nothing'}")
        cubes = [_Cube(source, file, name) for name in ("VNIR", "SWIR")]
        first, second = (cube.shape[:2] for cube in cubes)
        if first != second:
            sizes = ["×".join(map(str, size)) for size in (first, second)]
            raise source.error(f"expected SWIR of {sizes[0]} pixels as VNIR, got {sizes[1]}")
        numbers = {name: np.concatenate([cube.numbers[name] for cube in cubes]) for name in cubes[0].numbers}
        names = [name for cube in cubes for name in cube.names]
        order = np.argsort(numbers["wavelength"], kind="stable")
        order = order[numbers["wavelength"][order] > 0]

        def joined(what: str) -> Any:
            return lambda rows, cols: np.concatenate([cube.read(what, rows, cols) for cube in cubes], 2)[..., order]

        def flagged(rows: slice, cols: slice) -> NDArray[np.bool_]:
            flags: NDArray[np.bool_] = joined("{}_PIXEL_L2_ERR_MATRIX")(rows, cols) != 0
            return flags

        stored = Stored(
            (*first, len(order)),
            np.dtype(np.uint16),
            joined("{}_Cube"),
            numbers["scale"][order],
            numbers["offset"][order],
            (NODATA,),
            masks=(Cause(MASKED, flagged),) if source.quality else (),
        )
        yield stored.image(
            source,
            "PRISMA L2D",
            bands=Bands(
                [names[band] for band in order],
                numbers["wavelength"][order],
                numbers["fwhm"][order],
                numbers["good"][order].astype(bool),
            ),
            grid=_grid(source, file, first),
            unit="reflectance",
        )


class _Cube:
    """Data of one spectrometer, stored as rows×bands×columns, bands in descending order of wavelength."""

    def __init__(self, source: Source, file: h5py.File, name: str) -> None:
        self.name, self.fields = name, file[FIELDS]
        datasets = [f"{name}_Cube"] + ([f"{name}_PIXEL_L2_ERR_MATRIX"] if source.quality else [])
        for what in datasets:
            dataset = self.fields.get(what)
            if dataset is None or dataset.ndim != 3:
                raise source.error(f"expected {FIELDS}/{what} of 3 axes, got none")
            if dataset.shape != self.fields[datasets[0]].shape:
                sizes = ["×".join(map(str, part.shape)) for part in (self.fields[datasets[0]], dataset)]
                raise source.error(f"{what}: expected {sizes[0]} values as in {datasets[0]}, got {sizes[1]}")
        cube = self.fields[datasets[0]]
        if cube.dtype != np.uint16 or 0 in cube.shape:
            size = "×".join(map(str, cube.shape))
            raise source.error(f"{datasets[0]}: expected uint16 numbers, got {size} {cube.dtype}")
        rows, bands, columns = cube.shape
        self.shape = rows, columns, bands
        self.names = [f"{name} {band + 1}" for band in range(bands)]
        title = name.title()
        low, high = (float(_attribute(source, file, f"L2Scale{title}{end}", 1)[0]) for end in ("Min", "Max"))
        wavelength = _attribute(source, file, f"List_Cw_{title}", bands)
        flags = f"List_Cw_{title}_Flags"
        self.numbers = {
            "wavelength": wavelength,
            "fwhm": _attribute(source, file, f"List_Fwhm_{title}", bands),
            "good": _attribute(source, file, flags, bands) if flags in file.attrs else np.ones(bands),
            "scale": np.full(bands, (high - low) / FULL_SCALE),
            "offset": np.full(bands, low),
        }

    def read(self, what: str, rows: slice, cols: slice) -> NDArray[Any]:
        return np.moveaxis(self.fields[what.format(self.name)][rows, :, cols], 1, 2)


def _attribute(source: Source, file: h5py.File, name: str, size: int) -> NDArray[np.float64]:
    values = np.atleast_1d(np.asarray(file.attrs.get(name, ())))
    if values.dtype.kind not in "iuf" or values.size != size:
        raise source.error(f"{name}: expected {size} numbers, got {values.size if name in file.attrs else 'none'}")
    return values.astype(np.float64).ravel()


def _grid(source: Source, file: h5py.File, sides: tuple[int, int]) -> Grid:
    """The grid; the corners that the metadata name are the centres of the corner pixels."""
    left, right = (_attribute(source, file, f"Product_{corner}corner_easting", 1)[0] for corner in ("UL", "LR"))
    top, bottom = (_attribute(source, file, f"Product_{corner}corner_northing", 1)[0] for corner in ("UL", "LR"))
    expected = PIXEL * (np.array(sides) - 1)
    if np.abs(np.array([top - bottom, right - left]) - expected).max() >= PIXEL / 2:
        size, got = f"{expected[0]:g}×{expected[1]:g}", f"{top - bottom:g}×{right - left:g}"
        raise source.error(
            f"Product_ULcorner, Product_LRcorner: expected {size} m between the centres of {sides[0]}×{sides[1]} "
            f"pixels of {PIXEL:g} m, got {got} m"
        )
    crs = wkt_from_epsg(source, int(_attribute(source, file, "Epsg_Code", 1)[0]))
    return Grid(crs, (PIXEL, 0.0, float(left) - PIXEL / 2, 0.0, -PIXEL, float(top) + PIXEL / 2))


READER = Reader("PRISMA", files_only(is_prisma), open_prisma)
