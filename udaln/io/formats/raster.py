"""Rasters of all formats that GDAL reads."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from udaln.files import reading
from udaln.io.formats.reader import Reader, files_only
from udaln.io.formats.source import Source
from udaln.io.formats.spectral_axis import nm_per_unit
from udaln.io.formats.stored import PerBand, Stored
from udaln.io.grid import Grid
from udaln.io.image import Bands, Image


@dataclass(frozen=True)
class Raster:
    """An open raster and its metadata.

    Attributes:
        stored: Its numbers, with scale, offset and no-data value of each band.
        driver: GDAL's name of the format.
        grid: Georeferencing, if the file has it.
        bands: Metadata of the bands.
        unit: Unit of all bands, if they have the same.
    """

    stored: Stored
    driver: str
    grid: Grid | None
    bands: Bands
    unit: str | None


@contextmanager
def open_raster(source: Source) -> Iterator[Image]:
    """Open a raster of any format: GeoTIFF, PCIDSK, ERDAS Imagine, VRT and others.

    Scales, offsets and no-data values are those of the bands. Wavelengths are read from the bands' metadata:
    ``wavelength`` and ``fwhm`` in ``wavelength_units``, as GDAL's ENVI driver calls them, or, as GDAL does from
    version 3.10 on, ``CENTRAL_WAVELENGTH_UM`` and ``FWHM_UM`` of the domain ``IMAGERY``.

    Raises:
        InputError: If GDAL does not read it, or it holds no real numbers.
    """
    source.refuse_variable()
    with open_with_gdal(source, source.path) as raster:
        yield raster.stored.image(source, raster.driver, bands=raster.bands, grid=raster.grid, unit=raster.unit)


def import_rasterio(source: Source, what: str = "a raster") -> Any:
    """The module rasterio.

    Args:
        source: The file, for the message.
        what: What it is needed for, for the message.

    Raises:
        InputError: If it is not installed.
    """
    try:
        import rasterio
    except ImportError as error:
        raise source.error(f"{what} needs rasterio: pip install 'udaln[io]'") from error
    return rasterio


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
    with file:
        with reading(path, key=source.key):
            raster = _raster(source, path, file)
        yield raster


def _raster(source: Source, path: Path, file: Any) -> Raster:
    kinds = sorted(set(file.dtypes))
    if not file.count:
        raise source.error(f"expected an image, got {len(file.subdatasets)} of them and no band", path)
    if any("complex" in kind for kind in kinds):
        raise source.error(f"holds no real numbers but is {' and '.join(kinds)}", path)

    _check_size(source, path, file)

    def read(rows: slice, cols: slice) -> NDArray[Any]:
        window = ((rows.start, rows.stop), (cols.start, cols.stop))
        try:
            if len(kinds) == 1:
                array: NDArray[Any] = file.read(window=window)
            else:  # as in PCIDSK files; rasterio then reads bands only one by one
                array = np.stack([file.read(band, window=window) for band in file.indexes])
        except import_rasterio(source).errors.RasterioError as error:  # its cause is GDAL's own error, which says more
            raise source.error(f"cannot be read: {' '.join(str(error.__cause__ or error).split())}", path) from error
        return np.moveaxis(array, 0, -1)

    nodata = np.array([np.nan if value is None else value for value in file.nodatavals], np.float64)
    stored = Stored(
        (*file.shape, file.count),
        np.result_type(*kinds),
        read,
        np.array(file.scales, np.float64),
        np.array(file.offsets, np.float64),
        () if np.isnan(nodata).all() else (nodata,),
    )
    units = {unit or "" for unit in file.units}
    names = None
    if any(file.descriptions):
        names = [name or f"band {number}" for number, name in enumerate(file.descriptions, 1)]
    return Raster(
        stored,
        file.driver,
        _grid(source, path, file),
        Bands(names, *_wavelengths(file)),
        units.pop() or None if len(units) == 1 else None,
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


def _grid(source: Source, path: Path, file: Any) -> Grid | None:
    try:
        crs = file.crs.to_wkt() if file.crs else ""
    except import_rasterio(source).errors.CRSError as error:
        raise source.error(f"unknown CRS: {' '.join(str(error).split())}", path) from error
    if crs.startswith(("LOCAL_CS", "ENGCRS")):  # local coordinates, without a position on the Earth
        crs = ""
    if not crs and file.transform.is_identity:
        return None
    return Grid(crs, tuple(file.transform)[:6])


def _wavelengths(file: Any) -> tuple[PerBand | None, PerBand | None]:
    """Wavelengths and FWHM [nm]; None unless every band has them."""
    tags = [{key.lower(): value for key, value in file.tags(band).items()} for band in file.indexes]
    wavelengths, fwhm = _tag_numbers(tags, "wavelength"), _tag_numbers(tags, "fwhm")
    unit = tags[0].get("wavelength_units")
    if wavelengths is None:
        imagery = [file.tags(band, ns="IMAGERY") for band in file.indexes]
        wavelengths, fwhm = (_tag_numbers(imagery, name) for name in ("CENTRAL_WAVELENGTH_UM", "FWHM_UM"))
        unit = "um"
    factor = None if wavelengths is None else nm_per_unit(unit, wavelengths)
    if wavelengths is None or factor is None:
        return None, None
    return wavelengths * factor, None if fwhm is None else fwhm * factor


def _tag_numbers(tags: list[dict[str, str]], name: str) -> PerBand | None:
    """The numbers in a tag of each band; None unless all bands have one."""
    try:
        return np.array([float(tag[name]) for tag in tags])
    except (KeyError, ValueError):  # other software may use the tag for something else
        return None


READER = Reader("raster", files_only(lambda source: True), open_raster)
