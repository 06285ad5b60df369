"""Tables of spectral responses and of wavelengths, read from files."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from udaln.errors import InputError
from udaln.files import reading
from udaln.io.cubes import read_matrix
from udaln.physics.srf import SRF, check_wavelengths

_WAVELENGTH = "wavelength_nm"  # name of the column of wavelengths


def read_srf(
    path: str | Path, bands: int, *, key: str, variable: str | None = None, variable_key: str | None = None
) -> SRF:
    """Read an SRF that is sampled at the hyperspectral bands of the cube.

    * ``.csv``: a header, the first column ``wavelength_nm``, then one column per MSI band;
    * ``.xls`` (with the extra ``xls``): numbers only, on the first sheet, a row per hyperspectral band and a column per
      MSI band, as published for Houston 2018;
    * ``.mat``, ``.npy``: a matrix C×c. A transposed one is refused.

    Args:
        path: The file.
        bands: C, the number of hyperspectral bands of the cube.
        key: The config key or argument that names the file. Messages begin with it.
        variable: Which variable of a ``.mat`` file; None takes the only matrix.
        variable_key: The config key or argument of ``variable``; None stands for ``variable`` beside ``key``.

    Returns:
        The responses as they stand in the file, not normalised.

    Raises:
        InputError: If the file cannot be read, has another number of bands, or holds no responses.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    names: Sequence[str] = ()
    wavelengths = None
    if suffix == ".csv":
        header, table = _read_csv(path, key)
        if header[:1] != [_WAVELENGTH]:
            raise InputError(f"{key}: {path}: expected a header whose first column is {_WAVELENGTH}")
        names, values, wavelengths = header[1:], table[:, 1:], table[:, 0]
    elif suffix == ".xls":
        values = _read_xls(path, key)
    elif suffix in (".mat", ".npy"):
        values = read_matrix(path, variable, key=key, variable_key=variable_key)
    else:
        raise InputError(f"{key}: {path}: expected an SRF as .csv, .xls, .mat or .npy")
    if len(values) != bands:
        hint = "; it looks transposed" if values.shape[1] == bands else ""
        raise InputError(f"{key}: {path}: expected a row for each of the cube's {bands} bands, got {len(values)}{hint}")
    try:
        if wavelengths is not None:
            wavelengths = check_wavelengths(wavelengths)
        return SRF(values, tuple(names or (str(j + 1) for j in range(values.shape[1]))), wavelengths)
    except InputError as error:
        raise InputError(f"{key}: {path}: {error}") from None


def read_wavelengths(spec: str | Path | Sequence[float], bands: int, *, key: str) -> NDArray[np.float64]:
    """Wavelengths of a cube's bands, from numbers or from a file, as a configuration may name them.

    Args:
        spec: As many numbers as the cube has bands; or two numbers, the first and the last of evenly spaced
            wavelengths; or a file: a column of numbers, or a CSV with a column ``wavelength_nm``.
        bands: C, the number of bands of the cube.
        key: The config key or argument. Messages begin with it.

    Returns:
        Centres of the bands [nm], C.

    Raises:
        InputError: If there are not as many as bands, or they are not wavelengths in nm.

    Example:
        >>> read_wavelengths([400, 1000], 4, key="dataset.wavelengths").tolist()
        [400.0, 600.0, 800.0, 1000.0]
    """
    if isinstance(spec, str | Path):
        header, table = _read_csv(Path(spec), key)
        if header and _WAVELENGTH not in header:
            raise InputError(f"{key}: {spec}: expected a column {_WAVELENGTH}, got {', '.join(header)}")
        if not header and table.shape[1] != 1:
            raise InputError(f"{key}: {spec}: expected one column, or a header that names {_WAVELENGTH}")
        values = table[:, header.index(_WAVELENGTH) if header else 0]
    else:
        try:
            values = np.asarray(list(spec), dtype=np.float64)
        except (TypeError, ValueError):
            raise InputError(f"{key}: expected numbers [nm] or a file, got {spec!r}") from None
        if values.shape == (2,):
            with np.errstate(invalid="ignore"):  # an infinite end is refused below
                values = np.linspace(values[0], values[1], bands)
    if values.shape != (bands,):
        size = "×".join(map(str, values.shape)) or "a single number"
        raise InputError(f"{key}: expected as many wavelengths as the cube has bands, {bands}, got {size}")
    try:
        return check_wavelengths(values)
    except InputError as error:
        raise InputError(f"{key}: {error}") from None


def _read_csv(path: Path, key: str) -> tuple[list[str], NDArray[np.float64]]:
    """Header and numbers of a table; the header is empty if the file has none."""
    with reading(path, key=key), path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file)
        rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader if any(map(str.strip, row))]
    header: list[str] = []
    if rows and not all(map(_is_number, rows[0][1])):
        header = rows.pop(0)[1]
    if not rows:
        raise InputError(f"{key}: {path}: holds no numbers")
    if len(set(header)) < len(header):
        raise InputError(f"{key}: {path}: expected columns of different names, got {', '.join(header)}")
    width = len(header) or len(rows[0][1])
    for line, row in rows:
        if len(row) != width or not all(map(_is_number, row)):
            raise InputError(f"{key}: {path}: line {line}: expected {width} numbers, got {','.join(row)}")
    return header, np.array([row for _, row in rows], dtype=np.float64)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _read_xls(path: Path, key: str) -> NDArray[np.float64]:
    try:
        import xlrd
    except ImportError as error:
        raise InputError(f"{key}: {path}: an .xls file needs xlrd: pip install 'udaln[xls]'") from error
    with reading(path, key=key), xlrd.open_workbook(str(path)) as book:
        sheet = book.sheet_by_index(0)
        if not sheet.nrows:
            raise InputError(f"{key}: {path}: the first sheet is empty")
        for i in range(sheet.nrows):
            for j in range(sheet.ncols):
                if sheet.cell_type(i, j) != xlrd.XL_CELL_NUMBER:
                    raise InputError(
                        f"{key}: {path}: row {i + 1}, column {j + 1}: expected a number, got {sheet.cell_value(i, j)!r}"
                    )
        return np.array([sheet.row_values(i) for i in range(sheet.nrows)], dtype=np.float64)
