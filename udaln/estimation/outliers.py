"""Weights that keep outliers among the LR pixels out of the estimate of the degradation."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from scipy.stats import chi2
from torch import Tensor

from udaln.estimation.arrays import Array
from udaln.estimation.reduced_equations import ReducedEquations

FALSE_ALARM_RATE = 0.01  # probability that a pair without outliers is reweighted
BLOCK_SIZE = 1 << 13  # LR pixels at a time, to bound memory
RELATIVE_ROUNDING = 1e-11  # rounding error of an image relative to its values; larger for float32


def squared_residuals(
    lr: Tensor, windows: Tensor, equations: ReducedEquations, psf: Array, srf: Array
) -> Iterator[Tensor]:
    """Squared residuals of the LR pixels, n×c, for ``BLOCK_SIZE`` LR pixels at a time.

    Args:
        lr: LR-HSI pixels, N×C.
        windows: HR-MSI pixels in the window of each LR pixel, (N, K, c).
        equations: The reduced equations, which determine the offset of each MSI band.
        psf: PSF, K.
        srf: Spectral responses times gains, C×c.
    """
    p, s, offset = torch.from_numpy(psf), torch.from_numpy(srf), torch.from_numpy(equations.offset(psf, srf))
    for start in range(0, len(lr), BLOCK_SIZE):
        part = slice(start, start + BLOCK_SIZE)
        residual = torch.einsum("nkj,k->nj", windows[part].cpu().double(), p) - lr[part].cpu().double() @ s - offset
        yield residual**2


def outlier_weights(
    lr: Tensor, windows: Tensor, equations: ReducedEquations, psf: Array, srf: Array, *, absolute: bool = False
) -> Tensor:
    """Weight of each LR pixel in the least squares, given the current estimate.

    An LR pixel is an outlier if its squared residual, averaged over bands in units of their medians, exceeds what
    chance allows.

    Args:
        lr: LR-HSI pixels, N×C.
        windows: HR-MSI pixels in the window of each LR pixel, (N, K, c).
        equations: The reduced equations.
        psf: PSF, K.
        srf: Spectral responses times gains, C×c.
        absolute: If there are outliers, weight each LR pixel by 1/|residual|, up to 1. This amounts to least absolute
            deviations, on which outliers have little influence.

    Returns:
        N float64: 1, or 0 for outliers, unless ``absolute``.
    """
    squares = torch.cat(list(squared_residuals(lr, windows, equations, psf, srf)))
    rounding = max(RELATIVE_ROUNDING, 10 * torch.finfo(lr.dtype).eps)
    power = float(torch.linalg.vector_norm(lr, dtype=torch.float64)) ** 2 / lr.numel() * rounding**2
    squares = (squares / (squares.median(0).values + power)).mean(1)
    outliers = outlying(squares, srf.shape[1])
    if not outliers.any():
        return torch.ones_like(squares)
    return (squares.median() / squares).sqrt().clamp(max=1.0) if absolute else (~outliers).double()


def outlying(squares: Tensor, bands: int) -> Tensor:
    """Which squared residuals, N, means over bands in units of the bands' spread, exceed what chance allows, N bool."""
    degrees = _degrees_of_freedom(squares.numpy(), bands)
    limit = squares.median() * float(chi2.isf(FALSE_ALARM_RATE / len(squares), degrees) / chi2.ppf(0.5, degrees))
    return squares > torch.maximum(limit, torch.ones_like(limit))  # rounding errors are no outliers


def _degrees_of_freedom(squares: Array, msi_bands: int) -> float:
    """Degrees of freedom of the χ² distribution whose quartiles have the same ratio as those of the squares.

    They differ from the number of bands because noise is correlated between bands and varies between pixels.
    """
    low, high = np.quantile(squares, [0.25, 0.75])
    candidates = np.linspace(1, msi_bands, 8 * msi_bands)
    ratio = chi2.ppf(0.75, candidates) / chi2.ppf(0.25, candidates)
    return float(candidates[np.abs(ratio - high / max(low, np.finfo(float).tiny)).argmin()])
