"""Rasters: whatever GDAL reads."""

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
from udaln.io.formats.source import Source
from udaln.io.formats.spectral_axis import nanometres
from udaln.io.formats.stored import PerBand, Stored
from udaln.io.grid import Grid
from udaln.io.image import Bands, Image


@dataclass(frozen=True)
class Raster:
    """An open raster, and what GDAL says of it.

    Attributes:
        stored: Its numbers; scale, offset and no data by band.
        driver: GDAL's name of the format.
        grid: Where it lies, if it is known.
        bands: Names and wavelengths, where the file has them.
        unit: Of all bands.
    """

    stored: Stored
    driver: str
    grid: Grid | None
    bands: Bands
    unit: str | None

    @property
    def nodata(self) -> float | None:
        """The number that stands for no data in every band."""
        named = np.unique(np.atleast_1d(np.nan if self.stored.nodata is None else self.stored.nodata))
        return float(named[0]) if len(named) == 1 and np.isfinite(named[0]) else None


@contextmanager
def open_raster(source: Source) -> Iterator[Image]:
    """Open a raster of any kind: GeoTIFF, PCIDSK, ERDAS Imagine, VRT and others.

    Scales, offsets and no-data values are those of the bands. Wavelengths are read from the bands' metadata:
    ``wavelength`` and ``fwhm`` in ``wavelength_units``, as GDAL's ENVI driver calls them, or, as GDAL does from
    version 3.10 on, ``CENTRAL_WAVELENGTH_UM`` and ``FWHM_UM`` of the domain ``IMAGERY``.

    Raises:
        InputError: If GDAL does not read it, or it holds no real numbers.
    """
    source.without_variable()
    with opened(source, source.path) as found:
        stored = found.stored
        yield Image(
            source.named,
            found.driver,
            stored.shape,
            stored.becomes,
            stored.values,
            found.bands,
            found.grid,
            found.unit,
            found.nodata,
        )


def library(source: Source, what: str = "a raster") -> Any:
    """Rasterio.

    Raises:
        InputError: If it is not installed.
    """
    try:
        import rasterio
    except ImportError as error:
        raise source.wrong(f"{what} needs rasterio: pip install 'udaln[io]'") from error
    return rasterio


def driver(source: Source) -> str | None:
    """GDAL's name of the format; none if it does not know it or the file is broken.

    Raises:
        InputError: If rasterio is not installed.
    """
    rasterio = library(source)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        try:
            with rasterio.open(source.path) as file:
                return str(file.driver)
        except rasterio.errors.RasterioIOError:
            return None


@contextmanager
def opened(source: Source, path: Path) -> Iterator[Raster]:
    """A raster, for as long as it is used.

    Args:
        source: What it is part of; messages begin with its key.
        path: The raster's own file.

    Raises:
        InputError: If GDAL does not read it, or it holds no real numbers; reading it raises the same.
    """
    rasterio = library(source)
    with reading(path, key=source.key), warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)  # not all need to be
        try:
            file = rasterio.open(path)
        except rasterio.errors.RasterioIOError as error:
            reason = " ".join(str(error).split())
            hint = "; expected a .mat or .npy file or a raster, HDF5 or NetCDF" if "not recognized" in reason else ""
            raise source.wrong(f"cannot be read: {reason}{hint}", path) from error
    with file:
        with reading(path, key=source.key):
            found = _described(source, path, file)
        yield found


def _described(source: Source, path: Path, file: Any) -> Raster:
    kinds = sorted(set(file.dtypes))
    if not file.count:
        raise source.wrong(f"expected an image, got {len(file.subdatasets)} of them and no band", path)
    if any("complex" in kind for kind in kinds):
        raise source.wrong(f"holds no real numbers but is {' and '.join(kinds)}", path)

    _check_length(source, path, file)

    def read(rows: slice, cols: slice) -> NDArray[Any]:
        window = ((rows.start, rows.stop), (cols.start, cols.stop))
        try:
            if len(kinds) == 1:
                array: NDArray[Any] = file.read(window=window)
            else:  # as PCIDSK's channels may be; rasterio takes them one by one only
                array = np.stack([file.read(band, window=window) for band in file.indexes])
        except library(source).errors.RasterioError as error:  # its cause is GDAL's own, which tells more
            raise source.wrong(f"cannot be read: {' '.join(str(error.__cause__ or error).split())}", path) from error
        return np.moveaxis(array, 0, -1)

    nodata = np.array([np.nan if value is None else value for value in file.nodatavals], np.float64)
    stored = Stored(
        (*file.shape, file.count),
        np.result_type(*kinds),
        read,
        np.array(file.scales, np.float64),
        np.array(file.offsets, np.float64),
        None if np.isnan(nodata).all() else nodata,
    )
    units = {unit or "" for unit in file.units}
    names = None
    if any(file.descriptions):
        names = [name or f"band {number}" for number, name in enumerate(file.descriptions, 1)]
    return Raster(
        stored,
        file.driver,
        _grid(source, path, file),
        Bands(names, *_axis(file)),
        units.pop() or None if len(units) == 1 else None,
    )


def _check_length(source: Source, path: Path, file: Any) -> None:
    """Refuse what is cut short in formats where GDAL takes zeros for what is missing.

    A PCIDSK file names its size in blocks of 512 bytes in its header; an ESRI .hdr labelled raster is bare numbers.
    """
    expected, got = 0, path.stat().st_size
    if file.driver == "PCIDSK":
        with path.open("rb") as raw:
            expected = 512 * int(raw.read(32)[16:])
    elif file.driver == "EHdr" and "NBITS" not in file.tags(1, ns="IMAGE_STRUCTURE"):
        expected = file.count * file.height * file.width * np.dtype(file.dtypes[0]).itemsize
    if got < expected:
        raise source.wrong(f"expected {expected} bytes, as its header says, got {got}", path)


def _grid(source: Source, path: Path, file: Any) -> Grid | None:
    try:
        crs = file.crs.to_wkt() if file.crs else ""
    except library(source).errors.CRSError as error:
        raise source.wrong(f"unknown CRS: {' '.join(str(error).split())}", path) from error
    if crs.startswith(("LOCAL_CS", "ENGCRS")):  # coordinates that are nowhere on the Earth
        crs = ""
    if not crs and file.transform.is_identity:
        return None
    return Grid(crs, tuple(file.transform)[:6])


def _axis(file: Any) -> tuple[PerBand | None, PerBand | None]:
    """Wavelengths and FWHM [nm], if every band has them."""
    tags = [{key.lower(): value for key, value in file.tags(band).items()} for band in file.indexes]
    wavelengths, fwhm = _lengths(tags, "wavelength"), _lengths(tags, "fwhm")
    unit = tags[0].get("wavelength_units")
    if wavelengths is None:
        imagery = [file.tags(band, ns="IMAGERY") for band in file.indexes]
        wavelengths, fwhm = (_lengths(imagery, name) for name in ("CENTRAL_WAVELENGTH_UM", "FWHM_UM"))
        unit = "um"
    factor = None if wavelengths is None else nanometres(unit, wavelengths)
    if wavelengths is None or factor is None:
        return None, None
    return wavelengths * factor, None if fwhm is None else fwhm * factor


def _lengths(tags: list[dict[str, str]], name: str) -> PerBand | None:
    try:
        return np.array([float(tag[name]) for tag in tags])
    except (KeyError, ValueError):  # what others write there need not be meant so
        return None
