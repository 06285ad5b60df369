"""Spectral response functions (SRF): the weights with which an MSI band averages hyperspectral bands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from udaln.errors import InputError

_EDGE_ORDER = 6  # exponent of the band shape; a higher one has steeper edges
_CUTOFF = 1e-3  # responses below it are set to zero
_SHORTEST = 100.0  # shortest wavelength accepted [nm]; smaller numbers are taken for µm


@dataclass(frozen=True, eq=False)
class SRF:
    """The responses of c MSI bands, sampled at C hyperspectral bands.

    Attributes:
        values: C×c, not negative, on any scale; every column has a value above zero, unless ``partial``.
        names: Names of the c MSI bands.
        wavelengths: Centres of the hyperspectral bands [nm], C; None where they are unknown.
        partial: Whether MSI bands may cover none of the hyperspectral bands.

    Raises:
        InputError: If the values are not those of a response. The message names the MSI band at fault.
    """

    values: NDArray[np.float64]
    names: tuple[str, ...]
    wavelengths: NDArray[np.float64] | None = None
    partial: bool = False

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
            if not (column.any() or self.partial):
                raise InputError(f"SRF: MSI band {name} is zero everywhere: it covers none of the cube's bands")


def support(srf: SRF) -> NDArray[np.bool_]:
    """Support of each MSI band: the hyperspectral bands from its first to its last non-zero response.

    Args:
        srf: The responses.

    Returns:
        C×c bool, true where MSI band j covers hyperspectral band i. The true rows of a column are contiguous, as in
        the published code.

    Example:
        >>> support(SRF(np.array([[0.0], [0.2], [0.0], [0.7], [0.0]]), names=("red",)))[:, 0].tolist()
        [False, True, True, True, False]
    """
    from_first = np.logical_or.accumulate(srf.values > 0, axis=0)
    to_last = np.logical_or.accumulate(srf.values[::-1] > 0, axis=0)[::-1]
    covered: NDArray[np.bool_] = from_first & to_last
    return covered


def normalise(srf: SRF) -> SRF:
    """Scale the response of every MSI band that has one to sum 1, so that a flat spectrum keeps its value."""
    total = srf.values.sum(axis=0)
    return replace(srf, values=srf.values / np.where(total > 0, total, 1))


def srf_from_edges(
    bands: Mapping[str, Sequence[float]],
    wavelengths: NDArray[np.float64],
    *,
    key: str = "sensor.bands",
    some_beyond: bool = False,
) -> SRF:
    """Approximate responses from the band edges that a sensor's operator publishes.

    A band with centre m and width w has the response 2^(−|2(λ − m) / w|⁶): flat on top, one half at the edges. Values
    below 1e-3, beyond 1.47 half widths, are set to zero. Where the band is so narrow that no hyperspectral band has a
    response, the nearest one gets response 1.

    Args:
        bands: For each MSI band, its lower and upper edge at half power [nm].
        wavelengths: Centres of the hyperspectral bands [nm], C.
        key: The config key or argument of ``bands``. Messages begin with it.
        some_beyond: Whether MSI bands may cover none of the wavelengths, if others do. Their response is zero.

    Returns:
        The responses, with peaks near 1.

    Raises:
        InputError: If edges are not two increasing numbers, or an MSI band covers none of the wavelengths.

    Example:
        >>> srf_from_edges({"red": (630, 690)}, np.array([600.0, 630.0, 660.0, 690.0])).values[:, 0].tolist()
        [0.0, 0.5, 1.0, 0.5]
    """
    wavelengths = check_wavelengths(wavelengths)
    # The nearest hyperspectral band may be one band spacing away. Across a gap, such as removed water vapour bands, it
    # is too far to stand in for the MSI band.
    spacing = float(np.median(np.diff(np.sort(wavelengths)))) if len(wavelengths) > 1 else 0.0
    values, beyond = np.zeros((len(wavelengths), len(bands))), []
    for column, (name, edges) in zip(values.T, bands.items(), strict=True):
        low, high = _check_edges(edges, f"{key}.{name}")
        distance = np.abs(wavelengths - (low + high) / 2)
        if distance.min() > max(spacing, (high - low) / 2):
            beyond.append(
                f"{key}.{name}: edges {low:g}–{high:g} nm cover none of the cube's {len(wavelengths)} bands, "
                f"{wavelengths.min():g}–{wavelengths.max():g} nm"
            )
            continue
        column[:] = np.exp2(-((2 * distance / (high - low)) ** _EDGE_ORDER))
        column[column < _CUTOFF] = 0.0
        if not column.any():
            column[distance.argmin()] = 1.0
    if beyond and not (some_beyond and len(beyond) < len(bands)):
        raise InputError(beyond[0])
    return SRF(values, tuple(bands), wavelengths, partial=some_beyond)


def check_wavelengths(wavelengths: NDArray[np.float64]) -> NDArray[np.float64]:
    """Check the centres of hyperspectral bands [nm] and return them.

    Any order is accepted: the spectrometers of one instrument overlap (Hyperion, EnMAP), and some cubes are in
    descending order.

    Raises:
        InputError: If they are not finite, not all different, or too small to be in nm.
    """
    if not np.isfinite(wavelengths).all() or len(np.unique(wavelengths)) < len(wavelengths):
        raise InputError("expected wavelengths that are finite and all different")
    if wavelengths.min() < _SHORTEST:
        raise InputError(f"expected wavelengths in nm, got {wavelengths.min():g}: is that µm?")
    return wavelengths


def _check_edges(edges: ArrayLike, what: str) -> tuple[float, float]:
    try:
        low, high = np.asarray(edges, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{what}: expected a lower and an upper edge [nm], got {edges!r}") from None
    if not 0 < low < high < np.inf:
        raise InputError(f"{what}: expected a lower and an upper edge [nm], increasing, got {low:g} and {high:g}")
    return float(low), float(high)


def _size(values: NDArray[np.float64]) -> str:
    return "×".join(map(str, values.shape)) or "a single number"
