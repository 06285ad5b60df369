"""EMIT L2A surface reflectance as NASA delivers it: in the sensor's own pixels, with a table to put it on a map grid.

The file holds ``/reflectance`` (downtrack, crosstrack, bands), ``/sensor_band_parameters`` (``wavelengths``, ``fwhm``,
``good_wavelengths``) and ``/location`` (``lon``, ``lat``, ``glt_x``, ``glt_y``). The geometric lookup table (GLT) names
for each pixel of a map grid, which the attributes ``geotransform`` and ``spatial_ref`` describe, the nearest pixel of
the sensor, from 1 on; 0 stands for none. The file ``EMIT_L2A_MASK_…`` of the same scene holds flags of clouds.

Sources: EMIT L2A Algorithm Theoretical Basis and User Guide, LP DAAC; EMIT-Data-Resources, NASA (quality flags); GDAL's
documentation of multidimensional EMIT files. In ENVI's lookup tables negative entries stand for pixels that were
filled in by the nearest; they are taken as such.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from udaln.files import reading
from udaln.io.formats.hdf5.cf import Axes, bands
from udaln.io.formats.hdf5.packing import stored_numbers
from udaln.io.formats.hdf5.reader import contents_of
from udaln.io.formats.hdf5.variable import Contents, Variable, find, numbers_of, text_of
from udaln.io.formats.hdf5.variable_image import window_of
from udaln.io.formats.reader import Reader, files_only
from udaln.io.formats.source import Source
from udaln.io.formats.stored import Window
from udaln.io.grid import Grid
from udaln.io.image import Cause, Image

CUBES = ("/reflectance", "/radiance")
GLT = ("/location/glt_y", "/location/glt_x")
OUTSIDE = "outside of the swath (GLT)"
FLAGGED = "cloud, cirrus or spacecraft, with a margin around clouds (EMIT_L2A_MASK)"
FILLED_IN = "interpolated where the detector is defective or saturated (band_mask of EMIT_L2A_MASK)"
RESAMPLED = (
    "location/glt_x, glt_y: the image is on the map grid of its GLT: each pixel shows the nearest one of the sensor, "
    "so it is a resampled image, with a PSF that differs from pixel to pixel"
)
_FLAGS = ("cloud", "cirrus", "spacecraft")  # a binary band of the mask has one in its name
_TILES = (8, 64)  # least and largest side of a square of the map grid that is looked up together [pixels]


@dataclass(frozen=True)
class Table:
    """Which pixel of the sensor each pixel of the map grid shows.

    Attributes:
        rows: Of the sensor's image, H×W, from 0 on; -1 stands for none.
        cols: Likewise.
    """

    rows: NDArray[np.int32]
    cols: NDArray[np.int32]

    def outside(self, rows: slice, cols: slice) -> NDArray[np.bool_]:
        """Which pixels of a window show none of the sensor's, h×w×1."""
        return np.asarray(self.rows[rows, cols] < 0)[..., None]

    def applied(self, read: Window, bands: int, dtype: np.dtype[Any]) -> Window:
        """A reader of windows of the map grid from one of the sensor's image. Pixels that show none are 0.

        The map grid is turned against the sensor's, so that a window is read tile by tile: the sensor's pixels around
        a large window would be many times as many.
        """

        def look_up(rows: slice, cols: slice) -> NDArray[Any]:
            i, j = self.rows[rows, cols], self.cols[rows, cols]
            out = np.zeros((*i.shape, bands), dtype)
            side = min(max(_TILES[0], min(i.shape)), _TILES[1])
            for top, left in product(range(0, i.shape[0], side), range(0, i.shape[1], side)):
                part = slice(top, top + side), slice(left, left + side)
                inside = i[part] >= 0
                if inside.any():
                    y, x = i[part][inside], j[part][inside]
                    near = read(slice(int(y.min()), int(y.max()) + 1), slice(int(x.min()), int(x.max()) + 1))
                    out[part][inside] = near[y - y.min(), x - x.min()]
            return out

        return look_up


@contextmanager
def open_emit(source: Source) -> Iterator[Image]:
    """Open a product: the image on the map grid of its lookup table.

    Raises:
        InputError: If the lookup table and the image do not match, or the map grid is not described.
    """
    with ExitStack() as stack:
        file = stack.enter_context(h5py.File(source.path, "r", rdcc_nbytes=1 << 26))
        contents = contents_of(file)
        variable = next(contents.variables[name] for name in CUBES if name in contents.variables)
        notes = [RESAMPLED, *variable.notes]
        height, width, count = variable.shape
        raw = stored_numbers(
            variable, (height, width, count), window_of(variable, Axes(0, 1, 2)), notes, netcdf=contents.netcdf
        )
        table = _table(source, contents, (height, width))
        masks = [Cause(OUTSIDE, table.outside)]
        if source.quality:
            masks += _quality(source, stack, table, variable, notes)
        stored = replace(
            raw,
            shape=(*table.rows.shape, count),
            read=table.applied(raw.read, count, raw.dtype),
            masks=masks,
        )
        yield stored.image(
            source,
            "EMIT L2A" if variable.name == CUBES[0] else "EMIT L1B",
            bands=bands(variable, 2, contents, notes),
            grid=_grid(source, contents),
            unit="reflectance" if variable.name == CUBES[0] else variable.text("units") or None,
            notes=notes,
        )


