"""ENVI rasters: raw data and a text header beside them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from udaln.files import reading
from udaln.io.formats import raster
from udaln.io.formats.reader import Reader, files_only
from udaln.io.formats.source import Source
from udaln.io.formats.spectral_axis import nm_per_unit, numbers_per_band
from udaln.io.formats.stored import Stored, Window
from udaln.io.image import Bands, Image

IMPLAUSIBLE = 1e20  # larger than any measurement; numbers read in the wrong byte order soon exceed it
_DATA = ("", ".dat", ".img", ".bsq", ".bil", ".bip", ".raw")  # suffixes of the data file of a header


def header_of(path: Path) -> Path | None:
    """The ENVI header of a file, which may be the file itself; None if there is none."""
    names = [path] if path.suffix.lower() == ".hdr" else [path.with_suffix(".hdr"), path.with_name(path.name + ".hdr")]
    for name in names:
        if name.is_file():
            with name.open("rb") as file:
                if file.read(4) == b"ENVI":
                    return name
    return None


@contextmanager
def open_envi(source: Source) -> Iterator[Image]:
    """Open an ENVI raster by its header or by its data file.

    Values are gain · number + offset (``data gain values``, ``data offset values``). If the header has neither but a
    ``reflectance scale factor``, they are number / ``reflectance scale factor``, in units of reflectance.

    Raises:
        InputError: If header and data do not match, or the numbers are implausible in the byte order of the header.
    """
    source.refuse_variable()
    header = header_of(source.path)
    if header is None:
        raise source.error("expected an ENVI header, which begins with ENVI")
    with reading(header, key=source.key):
        fields = _read_header(source, header)
    data = _data_file(source, header)
    header_source = replace(source, path=header)  # errors about the header name it
    shape, dtype = _shape_and_dtype(header_source, data, fields)
    with raster.open_with_gdal(source, data) as opened:
        if opened.stored.shape != shape:
            size, got = ("×".join(map(str, part)) for part in (shape, opened.stored.shape))
            raise source.error(f"expected {size} numbers, as its header says, got {got}", data)
        stored, unit = _apply_header(header_source, opened.stored, fields)
        if dtype.kind == "f":
            stored = replace(stored, read=_checked_read(source, stored, data))
        yield stored.image(
            source,
            "ENVI",
            bands=_bands(header_source, fields, shape[2]),
            grid=opened.grid,
            unit=unit or opened.unit,
        )


def _read_header(source: Source, header: Path) -> dict[str, Any]:
    """The fields of a header; ``dtype`` is NumPy's type of the data, None if the data type is unknown."""
    try:
        from spectral.io import envi
    except ImportError as error:
        raise source.error("an ENVI header needs Spectral Python: pip install 'udaln[io]'") from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about field names that are not in lower case
        fields: dict[str, Any] = envi.read_envi_header(str(header))
    missing = [name for name in ("samples", "lines", "bands", "data type") if name not in fields]
    if missing:
        raise source.error(f"expected an ENVI header with {', '.join(missing)}, got none of that", header)
    fields["dtype"] = envi.envi_to_dtype.get(fields["data type"])
    return fields


def _data_file(source: Source, header: Path) -> Path:
    if source.path != header:
        return source.path
    stem = header.with_suffix("")
    names = [stem.with_name(stem.name + suffix) for end in _DATA for suffix in (end, end.upper())]
    data = next((name for name in names if name.is_file()), None)
    if data is None:
        raise source.error(f"expected the data that this header describes in {stem.name}, {stem.name}.dat, .img, …")
    return data


