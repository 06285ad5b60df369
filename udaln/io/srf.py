"""Spectral response functions (SRF): how an MSI band weights the bands of a hyperspectral cube."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from udaln.errors import InputError
from udaln.files import reading
from udaln.io.cubes import read_matrix

_WAVELENGTH = "wavelength_nm"
_EDGE_ORDER = 6
_CUT = 1e-3


@dataclass(frozen=True, eq=False)
class SRF:
    """The responses of c MSI bands, sampled at the C bands of a cube.

    Attributes:
        values: C×c, not negative, on any scale; every column has a value above zero.
        names: the c MSI bands' names.
        wavelengths: centres of the cube's bands [nm], C; None where they are unknown.

    Raises:
        InputError: the values are none of a response; the message names the MSI band at fault.
    """

    values: NDArray[np.float64]
    names: tuple[str, ...]
    wavelengths: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        if not self.names:
            raise InputError("SRF: expected at least one MSI band, got none")
        if self.values.ndim != 2 or self.values.shape[1] != len(self.names):
            raise InputError(f"SRF: expected C×{len(self.names)} values, got {_size(self.values)}")
        if self.wavelengths is not None and self.wavelengths.shape != (len(self.values),):
            raise InputError(f"SRF: expected {len(self.values)} wavelengths, got {_size(self.wavelengths)}")
        for name, column in zip(self.names, self.values.T, strict=True):
            if not np.isfinite(column).all():
                raise InputError(f"SRF: MSI band {name} has values that are not finite")
            if (column < 0).any():
                raise InputError(f"SRF: MSI band {name} has negative values (lowest {column.min():g})")
            if not column.any():
                raise InputError(f"SRF: MSI band {name} is zero everywhere: it covers none of the cube's bands")


def support(srf: SRF) -> NDArray[np.bool_]:
    """Tell which bands of the cube each MSI band covers: all from its first to its last that is not zero.

    Args:
        srf: the responses.

    Returns:
        C×c, true where MSI band j covers band i; the rows of a column form one run, as in the published code.

    Example:
        >>> support(SRF(np.array([[0.0], [0.2], [0.0], [0.7], [0.0]]), names=("red",)))[:, 0].tolist()
        [False, True, True, True, False]
    """
    begun = np.logical_or.accumulate(srf.values > 0, axis=0)
    not_over = np.logical_or.accumulate(srf.values[::-1] > 0, axis=0)[::-1]
    covered: NDArray[np.bool_] = begun & not_over
    return covered


def normalise(srf: SRF) -> SRF:
    """Scale every MSI band's response to sum 1, so that a flat spectrum keeps its value."""
    return replace(srf, values=srf.values / srf.values.sum(axis=0))


