"""Rasters of all formats that GDAL reads."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from udaln.files import reading
from udaln.io.formats.gdal import import_rasterio
from udaln.io.formats.raster.bands import bands_of_raster
from udaln.io.formats.raster.grid import grid_of_raster
from udaln.io.formats.raster.masks import image_bands
from udaln.io.formats.raster.pages import open_parts
from udaln.io.formats.reader import Reader, files_only
from udaln.io.formats.source import Source
from udaln.io.formats.stored import Stored, joined
from udaln.io.grid import Grid
from udaln.io.image import Bands, Image


@dataclass(frozen=True)
class Raster:
    """An open raster and its metadata.

    Attributes:
        stored: Its numbers, with scale, offset, no-data value and masks.
        driver: GDAL's name of the format.
        grid: Georeferencing, if the file has it.
        bands: Metadata of the bands.
        unit: Unit of all bands, if they have the same.
        notes: What of the file is not used.
    """

    stored: Stored
    driver: str
    grid: Grid | None
    bands: Bands
    unit: str | None
    notes: tuple[str, ...] = ()


@contextmanager
def open_raster(source: Source) -> Iterator[Image]:
    """Open a raster of any format: GeoTIFF, PCIDSK, ERDAS Imagine, VRT and others.

    Scales, offsets, no-data values and masks are those of the bands. Wavelengths are read from the bands' metadata:
    ``wavelength`` and ``fwhm`` in ``wavelength_units``, as GDAL's ENVI driver calls them, or, as GDAL does from
    version 3.10 on, ``CENTRAL_WAVELENGTH_UM`` and ``FWHM_UM`` of the domain ``IMAGERY``. Pages of a TIFF that have the
    same size are one image.

    Raises:
        InputError: If GDAL does not read it, or it holds no real numbers.
    """
    with open_with_gdal(source, source.path) as raster:
        yield raster.stored.image(
            source, raster.driver, bands=raster.bands, grid=raster.grid, unit=raster.unit, notes=raster.notes
        )


def driver_name(source: Source) -> str | None:
    """GDAL's name of the format; None if it does not know the format or the file is damaged.

    Raises:
        InputError: If rasterio is not installed.
    """
    rasterio = import_rasterio(source)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        try:
            with rasterio.open(source.path) as file:
                return str(file.driver)
        except rasterio.errors.RasterioIOError:
            return None


@contextmanager
def open_with_gdal(source: Source, path: Path, dataset: str | None = None) -> Iterator[Raster]:
    """Open a raster by GDAL.

    Args:
        source: The product or file that it is part of. Messages begin with its key.
        path: The raster's own file, or the archive that it is in.
        dataset: GDAL's name of a raster in an archive; None for a file.

    Raises:
        InputError: If GDAL cannot read it, or it holds no real numbers; reading values may raise it, too.
    """
    rasterio = import_rasterio(source)
    with reading(path, key=source.key), warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)  # georeferencing is optional
        try:
            file = rasterio.open(dataset or path)
        except rasterio.errors.RasterioIOError as error:
            reason = " ".join(str(error).split())
            hint = "; expected a .mat or .npy file or a raster, HDF5 or NetCDF" if "not recognized" in reason else ""
            raise source.error(f"cannot be read: {reason}{hint}", path) from error
    with file, ExitStack() as stack:
        with reading(path, key=source.key), warnings.catch_warnings():
            warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
            if path == source.path and dataset is None:
                parts, notes = open_parts(source, file, stack)
            else:  # a file of a product
                parts, notes = [file], []
            raster = _joined([_raster(source, path, part) for part in parts], notes)
        yield raster


def _joined(parts: list[Raster], notes: list[str]) -> Raster:
    """The bands of rasters of the same size as one raster."""
    first = parts[0]
    notes = [*notes, *dict.fromkeys(note for part in parts for note in part.notes)]
    if len(parts) == 1:
        return replace(first, notes=tuple(notes))
    names = [name for part in parts for name in part.bands.names or ["page"] * part.stored.shape[2]]
    units = {part.unit for part in parts}
    return replace(
        first,
        stored=joined([part.stored for part in parts]),
        bands=Bands(None if set(names) == {"page"} else names),
        unit=units.pop() if len(units) == 1 else None,
        notes=tuple(notes),
    )


def _raster(source: Source, path: Path, file: Any) -> Raster:
    kinds = sorted(set(file.dtypes))
    if not file.count:
        raise source.error("expected an image, got no band", path)
    if any("complex" in kind for kind in kinds):
        raise source.error(f"holds no real numbers but is {' and '.join(kinds)}", path)
    _check_size(source, path, file)
    bands, masks, notes = image_bands(file)

    def read(rows: slice, cols: slice) -> NDArray[Any]:
        window = ((rows.start, rows.stop), (cols.start, cols.stop))
        try:
            if len(kinds) == 1:
                array: NDArray[Any] = file.read(bands, window=window)
            else:  # as in PCIDSK files; rasterio then reads bands only one by one
                array = np.stack([file.read(band, window=window) for band in bands])
        except import_rasterio(source).errors.RasterioError as error:  # its cause is GDAL's own error, which says more
            raise source.error(f"cannot be read: {' '.join(str(error.__cause__ or error).split())}", path) from error
        return np.moveaxis(array, 0, -1)

    def chosen(values: Sequence[Any]) -> list[Any]:
        return [values[band - 1] for band in bands]

    scales, offsets, linear_notes = _linear(file, chosen)
    nodata = np.array([np.nan if value is None else value for value in chosen(file.nodatavals)], np.float64)
    stored = Stored(
        (*file.shape, len(bands)),
        np.result_type(*kinds),
        read,
        scales,
        offsets,
        () if np.isnan(nodata).all() else (nodata,),
        masks=masks,
    )
    units = {unit or "" for unit in chosen(file.units)}
    described, band_notes = bands_of_raster(file, bands)
    grid, more = grid_of_raster(source, path, file)
    return Raster(
        stored,
        file.driver,
        grid,
        described,
        units.pop() or None if len(units) == 1 else None,
        (*notes, *linear_notes, *band_notes, *more),
    )


def _check_size(source: Source, path: Path, file: Any) -> None:
    """Refuse truncated files of formats in which GDAL reads zeros for what is missing.

    The header of a PCIDSK file has its size in blocks of 512 bytes. An ESRI .hdr labelled raster is numbers only.
    """
    expected, got = 0, path.stat().st_size
    if file.driver == "PCIDSK":
        with path.open("rb") as raw:
            expected = 512 * int(raw.read(32)[16:])
    elif file.driver == "EHdr" and "NBITS" not in file.tags(1, ns="IMAGE_STRUCTURE"):
        expected = file.count * file.height * file.width * np.dtype(file.dtypes[0]).itemsize
    if got < expected:
        raise source.error(f"expected {expected} bytes, as its header says, got {got}", path)


def _linear(
    file: Any, chosen: Callable[[Sequence[Any]], list[Any]]
) -> tuple[NDArray[np.float64], NDArray[np.float64], list[str]]:
    """Scales and offsets of the bands, 1 and 0 where they cannot be used, and notes."""
    scales, offsets = (np.array(chosen(values), np.float64) for values in (file.scales, file.offsets))
    unusable = ~np.isfinite(scales) | (scales == 0) | ~np.isfinite(offsets)
    notes = []
    if unusable.any():
        got = f"{scales[unusable][0]:g} and {offsets[unusable][0]:g}"
        notes.append(f"scale and offset of {unusable.sum()} bands, {got}, cannot be used; left aside")
    return np.where(unusable, 1.0, scales), np.where(unusable, 0.0, offsets), notes


READER = Reader("raster", files_only(lambda source: True), open_raster)