def _shape_and_dtype(
    header: Source, data: Path, fields: Mapping[str, Any]
) -> tuple[tuple[int, int, int], np.dtype[Any]]:
    """Rows, columns and bands, and the type. The size of the data file is checked against them."""
    if fields["dtype"] is None:
        raise header.error(f"data type: expected one of ENVI's, got {fields['data type']}")
    try:
        rows, columns, bands = (int(fields[name]) for name in ("lines", "samples", "bands"))
        offset = int(fields.get("header offset", 0))
    except ValueError as error:
        raise header.error(f"expected whole numbers of samples, lines, bands and header offset: {error}") from error
    dtype = np.dtype(fields["dtype"])
    if min(rows, columns, bands) < 1:
        raise header.error(f"is empty ({rows}×{columns}×{bands} {dtype})")
    if dtype.kind == "c":
        raise header.error(f"holds no real numbers but is {dtype}")
    expected, got = offset + rows * columns * bands * dtype.itemsize, data.stat().st_size
    if got != expected and str(fields.get("file compression", 0)) == "0":
        raise header.error(
            f"expected {expected} bytes, as its header {header.path.name} says "
            f"({rows}×{columns}×{bands} {dtype}), got {got}",
            data,
        )
    return (rows, columns, bands), dtype


def _apply_header(header: Source, stored: Stored, fields: Mapping[str, Any]) -> tuple[Stored, str | None]:
    """The numbers with the header's gains, offsets and no-data value, and their unit if the header implies it."""
    bands, one = stored.shape[2], np.ones(stored.shape[2])
    gain, offset = (
        numbers_per_band(header, name, _as_list(fields[name]), bands) if name in fields else neutral
        for name, neutral in (("data gain values", one), ("data offset values", 0 * one))
    )
    unit = None
    if "reflectance scale factor" in fields and (gain == 1).all() and not offset.any():
        factor = numbers_per_band(header, "reflectance scale factor", [fields["reflectance scale factor"]], 1)[0]
        if not factor > 0:
            raise header.error(f"reflectance scale factor: expected more than 0, got {factor:g}")
        gain, unit = one / factor, "reflectance"
    nodata = stored.nodata
    if "data ignore value" in fields:
        nodata = [one * numbers_per_band(header, "data ignore value", [fields["data ignore value"]], 1)]
    return replace(stored, scale=gain, offset=offset, nodata=nodata), unit


def _bands(header: Source, fields: Mapping[str, Any], bands: int) -> Bands:
    lengths = {
        name: numbers_per_band(header, name, _as_list(fields[name]), bands)
        for name in ("wavelength", "fwhm")
        if fields.get(name)
    }
    if "wavelength" in lengths:
        factor = nm_per_unit(fields.get("wavelength units"), lengths["wavelength"])
        lengths = {} if factor is None else {name: factor * values for name, values in lengths.items()}
    else:  # without wavelengths, the unit of the widths cannot be inferred
        lengths = {}
    names = _as_list(fields.get("band names", []))
    if names and len(names) != bands:
        raise header.error(f"band names: expected one for each of the {bands} bands, got {len(names)}")
    good = numbers_per_band(header, "bbl", _as_list(fields["bbl"]), bands) != 0 if fields.get("bbl") else None
    return Bands(names or None, lengths.get("wavelength"), lengths.get("fwhm"), good)


def _as_list(value: Any) -> list[str]:
    """A field as a list; a header of one band may omit the braces."""
    return [str(part) for part in value] if isinstance(value, list) else [str(value)]


def _checked_read(source: Source, stored: Stored, data: Path) -> Window:
    """A reader that refuses floating-point numbers of implausible magnitude."""
    smallest = np.finfo(stored.dtype).tiny

    def read(rows: slice, cols: slice) -> NDArray[Any]:
        part = stored.read(rows, cols)
        valid = np.isfinite(part) & (part != 0)
        for nodata in stored.nodata:
            valid &= part != np.asarray(nodata, part.dtype)
        magnitudes = np.abs(part[valid])
        if magnitudes.size and (magnitudes.max() > IMPLAUSIBLE or magnitudes.max() < smallest):
            raise source.error(
                f"expected measurements, got numbers up to {magnitudes.max():.3g}; is its byte order right, "
                "and its no-data value named (data ignore value)?",
                data,
            )
        return part

    return read


def _is_envi(source: Source) -> bool:
    """Whether a file is an ENVI header or has one.

    A header beside the file may belong to another file. Where GDAL can, it tells the format from the content.
    """
    path = source.path
    return path.suffix.lower() == ".hdr" or (
        header_of(path) is not None and raster.driver_name(source) in ("ENVI", None)
    )


READER = Reader("ENVI", files_only(_is_envi), open_envi)