def read_srf(
    path: str | Path, bands: int, *, key: str, variable: str | None = None, variable_key: str | None = None
) -> SRF:
    """Read an SRF that is sampled at the cube's own bands.

    * ``.csv``: a header, the first column ``wavelength_nm``, then one column per MSI band;
    * ``.xls`` (with the extra ``xls``): numbers only on the first sheet, bands down, MSI bands across, as published
      for Houston 2018;
    * ``.mat``, ``.npy``: a matrix C×c. A transposed one is refused, not guessed at.

    Args:
        path: the file.
        bands: C, the number of the cube's bands.
        key: the config key or argument that names the file; messages begin with it.
        variable: which variable of a ``.mat`` file; None takes the only matrix.
        variable_key: the same as ``key`` for ``variable``; None stands for ``variable`` beside ``key``.

    Returns:
        The responses as they stand in the file, not normalised.

    Raises:
        InputError: the file cannot be read, has another number of bands, or holds no responses.
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
            wavelengths = _checked(wavelengths)
        return SRF(values, tuple(names or (str(j + 1) for j in range(values.shape[1]))), wavelengths)
    except InputError as error:
        raise InputError(f"{key}: {path}: {error}") from None


def srf_from_edges(
    bands: Mapping[str, Sequence[float]], wavelengths: NDArray[np.float64], *, key: str = "sensor.bands"
) -> SRF:
    """Build responses from a sensor's published band edges.

    Each is a smooth-edged box, 2^(−|2(λ − m) / w|⁶) for a band of middle m and width w: flat on top, one half at the
    edges, below 1e-3 and cut to zero beyond 1.47 half widths. Where a band falls between two of the cube's, so
    that the box touches none, the nearest one stands for it.

    Args:
        bands: for each MSI band its lower and upper edge at half power [nm].
        wavelengths: centres of the cube's bands [nm], C.
        key: the config key or argument of ``bands``; messages begin with it.

    Returns:
        The responses, with peaks near 1.

    Raises:
        InputError: edges are no two increasing numbers, or an MSI band covers none of the wavelengths.

    Example:
        >>> srf_from_edges({"red": (630, 690)}, np.array([600.0, 630.0, 660.0, 690.0])).values[:, 0].tolist()
        [0.0, 0.5, 1.0, 0.5]
    """
    wavelengths = _checked(wavelengths)
    # how far a band may be from the nearest of the cube's: across a gap, such as removed water bands, is too far
    reach = float(np.median(np.diff(np.sort(wavelengths)))) if len(wavelengths) > 1 else 0.0
    values = np.empty((len(wavelengths), len(bands)))
    for column, (name, edges) in zip(values.T, bands.items(), strict=True):
        low, high = _edges(edges, f"{key}.{name}")
        distance = np.abs(wavelengths - (low + high) / 2)
        if distance.min() > max(reach, (high - low) / 2):
            raise InputError(
                f"{key}.{name}: edges {low:g}–{high:g} nm cover none of the cube's {len(wavelengths)} bands, "
                f"{wavelengths.min():g}–{wavelengths.max():g} nm"
            )
        column[:] = np.exp2(-((2 * distance / (high - low)) ** _EDGE_ORDER))
        column[column < _CUT] = 0.0
        if not column.any():
            column[distance.argmin()] = 1.0
    return SRF(values, tuple(bands), wavelengths)


def read_wavelengths(spec: str | Path | Sequence[float], bands: int, *, key: str) -> NDArray[np.float64]:
    """Make the cube's wavelengths out of what a config may say about them.

    Args:
        spec: as many numbers as the cube has bands, taken as they are; or two, the first and the last of evenly
            spaced ones; or a file: a column of numbers, or a CSV with a column ``wavelength_nm``.
        bands: C, the number of the cube's bands.
        key: the config key or argument; messages begin with it.

    Returns:
        Centres of the bands [nm], C.

    Raises:
        InputError: there are not as many as bands, or they are none [nm].

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
        raise InputError(f"{key}: expected as many wavelengths as the cube has bands, {bands}, got {_size(values)}")
    try:
        return _checked(values)
    except InputError as error:
        raise InputError(f"{key}: {error}") from None


def _size(values: NDArray[np.float64]) -> str:
    return "×".join(map(str, values.shape)) or "a single number"


def _edges(edges: ArrayLike, what: str) -> tuple[float, float]:
    try:
        low, high = np.asarray(edges, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{what}: expected a lower and an upper edge [nm], got {edges!r}") from None
    if not 0 < low < high < np.inf:
        raise InputError(f"{what}: expected a lower and an upper edge [nm], increasing, got {low:g} and {high:g}")
    return float(low), float(high)


def _checked(wavelengths: NDArray[np.float64]) -> NDArray[np.float64]:
    # Any order will do: the spectrometers of one instrument overlap (Hyperion, EnMAP), and some cubes run downwards.
    if not np.isfinite(wavelengths).all() or len(np.unique(wavelengths)) < len(wavelengths):
        raise InputError("expected wavelengths that are finite and all different")
    if wavelengths.min() < 100:  # beyond the ultraviolet
        raise InputError(f"expected wavelengths in nm, got {wavelengths.min():g}: is that µm?")
    return wavelengths


def _read_csv(path: Path, key: str) -> tuple[list[str], NDArray[np.float64]]:
    """Read a table of numbers; the header is empty if there is none."""
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