def _table(source: Source, contents: Contents, sides: tuple[int, int]) -> Table:
    """The lookup table, with entries from 0 on."""
    parts = [contents.variables[name] for name in GLT]
    if parts[0].shape != parts[1].shape:
        sizes = ["×".join(map(str, part.shape)) for part in parts]
        raise source.error(f"{GLT[1]}: expected {sizes[0]} entries as in {GLT[0]}, got {sizes[1]}")
    whole = (slice(None), slice(None))
    entries = [np.abs(np.nan_to_num(np.asarray(part.read(whole), np.float64))).astype(np.int64) for part in parts]
    for part, entry in zip(parts, entries, strict=True):
        fills = [numbers_of(value) for name, value in part.attributes.items() if name == "_FillValue"]
        entry[np.isin(entry, [abs(number) for fill in fills if fill is not None for number in fill])] = 0
    nowhere = (entries[0] == 0) | (entries[1] == 0)
    for name, entry, side in zip(GLT, entries, sides, strict=True):
        if (last := int(entry[~nowhere].max(initial=0))) > side:
            raise source.error(f"{name}: expected entries up to {side}, as the image is large, got {last}")
    if nowhere.all():
        raise source.error(f"{GLT[0]}, {GLT[1]}: expected pixels of the image, got none")
    return Table(*(np.where(nowhere, -1, entry - 1).astype(np.int32) for entry in entries))


def _grid(source: Source, contents: Contents) -> Grid:
    attributes = contents.groups["/"]
    found = find(attributes, "geotransform")
    numbers = None if found is None else numbers_of(found[1])
    if numbers is None or numbers.size != 6 or not np.isfinite(numbers).all():
        got = "none" if found is None else text_of(found[1])
        raise source.error(f"geotransform: expected 6 numbers that place the map grid of the GLT, got {got}")
    c, a, b, f, d, e = numbers.tolist()
    crs = find(attributes, "spatialref", "crswkt")
    return Grid("" if crs is None else text_of(crs[1]), (a, b, c, d, e, f))


def _quality(source: Source, stack: ExitStack, table: Table, image: Variable, notes: list[str]) -> Iterator[Cause]:
    """Causes by the flags in the mask file of the same scene, if it lies beside the image."""
    path = _mask_file(source.path)
    if path is None:
        notes.append("clouds are not masked: no EMIT_L2A_MASK file of the scene lies beside the image")
        return
    with reading(path, key=source.key):
        contents = contents_of(stack.enter_context(h5py.File(path, "r")))
    mask, packed = (contents.variables.get(name) for name in ("/mask", "/band_mask"))
    names = contents.variables.get("/sensor_band_parameters/mask_bands")
    labels = [] if names is None else [text_of(name).lower() for name in np.ravel(names.read((slice(None),)))]
    flags = [band for band, label in enumerate(labels) if "flag" in label and any(word in label for word in _FLAGS)]
    if mask is None or mask.shape != (*image.shape[:2], len(labels)) or not flags:
        notes.append(
            f"{path.name} is left aside: expected flags with names of {image.shape[0]}×{image.shape[1]} pixels"
        )
        return
    read = table.applied(window_of(mask, Axes(0, 1, 2)), len(labels), mask.dtype)

    def flagged(rows: slice, cols: slice) -> NDArray[np.bool_]:
        return np.asarray((read(rows, cols)[..., flags] >= 1).any(-1))[..., None]

    yield Cause(FLAGGED, flagged)
    if packed is not None and packed.shape[:2] == image.shape[:2] and packed.shape[2] * 8 >= image.shape[2]:
        bits = table.applied(window_of(packed, Axes(0, 1, 2)), packed.shape[2], packed.dtype)

        def filled_in(rows: slice, cols: slice) -> NDArray[np.bool_]:
            return np.unpackbits(bits(rows, cols).astype(np.uint8), axis=-1)[..., : image.shape[2]].astype(bool)

        yield Cause(FILLED_IN, filled_in)


def _mask_file(path: Path) -> Path | None:
    """The mask file of the same scene: the same name but for the product and the version."""
    if "_RFL_" not in path.name:
        return None
    scene = path.name.split("_RFL_", 1)[1].split("_", 1)[-1]
    matches = sorted(path.parent.glob("EMIT_L2A_MASK_*.nc"))
    return next((match for match in reversed(matches) if match.name.endswith(f"_{scene}")), None)


def _is_emit(source: Source) -> bool:
    """Whether a file is a product in the sensor's pixels. Another variable of it is read as of any NetCDF file."""
    if not h5py.is_hdf5(source.path) or (source.variable and "/" + source.variable.lstrip("/") not in CUBES):
        return False
    with h5py.File(source.path, "r") as file:
        cubes = [file.get(name) for name in CUBES]
        return all(isinstance(file.get(name), h5py.Dataset) for name in GLT) and any(
            isinstance(cube, h5py.Dataset) and cube.ndim == 3 for cube in cubes
        )


READER = Reader("EMIT", files_only(_is_emit), open_emit)
