"""ENVI rasters: numbers in a file, and what they are in a header beside it."""

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
from udaln.io.formats.source import Source
from udaln.io.formats.spectral_axis import nanometres, numbers
from udaln.io.formats.stored import Stored, Window
from udaln.io.image import Bands, Image

ABSURD = 1e20  # no camera's values; numbers read in the wrong byte order are soon beyond it
_DATA = ("", ".dat", ".img", ".bsq", ".bil", ".bip", ".raw")  # where a header is named, the data lie in one of these


def header_of(path: Path) -> Path | None:
    """The ENVI header that is, or belongs to, a file; nothing if there is none."""
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

    Measurements are gain · number + offset (``data gain values``, ``data offset values``) or, where the header has
    none of them, number / ``reflectance scale factor``, reflectance then.

    Raises:
        InputError: If header and data do not fit each other, or the numbers are absurd in their byte order.
    """
    source.without_variable()
    header = header_of(source.path)
    if header is None:
        raise source.wrong("expected an ENVI header, which begins with ENVI")
    with reading(header, key=source.key):
        fields = _fields(source, header)
    data = _data(source, header)
    shape, dtype = _declared(replace(source, path=header), data, fields)
    with raster.opened(source, data) as found:
        if found.stored.shape != shape:
            size, got = ("×".join(map(str, part)) for part in (shape, found.stored.shape))
            raise source.wrong(f"expected {size} numbers, as its header says, got {got}", data)
        stored, unit = _measurements(replace(source, path=header), found.stored, fields)
        if dtype.kind == "f":
            stored = replace(stored, read=_plausible(source, stored, data))
        yield Image(
            source.named,
            "ENVI",
            shape,
            stored.becomes,
            stored.values,
            _bands(replace(source, path=header), fields, shape[2]),
            found.grid,
            unit or found.unit,
            replace(found, stored=stored).nodata,
        )


def _fields(source: Source, header: Path) -> dict[str, Any]:
    try:
        from spectral.io import envi
    except ImportError as error:
        raise source.wrong("an ENVI header needs Spectral Python: pip install 'udaln[io]'") from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that names are not in lower case
        fields: dict[str, Any] = envi.read_envi_header(str(header))
    missing = [name for name in ("samples", "lines", "bands", "data type") if name not in fields]
    if missing:
        raise source.wrong(f"expected an ENVI header with {', '.join(missing)}, got none of that", header)
    fields["dtype"] = envi.envi_to_dtype.get(fields["data type"])
    return fields


def _data(source: Source, header: Path) -> Path:
    if source.path != header:
        return source.path
    stem = header.with_suffix("")
    names = [stem.with_name(stem.name + suffix) for end in _DATA for suffix in (end, end.upper())]
    found = next((name for name in names if name.is_file()), None)
    if found is None:
        raise source.wrong(f"expected the data that this header describes in {stem.name}, {stem.name}.dat, .img, …")
    return found


def _declared(header: Source, data: Path, fields: Mapping[str, Any]) -> tuple[tuple[int, int, int], np.dtype[Any]]:
    """Rows, columns and bands, and the type; the data file has the size that they make."""
    if fields["dtype"] is None:
        raise header.wrong(f"data type: expected one of ENVI's, got {fields['data type']}")
    try:
        rows, columns, bands = (int(fields[name]) for name in ("lines", "samples", "bands"))
        begin = int(fields.get("header offset", 0))
    except ValueError as error:
        raise header.wrong(f"expected whole numbers of samples, lines, bands and header offset: {error}") from error
    dtype = np.dtype(fields["dtype"])
    if min(rows, columns, bands) < 1:
        raise header.wrong(f"is empty ({rows}×{columns}×{bands} {dtype})")
    if dtype.kind == "c":
        raise header.wrong(f"holds no real numbers but is {dtype}")
    expected, got = begin + rows * columns * bands * dtype.itemsize, data.stat().st_size
    if got != expected and str(fields.get("file compression", 0)) == "0":
        raise header.wrong(
            f"expected {expected} bytes, as its header {header.path.name} says "
            f"({rows}×{columns}×{bands} {dtype}), got {got}",
            data,
        )
    return (rows, columns, bands), dtype


def _measurements(header: Source, stored: Stored, fields: Mapping[str, Any]) -> tuple[Stored, str | None]:
    """With the header's gains, offsets and no-data value, and the unit if that tells it."""
    bands, one = stored.shape[2], np.ones(stored.shape[2])
    gain, offset = (
        numbers(header, name, _listed(fields[name]), bands) if name in fields else neutral
        for name, neutral in (("data gain values", one), ("data offset values", 0 * one))
    )
    unit = None
    if "reflectance scale factor" in fields and (gain == 1).all() and not offset.any():
        factor = numbers(header, "reflectance scale factor", [fields["reflectance scale factor"]], 1)[0]
        if not factor > 0:
            raise header.wrong(f"reflectance scale factor: expected more than 0, got {factor:g}")
        gain, unit = one / factor, "reflectance"
    nodata = stored.nodata
    if "data ignore value" in fields:
        nodata = one * numbers(header, "data ignore value", [fields["data ignore value"]], 1)
    return replace(stored, scale=gain, offset=offset, nodata=nodata), unit


def _bands(header: Source, fields: Mapping[str, Any], bands: int) -> Bands:
    lengths = {
        name: numbers(header, name, _listed(fields[name]), bands) for name in ("wavelength", "fwhm") if fields.get(name)
    }
    if "wavelength" in lengths:
        factor = nanometres(fields.get("wavelength units"), lengths["wavelength"])
        lengths = {} if factor is None else {name: factor * values for name, values in lengths.items()}
    else:  # of widths alone the unit cannot be told where it is not named
        lengths = {}
    names = _listed(fields.get("band names", []))
    if names and len(names) != bands:
        raise header.wrong(f"band names: expected one for each of the {bands} bands, got {len(names)}")
    good = numbers(header, "bbl", _listed(fields["bbl"]), bands) != 0 if fields.get("bbl") else None
    return Bands(names or None, lengths.get("wavelength"), lengths.get("fwhm"), good)


def _listed(value: Any) -> list[str]:
    """A list of texts; a header of one band may do without braces."""
    return [str(part) for part in value] if isinstance(value, list) else [str(value)]


def _plausible(source: Source, stored: Stored, data: Path) -> Window:
    """Refuse floating-point numbers that no camera has, as they are read."""
    smallest = np.finfo(stored.dtype).tiny

    def read(rows: slice, cols: slice) -> NDArray[Any]:
        part = stored.read(rows, cols)
        held = np.isfinite(part) & (part != 0)
        if stored.nodata is not None:
            held &= part != np.asarray(stored.nodata, part.dtype)
        sizes = np.abs(part[held])
        if sizes.size and (sizes.max() > ABSURD or sizes.max() < smallest):
            raise source.wrong(
                f"expected measurements, got numbers up to {sizes.max():.3g}; is its byte order right, "
                "and its no-data value named (data ignore value)?",
                data,
            )
        return part

    return read
