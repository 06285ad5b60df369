"""PRISMA L2D: surface reflectance of two spectrometers on one map grid of 30 m pixels.

Source: PRISMA Products Specification Document, ASI, issue 2.3.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from udaln.io.formats.crs import wkt
from udaln.io.formats.source import Source
from udaln.io.formats.stored import Stored
from udaln.io.grid import Grid
from udaln.io.image import Bands, Image

SWATHS = "HDFEOS/SWATHS"
FIELDS = f"{SWATHS}/PRS_L2D_HCO/Data Fields"
FULL = 65535  # the number that stands for L2Scale…Max
PIXEL = 30.0  # m
NODATA = 0.0  # outside the swath, and where the atmospheric correction failed


def is_prisma(source: Source) -> bool:
    """Whether an HDF5 file is a PRISMA product, of any level."""
    with h5py.File(source.path, "r") as file:
        swaths = file.get(SWATHS)
        return isinstance(swaths, h5py.Group) and any(name.startswith("PRS_") for name in swaths)


@contextmanager
def open_prisma(source: Source) -> Iterator[Image]:
    """Open a product: reflectance, the bands of VNIR and SWIR together in order of ascending wavelength.

    Bands that were not acquired, with wavelength 0, are left out; those flagged are not good.

    Raises:
        InputError: If it is not of level 2D, or its parts do not fit each other.
    """
    source.without_variable()
    with h5py.File(source.path, "r") as file:
        if FIELDS not in file:
            raise source.wrong(f"expected PRISMA L2D, got {', '.join(sorted(file[SWATHS])) or 'nothing'}")
        cubes = [_Cube(source, file, name) for name in ("VNIR", "SWIR")]
        first, second = (cube.shape[:2] for cube in cubes)
        if first != second:
            sizes = ["×".join(map(str, size)) for size in (first, second)]
            raise source.wrong(f"expected SWIR of {sizes[0]} pixels as VNIR, got {sizes[1]}")
        about = {name: np.concatenate([cube.about[name] for cube in cubes]) for name in cubes[0].about}
        names = [name for cube in cubes for name in cube.names]
        order = np.argsort(about["wavelength"], kind="stable")
        order = order[about["wavelength"][order] > 0]

        def joined(what: str) -> Any:
            return lambda rows, cols: np.concatenate([cube.read(what, rows, cols) for cube in cubes], 2)[..., order]

        def flagged(rows: slice, cols: slice) -> NDArray[np.bool_]:
            flags: NDArray[np.bool_] = joined("{}_PIXEL_L2_ERR_MATRIX")(rows, cols) != 0
            return flags

        stored = Stored(
            (*first, len(order)),
            np.dtype(np.uint16),
            joined("{}_Cube"),
            about["scale"][order],
            about["offset"][order],
            NODATA,
            (flagged,) if source.quality else (),
        )
        yield Image(
            source.named,
            "PRISMA L2D",
            stored.shape,
            stored.becomes,
            stored.values,
            Bands(
                [names[band] for band in order],
                about["wavelength"][order],
                about["fwhm"][order],
                about["good"][order].astype(bool),
            ),
            _grid(source, file, first),
            "reflectance",
            NODATA,
            "invalid at level 1, negative or saturated after atmospheric correction (pixel error matrices)"
            if source.quality
            else "",
        )


class _Cube:
    """One spectrometer's: stored as rows×bands×columns, bands in order of descending wavelength."""

    def __init__(self, source: Source, file: h5py.File, name: str) -> None:
        self.name, self.fields = name, file[FIELDS]
        needed = [f"{name}_Cube"] + ([f"{name}_PIXEL_L2_ERR_MATRIX"] if source.quality else [])
        for what in needed:
            found = self.fields.get(what)
            if found is None or found.ndim != 3:
                raise source.wrong(f"expected {FIELDS}/{what} of 3 axes, got none")
            if found.shape != self.fields[needed[0]].shape:
                sizes = ["×".join(map(str, part.shape)) for part in (self.fields[needed[0]], found)]
                raise source.wrong(f"{what}: expected {sizes[0]} values as in {needed[0]}, got {sizes[1]}")
        cube = self.fields[needed[0]]
        if cube.dtype != np.uint16 or 0 in cube.shape:
            size = "×".join(map(str, cube.shape))
            raise source.wrong(f"{needed[0]}: expected uint16 numbers, got {size} {cube.dtype}")
        rows, bands, columns = cube.shape
        self.shape = rows, columns, bands
        self.names = [f"{name} {band + 1}" for band in range(bands)]
        title = name.title()
        low, high = (float(_attribute(source, file, f"L2Scale{title}{end}", 1)[0]) for end in ("Min", "Max"))
        wavelength = _attribute(source, file, f"List_Cw_{title}", bands)
        flags = f"List_Cw_{title}_Flags"
        self.about = {
            "wavelength": wavelength,
            "fwhm": _attribute(source, file, f"List_Fwhm_{title}", bands),
            "good": _attribute(source, file, flags, bands) if flags in file.attrs else np.ones(bands),
            "scale": np.full(bands, (high - low) / FULL),
            "offset": np.full(bands, low),
        }

    def read(self, what: str, rows: slice, cols: slice) -> NDArray[Any]:
        return np.moveaxis(self.fields[what.format(self.name)][rows, :, cols], 1, 2)


def _attribute(source: Source, file: h5py.File, name: str, size: int) -> NDArray[np.float64]:
    values = np.atleast_1d(np.asarray(file.attrs.get(name, ())))
    if values.dtype.kind not in "iuf" or values.size != size:
        raise source.wrong(f"{name}: expected {size} numbers, got {values.size if name in file.attrs else 'none'}")
    return values.astype(np.float64).ravel()


def _grid(source: Source, file: h5py.File, sides: tuple[int, int]) -> Grid:
    """The corners named are the centres of the pixels in the corners."""
    left, right = (_attribute(source, file, f"Product_{corner}corner_easting", 1)[0] for corner in ("UL", "LR"))
    top, bottom = (_attribute(source, file, f"Product_{corner}corner_northing", 1)[0] for corner in ("UL", "LR"))
    expected = PIXEL * (np.array(sides) - 1)
    if np.abs(np.array([top - bottom, right - left]) - expected).max() >= PIXEL / 2:
        size, got = f"{expected[0]:g}×{expected[1]:g}", f"{top - bottom:g}×{right - left:g}"
        raise source.wrong(
            f"Product_ULcorner, Product_LRcorner: expected {size} m between the centres of {sides[0]}×{sides[1]} "
            f"pixels of {PIXEL:g} m, got {got} m"
        )
    crs = wkt(source, int(_attribute(source, file, "Epsg_Code", 1)[0]))
    return Grid(crs, (PIXEL, 0.0, float(left) - PIXEL / 2, 0.0, -PIXEL, float(top) + PIXEL / 2))
