"""PRISMA L2D: surface reflectance on a map grid, of two spectrometers with 30 m pixels or of the camera with 5 m.

Source: PRISMA Products Specification Document, ASI, issue 2.3. Whether the corners in the attributes are centres or
edges of pixels is told by the distance between them: as far as other readers of genuine files go, they are centres of
pixels of 30 m. The image of the camera begins at the edge at which those of the spectrometers begin: to 0.1 m, this is
what the latitudes and longitudes in a genuine product say, PRS_L2D_STD_20240402102837_20240402102842_0001.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from udaln.errors import InputError
from udaln.io.formats.crs import wkt_from_epsg
from udaln.io.formats.reader import Reader, files_only
from udaln.io.formats.source import Source
from udaln.io.formats.stored import Stored
from udaln.io.grid import Grid
from udaln.io.image import Bands, Cause, Image

SWATHS = "HDFEOS/SWATHS"
PAN_FIELDS = f"{SWATHS}/PRS_L2D_PCO/Data Fields"
PAN = "pan"
_PAN_PATHS = f"{PAN_FIELDS}/Cube".lower(), f"/{PAN_FIELDS}/Cube".lower()  # as other programs name it
PAN_EDGES = 400.0, 700.0  # [nm]
PAN_STEP = 6  # pixels of the camera along the side of one of the spectrometers
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
    """Open a product: reflectance.

    By default these are the bands of VNIR and SWIR together in ascending order of wavelength. Bands that were not
    acquired, with wavelength 0, are left out. Bands that are flagged are not ``good``. ``source.variable`` is ``pan``
    for the image of the panchromatic camera.

    Raises:
        InputError: If it is not of level 2D, or its parts do not match each other.
    """
    pan = source.variable is not None and source.variable.lower() in (PAN, *_PAN_PATHS)
    if source.variable is not None and not pan:
        raise InputError(f"{source.variable_key}: {source.path} holds {PAN} beside its bands, got {source.variable!r}")
    with h5py.File(source.path, "r") as file:
        needed = PAN_FIELDS if pan else FIELDS
        if needed not in file:
            raise source.error(_why_not(sorted(file[SWATHS]), needed.split("/")[2]))
        yield _open_pan(source, file) if pan else _open_bands(source, file)


def _why_not(swaths: list[str], needed: str) -> str:
    """Message for a file without the swath that is needed."""
    got = ", ".join(swaths) or "nothing"
    if any(name.startswith("PRS_L2D") for name in swaths):
        return f"expected {needed} in it, got {got}"
    return f"expected PRISMA L2D, got {got}, whose pixels are not on a map grid; order the scene as L2D"


def _open_pan(source: Source, file: h5py.File) -> Image:
    """The image of the panchromatic camera."""
    fields = file[PAN_FIELDS]
    cube, errors = fields.get("Cube"), fields.get("PIXEL_L2_ERR_MATRIX")
    if cube is None or cube.ndim != 2 or cube.dtype != np.uint16 or 0 in cube.shape:
        raise source.error(f"expected {PAN_FIELDS}/Cube of uint16 numbers, rows×columns")
    if errors is not None and errors.shape != cube.shape:
        sizes = ["×".join(map(str, part.shape)) for part in (cube, errors)]
        raise source.error(f"PIXEL_L2_ERR_MATRIX: expected {sizes[0]} values as in Cube, got {sizes[1]}")
    low, high = (float(_attribute(source, file, f"L2ScalePan{end}", 1)[0]) for end in ("Min", "Max"))
    masks, notes = [], []
    if source.quality and errors is not None:
        masks.append(Cause(MASKED, lambda rows, cols: errors[rows, cols][..., None] != 0))
    elif source.quality:
        notes.append(f"{PAN_FIELDS}/PIXEL_L2_ERR_MATRIX: missing, so that erroneous pixels are not masked")
    stored = Stored(
        (*cube.shape, 1),
        cube.dtype,
        lambda rows, cols: cube[rows, cols][..., None],
        (high - low) / FULL_SCALE,
        low,
        (NODATA,),
        masks=masks,
    )
    centre, width = sum(PAN_EDGES) / 2, PAN_EDGES[1] - PAN_EDGES[0]
    bands = Bands(["PAN"], np.array([centre]), np.array([width]))
    grid, note = _grid(source, file, cube.shape, PAN_STEP)
    return stored.image(source, "PRISMA L2D PAN", bands=bands, grid=grid, unit="reflectance", notes=[*notes, *note])


def _open_bands(source: Source, file: h5py.File) -> Image:
    """The bands of both spectrometers."""
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
    grid, notes = _grid(source, file, first)
    return stored.image(
        source,
        "PRISMA L2D",
        bands=Bands(
            [names[band] for band in order],
            numbers["wavelength"][order],
            numbers["fwhm"][order],
            numbers["good"][order].astype(bool),
        ),
        grid=grid,
        unit="reflectance",
        notes=notes,
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


def _grid(source: Source, file: h5py.File, sides: tuple[int, int], step: int = 1) -> tuple[Grid, list[str]]:
    """The grid of an image of which ``step`` pixels lie along a pixel of 30 m, and a note if the corners are edges."""
    left, right = (_attribute(source, file, f"Product_{corner}corner_easting", 1)[0] for corner in ("UL", "LR"))
    top, bottom = (_attribute(source, file, f"Product_{corner}corner_northing", 1)[0] for corner in ("UL", "LR"))
    rows, columns = (-(-side // step) for side in sides)
    got, whole = np.array([top - bottom, right - left]), PIXEL * np.array([rows, columns])
    edges = bool(np.abs(got - whole).max() < PIXEL / 2)
    if not edges and np.abs(got - whole + PIXEL).max() >= PIXEL / 2:
        raise source.error(
            f"Product_ULcorner, Product_LRcorner: expected {whole[0] - PIXEL:g}×{whole[1] - PIXEL:g} m between the "
            f"centres of {rows}×{columns} pixels of {PIXEL:g} m, got {got[0]:g}×{got[1]:g} m"
        )
    notes = ["Product_ULcorner, Product_LRcorner: taken for the edges of the image, by their distance"] if edges else []
    inset = 0.0 if edges else PIXEL / 2
    crs = wkt_from_epsg(source, int(_attribute(source, file, "Epsg_Code", 1)[0]))
    pixel = PIXEL / step
    return Grid(crs, (pixel, 0.0, float(left) - inset, 0.0, -pixel, float(top) + inset)), notes


READER = Reader("PRISMA", files_only(is_prisma), open_prisma)
