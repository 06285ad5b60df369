"""Closed-form stage 1: the PSF and the SRF for which SpeDnet(Y) = SpaDnet(Z).

The equation is linear in both together, so with weights ≥ 0 that sum to 1 it is one convex problem. Noise makes it
harder: the noise of Y multiplies unknowns (errors in variables, where plain least squares shrinks the estimate), and
it hides all but a few spectral directions. So the noise is estimated from the pair and removed from the equations.
What they then leave undetermined is filled by a prior whose strength is estimated from the data.

Two sensors may also differ by a gain and an offset of each MSI band. The gain is the sum of a response, which is then
free. The offset drops out of centred equations. With both, the problem remains convex.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from udaln.errors import InputError
from udaln.estimation.arrays import Array, Mask
from udaln.estimation.outliers import BLOCK_SIZE, outlier_weights, squared_residuals
from udaln.estimation.problem import (
    band_noise_variance,
    least_squares_problem,
    with_noise_correction,
    with_psf_prior,
    with_srf_prior,
)
from udaln.estimation.quadratic import Quadratic
from udaln.estimation.reduced_equations import ReducedEquations
from udaln.estimation.unknowns import Unknowns

OUTLIER_PASSES = 3  # detections of outliers after the noise is known
REWEIGHTINGS = 12  # of plain least squares: half of them by absolute residuals, half of them with weights 0 and 1
CONVERGED = 1e-2  # largest change of a response, relative to its maximum
NEGLIGIBLE = 1e-3  # share of an MSI band's power, or of the largest gain, that is no evidence of a gain
PRIOR_ITERATIONS = 3  # of noise level → prior → solution; changes become small after two or three


@dataclass(frozen=True)
class DegradationEstimate:
    """The degradation from the high-resolution hyperspectral image to the two images of a pair.

    Attributes:
        psf: PSF, k×k float64, ≥ 0, sums to 1.
        srf: Spectral responses, C×c float64, ≥ 0, columns sum to 1, zero outside the support.
        gain: Gain of each MSI band relative to the LR-HSI, c; 1 where it is not estimated.
        offset: Offset of each MSI band after the gain, in units of the HR-MSI, c; 0 where it is not estimated.
        residual_std: Standard deviation of Y s_j − Z_j p without outliers, in units of the HR-MSI, c.
        outlier_weights: Weight of each LR pixel in the estimate, N: 0 for outliers, 1 for the others.
        held_out_errors: Error of each LR pixel by the estimate that the others give, in units of the HR-MSI, N×c.
    """

    psf: Tensor
    srf: Tensor
    gain: Tensor
    offset: Tensor
    residual_std: Tensor
    outlier_weights: Tensor
    held_out_errors: Tensor


def estimate_degradation(
    lr: Tensor,
    windows: Tensor,
    support: Tensor,
    *,
    psf: Tensor | None = None,
    srf: Tensor | None = None,
    gain: bool = False,
    offset: bool = False,
    gaussian: bool = False,
    signed: bool = False,
    tentative: bool = False,
) -> DegradationEstimate:
    """Estimate the PSF and the SRF of a pair. For noise-free float64 images they are exact up to rounding.

    Everything is calculated in float64 on the CPU, block by block; the only arrays of length N beyond the arguments
    hold residuals (N×c) and weights (N).

    Args:
        lr: LR-HSI pixels, N×C, any dtype.
        windows: The K = k² HR-MSI pixels in the PSF window of each LR pixel, (N, K, c), in the same units up to gains.
        support: C×c bool, the hyperspectral bands that each MSI band may cover; all True if nothing is known.
        psf: Known PSF, k×k, which is kept.
        srf: Known SRF, C×c, which is kept.
        gain: Estimate a gain of each MSI band; all are 1 if one band does not increase with the bands that it covers.
        offset: Estimate an offset of each MSI band.
        gaussian: Restrict the PSF to a Gaussian; otherwise it deviates from one as far as the data require.
        signed: Allow negative weights of the PSF.
        tentative: Iterate less, to compare forms of the degradation.

    Returns:
        The estimate.

    Raises:
        InputError: If the sizes do not match.
    """
    _check_shapes(lr, windows, support, psf, srf)
    pixels = windows.shape[1]
    initial_psf = np.full(pixels, 1 / pixels) if psf is None else psf.detach().cpu().double().flatten().numpy()
    initial_psf = initial_psf / initial_psf.sum()
    mask, known_srf = support.cpu().numpy().astype(bool), None
    if srf is not None:
        known_srf = srf.detach().cpu().double().numpy()
        known_srf = known_srf / known_srf.sum(0)
        mask = known_srf > 0
    initial_srf = mask / mask.sum(0) if known_srf is None else known_srf
    unknowns = Unknowns(mask, known_srf, psf is None, gain, offset, gaussian, signed)
    estimated = _estimate(lr, windows, unknowns, initial_psf, initial_srf, tentative)
    if estimated is None:
        estimated = _estimate(lr, windows, replace(unknowns, gain=False), initial_psf, initial_srf, tentative)
    assert estimated is not None
    return estimated


def _estimate(
    lr: Tensor, windows: Tensor, unknowns: Unknowns, psf: Array, srf: Array, tentative: bool
) -> DegradationEstimate | None:
    """The estimate from an initial PSF and SRF; None if the gains are unknown and the pair does not determine them."""
    weights, psf, srf = _robust_least_squares(lr, windows, unknowns, psf, srf)
    if unknowns.gain and not _has_gain(unknowns.reduce(lr, windows, weights), psf, srf).all():
        return None
    iterations = PRIOR_ITERATIONS - (tentative and len(lr) > lr.shape[1])  # fewer equations than unknowns take longer
    for _ in range(1 if tentative else OUTLIER_PASSES):
        equations = unknowns.reduce(lr, windows, weights)
        problem, psf, srf = _solve_with_priors(equations, unknowns, psf, srf, iterations)
        used, weights = weights, outlier_weights(lr, windows, equations, psf, srf)
        if torch.equal(used, weights):
            break
    gains = srf.sum(0)
    if unknowns.gain and gains.min() < NEGLIGIBLE * gains.max():  # the images have nothing in common
        return None
    squares = squared_residuals(lr, windows, equations, psf, srf)
    blocks = zip(squares, torch.split(weights, BLOCK_SIZE), strict=True)
    variance = sum((square.T @ weight for square, weight in blocks)) / weights.sum()
    errors = unknowns.held_out_errors(problem, lr, windows, used, equations, psf, srf)
    side = round(len(psf) ** 0.5)
    return DegradationEstimate(
        psf=torch.from_numpy(psf).view(side, side),
        srf=torch.from_numpy(srf / gains if unknowns.known_srf is None else unknowns.known_srf),
        gain=torch.from_numpy(gains if unknowns.gain else np.ones_like(gains)),
        offset=torch.from_numpy(equations.offset(psf, srf)),
        residual_std=variance.sqrt(),
        outlier_weights=weights,
        held_out_errors=torch.from_numpy(errors),
    )


def _has_gain(equations: ReducedEquations, psf: Array, srf: Array) -> Mask:
    """Whether each MSI band, c, increases with the hyperspectral bands that it covers."""
    explained, power = ((equations.y @ srf) ** 2).sum(0), ((equations.z @ psf) ** 2).sum(1)
    return np.asarray((srf.sum(0) > 0) & (explained > NEGLIGIBLE * power))


def _robust_least_squares(
    lr: Tensor, windows: Tensor, unknowns: Unknowns, psf: Array, srf: Array
) -> tuple[Tensor, Array, Array]:
    """Least squares without priors, reweighted until the outliers no longer change: weights, PSF and SRF."""
    weights = torch.ones(len(lr), dtype=torch.float64)
    if unknowns.estimate_srf and len(lr) <= lr.shape[1]:  # they fit any LR pixels exactly
        return weights, psf, srf
    initial = psf, srf
    for iteration in range(REWEIGHTINGS + 1):
        equations = unknowns.reduce(lr, windows, weights)
        psf, srf = unknowns.solve(least_squares_problem(equations, unknowns), *initial)
        absolute = iteration < REWEIGHTINGS // 2
        previous, weights = weights, outlier_weights(lr, windows, equations, psf, srf, absolute=absolute)
        if torch.equal(previous, weights):
            break
    return weights, psf, srf


def _solve_with_priors(
    equations: ReducedEquations, unknowns: Unknowns, psf: Array, srf: Array, iterations: int
) -> tuple[Quadratic, Array, Array]:
    """Noise level, prior and solution in turn until the SRF converges: the last problem, PSF and SRF."""
    problem, noise = least_squares_problem(equations, unknowns), band_noise_variance(equations)
    for iteration in range(iterations):
        problem = with_noise_correction(problem, equations, psf, srf, noise, first=iteration == 0)
        start = psf, srf
        if unknowns.known_srf is None:
            problem, response = with_srf_prior(problem, psf, srf, unknowns)
            start = psf, response
        if unknowns.estimate_psf:
            problem, start = with_psf_prior(problem, *start, unknowns)
        previous = srf
        psf, srf = unknowns.solve(problem, *start)
        if not (srf.sum(0) > 0).all():  # with too few LR pixels the prior can set a whole response to 0
            return problem, psf, previous
        if np.abs(srf - previous).max() <= CONVERGED * srf.max():
            break
    return problem, psf, srf


def _check_shapes(lr: Tensor, windows: Tensor, support: Tensor, psf: Tensor | None, srf: Tensor | None) -> None:
    pixels, msi_bands = windows.shape[1:]
    side = round(pixels**0.5)
    shapes = {
        "windows": (tuple(windows.shape), (len(lr), side**2, msi_bands)),
        "support": (tuple(support.shape), (lr.shape[1], msi_bands)),
        "PSF": ((side, side) if psf is None else tuple(psf.shape), (side, side)),
        "SRF": (tuple(support.shape) if srf is None else tuple(srf.shape), tuple(support.shape)),
    }
    for name, (shape, expected) in shapes.items():
        if shape != expected:
            raise InputError(f"{name}: expected shape {'×'.join(map(str, expected))}, got {'×'.join(map(str, shape))}")
    if not support.any(0).all():
        raise InputError("support: expected each MSI band to cover a hyperspectral band, got an empty column")
