"""The quadratic programme of stage 1: least squares, the correction for noise, and the priors on PSF and SRF."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from udaln.estimation.arrays import Array
from udaln.estimation.outliers import RELATIVE_ROUNDING
from udaln.estimation.psf_prior import deviation_variance, nearest_gaussian
from udaln.estimation.quadratic import Quadratic
from udaln.estimation.reduced_equations import ReducedEquations
from udaln.estimation.srf_prior import (
    CORRELATION_LENGTHS,
    DEVIATION_SIZES,
    choose_hypotheses,
    log_evidence,
    precision_matrix,
    shape_from_data,
    shape_from_support,
)
from udaln.estimation.unknowns import Unknowns

GAUSSIAN_TOLERANCE = 1e-4  # of the PSF's maximum: standard deviation allowed of a Gaussian PSF


def least_squares_problem(equations: ReducedEquations, unknowns: Unknowns) -> Quadratic:
    """Least squares without priors.

    If gains are unknown, each band is weighted by its inverse power, so that its unit does not matter.
    """
    (bands, msi_bands), pixels = unknowns.support.shape, equations.z.shape[2]
    power = (equations.z**2).mean((1, 2)) if unknowns.gain else np.ones(msi_bands)
    return Quadratic(
        equations,
        weight=power.mean() / np.maximum(power, np.finfo(float).tiny),
        srf_mean=np.zeros((bands, msi_bands)),
        srf_precision=np.zeros((msi_bands, bands, bands)),
        psf_mean=np.full(pixels, 1 / pixels),
        psf_precision=np.zeros((pixels, pixels)),
    )


def band_noise_variance(equations: ReducedEquations) -> Array:
    """Noise variance of each band of Y, C: the residual of its regression on the other bands.

    Source: Bioucas-Dias and Nascimento (HySime), IEEE TGRS 46(8), 2008.
    """
    gram = equations.y.T @ equations.y
    bands, samples = len(gram), equations.total_weight
    regressors = min(bands - 1, int(samples // 2))
    y = _triangular_factor(equations.y) if len(equations.y) > bands else equations.y
    out = np.empty(bands)
    for b in range(bands):
        first = min(max(b - regressors // 2, 0), bands - 1 - regressors)
        neighbours = np.setdiff1d(np.arange(first, first + regressors + 1), [b])
        residual_norm = _triangular_factor(y[:, [*neighbours, b]])[-1, -1]
        out[b] = residual_norm**2 / max(samples - regressors, 1)
    return np.maximum(out, gram.diagonal() / samples * 1e-16 + np.finfo(float).tiny)


def _triangular_factor(matrix: Array) -> Array:
    """R of the QR factorisation."""
    return np.asarray(np.linalg.qr(matrix, mode="r"))


def with_noise_correction(
    problem: Quadratic, equations: ReducedEquations, psf: Array, srf: Array, noise: Array, *, first: bool
) -> Quadratic:
    """Replace Y by the best linear estimate of Y without noise, and weight bands by the inverse residual variance.

    Regressing on this estimate is unbiased (regression calibration: Carroll et al., Measurement Error in Nonlinear
    Models, 2006). A reference image's own noise is in both simulated images and must not be removed. So the noise
    estimate is scaled down to the level that the residuals of the equations allow.

    Args:
        problem: The problem.
        equations: The equations with the noisy Y.
        psf: Current PSF, K.
        srf: Current responses times gains, C×c.
        noise: Noise variance of each band of Y, C.
        first: Whether the current estimate is that of least squares alone, which fits part of the noise.
    """
    gram = equations.y.T @ equations.y
    parameters = (srf > 0).sum(0) + len(psf) / srf.shape[1] if first else 0
    degrees = np.maximum(equations.total_weight - parameters, 1)
    power = np.einsum("aj,ab,bj->j", srf, gram, srf) / equations.total_weight
    least_variance = np.maximum(power * RELATIVE_ROUNDING**2, np.finfo(float).tiny)
    variance = (equations.residuals(psf, srf) ** 2).sum(1) / degrees
    share = min(1.0, float(np.median(variance / (noise @ srf**2))))
    std = np.sqrt(noise)
    eigenvalues, eigenvectors = np.linalg.eigh(gram / np.outer(std, std))
    level = equations.total_weight * share
    noise_share = level / np.maximum(eigenvalues, max(level, np.finfo(float).tiny))
    calibration = np.eye(len(noise)) - (eigenvectors * noise_share) @ eigenvectors.T * std / std[:, None]
    corrected = replace(equations, y=equations.y @ calibration)
    variance = np.maximum((corrected.residuals(psf, srf) ** 2).sum(1) / degrees, least_variance)
    return replace(problem, equations=corrected, weight=1 / variance, calibration=calibration)


def with_srf_prior(problem: Quadratic, psf: Array, srf: Array, unknowns: Unknowns) -> tuple[Quadratic, Array]:
    """Add, for each MSI band, the prior on its response under which the data are most probable.

    The hypotheses compared are the shape, and the correlation length and size of the deviation from it. Also return the
    responses times gains, C×c, that a solution is best begun with: the shapes, where the prior is strong.

    Args:
        problem: The problem.
        psf: Current PSF, K.
        srf: Current responses times gains, C×c.
        unknowns: What is estimated.
    """
    equations, free_gain = problem.equations, unknowns.gain
    gram = equations.y.T @ equations.y
    gains = srf.sum(0) if free_gain else np.ones(srf.shape[1])  # the prior describes responses without their gains
    grams = [w * g**2 * gram for w, g in zip(problem.weight, gains, strict=True)]
    products = [w * g * (equations.y.T @ (z @ psf)) for w, g, z in zip(problem.weight, gains, equations.z, strict=True)]
    shapes = [
        (shape_from_support(column), shape_from_data(gram, product, column, free_gain=free_gain))
        for gram, product, column in zip(grams, products, unknowns.support.T, strict=True)
    ]
    evidence = np.array(
        [
            [
                [log_evidence(shape, length, gram, product, free_gain=free_gain) for length in CORRELATION_LENGTHS]
                for shape in pair
            ]
            for pair, gram, product in zip(shapes, grams, products, strict=True)
        ]
    )  # band, shape, correlation length, size
    chosen = [
        (pair[kind], CORRELATION_LENGTHS[length], float(DEVIATION_SIZES[size]))
        for pair, (kind, length, size) in zip(shapes, choose_hypotheses(evidence), strict=True)
    ]
    modes = np.stack([shape.mean for shape, _, _ in chosen], 1)
    precisions = [
        precision_matrix(*choice, gram, free_gain=free_gain) / g**2
        for choice, gram, g in zip(chosen, grams, gains, strict=True)
    ]
    prior = replace(problem, srf_mean=modes * (not free_gain), srf_precision=np.stack(precisions))
    fits = [
        product @ shape / max(shape @ gram @ shape, np.finfo(float).tiny)
        for shape, gram, product in zip(modes.T, grams, products, strict=True)
    ]
    from_shapes = modes * gains * (np.maximum(fits, 0) if free_gain else 1.0)
    return prior, np.where(prior.values(psf, from_shapes) < prior.values(psf, srf), from_shapes, srf)


def with_psf_prior(
    problem: Quadratic, psf: Array, srf: Array, unknowns: Unknowns
) -> tuple[Quadratic, tuple[Array, Array]]:
    """Add the prior on the PSF: a Gaussian plus a deviation of the variance under which the data are most probable.

    Also return PSF and responses of the solution without it, with which another is best begun.

    Args:
        problem: The problem.
        psf: Current PSF, K.
        srf: Current responses times gains, C×c.
        unknowns: What is estimated.
    """
    without_prior = replace(problem, psf_precision=np.zeros_like(problem.psf_precision))
    estimate, response = unknowns.solve(without_prior, psf, srf)
    information = unknowns.psf_information(without_prior)
    gaussian = nearest_gaussian(estimate, information)
    variance = deviation_variance(estimate - gaussian, information)
    if unknowns.gaussian:
        variance = min(variance, (GAUSSIAN_TOLERANCE * gaussian.max()) ** 2)
    prior = replace(problem, psf_mean=gaussian, psf_precision=np.eye(len(psf)) / variance)
    return prior, (estimate, response)
