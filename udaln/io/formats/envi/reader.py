"""ENVI rasters: raw data and a text header beside them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from udaln.errors import InputError
from udaln.files import reading
from udaln.io.formats.envi.data import layout, open_data
from udaln.io.formats.envi.fields import apply_scaling, bands_of, nodata_of
from udaln.io.formats.envi.header import Header, is_header, read_header
from udaln.io.formats.map_info import numbers_of, parts_of, tied
from udaln.io.formats.raster.reader import Raster, driver_name, open_with_gdal
from udaln.io.formats.reader import Reader, files_only
from udaln.io.formats.source import Source
from udaln.io.formats.stored import NEARLY, PerBand, Stored, Window
from udaln.io.grid import Grid
from udaln.io.image import Image

IMPLAUSIBLE = 1e20  # larger than any measurement; numbers read in the wrong byte order soon exceed it
_DATA = ("", ".dat", ".img", ".bsq", ".bil", ".bip", ".raw")  # suffixes of the data file of a header
_GEOREFERENCING = ("map info", "projection info", "coordinate system string")
_UNUSED = ("geo points", "rpc info", "pseudo projection info")  # places on the ground, in ways that are not read


def header_of(path: Path) -> Path | None:
    """The ENVI header of a file, which may be the file itself; None if there is none."""
    if path.suffix.lower() == ".hdr":
        names = [path]
    else:
        names = [name for end in (".hdr", ".HDR") for name in (path.with_suffix(end), path.with_name(path.name + end))]
    return next((name for name in names if name.is_file() and is_header(name)), None)


@contextmanager
def open_envi(source: Source) -> Iterator[Image]:
    """Open an ENVI raster by its header or by its data file.

    Values are gain · number + offset (``data gain values``, ``data offset values``). If the header has neither but a
    ``reflectance scale factor``, they are number / ``reflectance scale factor``, in units of reflectance. Fields that
    say where the numbers are must be right; of the others, what cannot be used is left aside and noted.

    Raises:
        InputError: If header and data do not match, or the numbers are implausible in the byte order of the header.
    """
    source.refuse_variable()
    path = header_of(source.path)
    if path is None:
        raise source.error("expected an ENVI header, which begins with ENVI")
    with reading(path, key=source.key):
        header = read_header(path)
    header_source = replace(source, path=path)  # errors about the header name it
    numbers, notes = layout(header_source, header)
    data = _data_file(source, path, numbers.size)
    with ExitStack() as stack:
        with reading(data, key=source.key):
            read = stack.enter_context(open_data(source, path, data, numbers))
        opened = _open_with_gdal(stack, source, data, numbers.shape)
        stored = Stored(numbers.shape, numbers.dtype.newbyteorder("="), read)
        unit, grid = None, None
        if opened is not None:  # what lies beside the file is known to GDAL: masks, statistics, georeferencing
            stored = replace(opened.stored, dtype=stored.dtype, read=read)
            unit, grid = opened.unit, opened.grid
        scaling, unit_of_header, scaling_notes = apply_scaling(header, stored)
        nodata, nodata_notes = nodata_of(header, scaling)
        stored = replace(scaling, nodata=nodata)
        if stored.dtype.kind == "f":
            stored = replace(stored, read=_checked_read(source, stored, data))
        bands, band_notes = bands_of(header, numbers.shape[2])
        grid, grid_notes = _grid(header_source, header, grid)
        unused = [f"{name}: is not used; the georeferencing is that of map info alone" for name in _UNUSED]
        unused = [line for name, line in zip(_UNUSED, unused, strict=True) if header.text(name)]
        notes = [*header.notes, *notes, *scaling_notes, *nodata_notes, *band_notes, *grid_notes, *unused]
        yield stored.image(
            source,
            "ENVI",
            bands=bands,
            grid=grid,
            unit=unit_of_header or unit,
            notes=[f"{path.name}: {note}" for note in notes],
        )


def _data_file(source: Source, header: Path, size: int) -> Path:
    """The data of a header: a file of the same name, with a usual suffix or of the size that the header implies."""
    if source.path != header:
        return source.path
    stem = header.with_suffix("")
    names = [stem.with_name(stem.name + suffix) for end in _DATA for suffix in (end, end.upper())]
    data = next((name for name in names if name.is_file()), None)
    if data is None:
        beside = [path for path in header.parent.iterdir() if path.stem == stem.name and path != header]
        fitting = [path for path in beside if path.is_file() and path.stat().st_size == size]
        data = fitting[0] if len(fitting) == 1 else None
    if data is None:
        raise source.error(f"expected the data that this header describes in {stem.name}, {stem.name}.dat, .img, …")
    return data


def _open_with_gdal(stack: ExitStack, source: Source, data: Path, shape: tuple[int, int, int]) -> Raster | None:
    """The raster as GDAL sees it; None if it does not understand the header."""
    try:
        opened = stack.enter_context(open_with_gdal(source, data))
    except InputError as error:
        if isinstance(error.__cause__, ImportError):
            raise
        return None
    return opened if opened.driver == "ENVI" and opened.stored.shape == shape else None


def _grid(source: Source, header: Header, grid: Grid | None) -> tuple[Grid | None, list[str]]:
    """The georeferencing of a header.

    Args:
        source: The header, for messages.
        header: Its content.
        grid: As GDAL reads it from the file; None if it does not.

    Returns:
        The georeferencing, and a line for what cannot be used of it.
    """
    info, notes = header.text("map info"), []
    if grid is None or not grid.crs:
        if info is None and header.text("coordinate system string") is None:
            return grid, []
        grid, reason = _grid_by_fields(source, header)
        notes = [f"map info: {reason}"] if reason else []
    if info is None or grid is None:
        return grid, notes
    parts = parts_of(info)
    try:
        numbers_of(parts)
    except ValueError as error:
        return None, [f"map info: {error} in {info[:60]}; left aside"]
    a, b, _, d, e, _ = grid.transform
    if b or d:  # GDAL turns a grid about its corner, whichever pixel the header refers to
        grid = replace(grid, transform=tied(parts, (a, b, d, e)))
    return grid, notes


def _grid_by_fields(source: Source, header: Header) -> tuple[Grid | None, str]:
    """The georeferencing as GDAL reads it from these fields alone, and why it is not complete."""
    fields = {"samples": "2", "lines": "1", "bands": "1", "data type": "1", "interleave": "bsq", "byte order": "0"}
    fields |= {name: f"{{{text}}}" for name in _GEOREFERENCING if (text := header.text(name)) is not None}
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "x.dat"
        data.write_bytes(b"12")
        lines = "".join(f"{name} = {value}\n" for name, value in fields.items())
        data.with_suffix(".hdr").write_text(f"ENVI\n{lines}", encoding="utf-8")
        try:
            with open_with_gdal(source, data) as opened:
                grid = opened.grid
        except InputError as error:
            return None, f"cannot be used: {str(error).rpartition(f'{data}: ')[2]}; left aside"
    if grid is None:
        return None, "gives no place on the ground; left aside"
    return grid, "" if grid.crs else "names no coordinate reference system that is known"


def _checked_read(source: Source, stored: Stored, data: Path) -> Window:
    """A reader that refuses floating-point numbers of implausible magnitude."""
    smallest = np.finfo(stored.dtype).tiny
    missing: list[PerBand | float] = [*stored.nodata, *source.nodata]

    def read(rows: slice, cols: slice) -> NDArray[Any]:
        part = stored.read(rows, cols)
        valid = np.isfinite(part) & (part != 0)
        for nodata in missing:
            valid &= ~np.isclose(part, nodata, rtol=NEARLY, atol=0)
        magnitudes = np.abs(part[valid])
        if magnitudes.size and (magnitudes.max() > IMPLAUSIBLE or magnitudes.max() < smallest):
            raise source.error(
                f"expected measurements, got numbers up to {magnitudes.max():.3g}; is its byte order right, "
                f"and its no-data value named (data ignore value, or {source.sibling('nodata')}=…)?",
                data,
            )
        return part

    return read


def _is_envi(source: Source) -> bool:
    """Whether a file is an ENVI header or has one.

    A header beside the file may belong to another file. Where GDAL can, it tells the format from the content.
    """
    path = source.path
    return path.suffix.lower() == ".hdr" or (header_of(path) is not None and driver_name(source) in ("ENVI", None))


READER = Reader("ENVI", files_only(_is_envi), open_envi)
