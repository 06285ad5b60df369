"""The prior on a spectral response: a parametric shape plus a smooth deviation (empirical Bayes).

The size of the deviation and its correlation length are those under which the data are most probable (type-II maximum
likelihood, MacKay 1992), so exact data override the shape.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from udaln.estimation.arrays import Array, Mask

WIDTH_RATIO = 2 / 3  # full width at half maximum of a response / width of its support, at whose ends it is 0
SIMPLEX = np.array([[0, 0], [0.25, 0], [0, 0.15]])  # initial steps of centre [bands] and log half-width
DEVIATION_SIZES = np.geomspace(1e-3, 1e2, 21)  # of a deviation, relative to the maximum of the shape
CORRELATION_LENGTHS = (0.0, 0.1, 0.2, 0.35, 0.5)  # of a deviation, relative to the width of the shape
OUTSIDE_STD = 1e-3  # standard deviation of a deviation far from the shape, relative to that inside it
PSEUDO_COUNT = 1.0  # of the hypotheses together
LARGEST_PRECISION = 1e6  # of a prior, relative to that of the data
NUGGET = 1e-6  # variance of the uncorrelated part of a deviation, relative to the correlated part


@dataclass(frozen=True)
class SrfShape:
    """The parametric part of the prior on one response.

    Attributes:
        mean: C, sums to 1, zero outside the support.
        std: Standard deviation of a deviation of size 1, C, zero outside the support.
        width: Number of bands it covers: the unit of the correlation length.
        log_prior: Log of its prior probability: the fraction of all candidate shapes that fit about as well.
    """

    mean: Array
    std: Array
    width: float
    log_prior: float = 0.0


def super_gaussian(bands: int, centre: float | Array, half_width: float | Array) -> Array:
    """Super-Gaussians of order 4, exp(−ln 2·|x|⁴), of given half-widths at half maximum [bands]; (…, C)."""
    distance = np.abs(np.arange(bands) - np.asarray(centre)[..., None]) / np.asarray(half_width)[..., None]
    return np.asarray(np.exp2(-(np.minimum(distance, 5.0) ** 4)))


def shape_from_support(support: Mask) -> SrfShape:
    """The super-Gaussian that falls to 0 at the ends of a support, C."""
    index = np.flatnonzero(support)
    width = float(index[-1] - index[0] + 1)
    mean = super_gaussian(len(support), (index[0] + index[-1]) / 2, WIDTH_RATIO * (width + 1) / 2) * support
    mean = mean / mean.sum()
    return SrfShape(mean, mean.max() * support, width)


def shape_from_data(gram: Array, product: Array, support: Mask, *, free_gain: bool = False) -> SrfShape:
    """The super-Gaussian, of any centre and width, that fits the data best; needed if no band table is known.

    Args:
        gram: YᵀY / σ² of one MSI band, C×C.
        product: YᵀZp / σ², C.
        support: C.
        free_gain: Whether the response may be any multiple of the shape.
    """

    def loss(mean: Array) -> Array:
        """−2 log likelihood of normalised shapes (…, C), up to a constant."""
        square, projection = ((mean @ gram) * mean).sum(-1), mean @ product
        if free_gain:
            return np.asarray(-(np.maximum(projection, 0) ** 2) / np.maximum(square, np.finfo(float).tiny))
        return np.asarray(square - 2 * projection)

    bands = len(support)
    half_width, centre = _candidates(bands)
    candidates = super_gaussian(bands, centre, half_width) * support
    total = candidates.sum(1)
    valid = total > 0.5  # the others do not overlap the support
    candidates, centre, half_width = candidates[valid] / total[valid, None], centre[valid], half_width[valid]
    losses = loss(candidates)
    best = int(losses.argmin())
    log_prior = float(np.log(np.exp(-0.5 * (losses - losses[best])).mean()))

    def normalised(x: Array) -> Array:
        position, width = float(np.clip(x[0], 0, bands - 1)), float(np.exp(np.clip(x[1], -1, np.log(bands))))
        mean = super_gaussian(bands, position, width) * support
        return np.asarray(mean / max(mean.sum(), np.finfo(float).tiny))

    start = np.array([centre[best], np.log(half_width[best])])
    fit = minimize(
        lambda x: float(loss(normalised(x))),
        start,
        method="Nelder-Mead",
        options={"maxfev": 100, "initial_simplex": start + SIMPLEX},
    )
    mean, fitted_half_width = normalised(fit.x), float(np.exp(fit.x[1]))
    envelope = super_gaussian(bands, float(fit.x[0]), fitted_half_width / WIDTH_RATIO + 1)
    std = mean.max() * support * np.maximum(envelope, OUTSIDE_STD)
    return SrfShape(mean, std, 2 * fitted_half_width / WIDTH_RATIO, log_prior)


def _candidates(bands: int) -> tuple[Array, Array]:
    """Half-widths and centres [bands] of a grid of super-Gaussians."""
    half_widths = np.geomspace(0.5, bands / 2, 3 * max(int(np.log2(bands)), 1) + 1)
    centres = [np.arange(0, bands - 0.75, max(w / 4, 0.5)) for w in half_widths]
    return np.repeat(half_widths, [len(c) for c in centres]), np.concatenate(centres)


def covariance_matrix(shape: SrfShape, correlation_length: float) -> Array:
    """Covariance of a deviation of size 1, a Gaussian process over the bands, C×C."""
    band = np.arange(len(shape.mean))
    correlation = np.exp(-0.5 * ((band[:, None] - band) / max(correlation_length * shape.width, 1e-3)) ** 2)
    out: Array = shape.std[:, None] * (correlation + NUGGET * np.eye(len(band))) * shape.std
    return out


def log_evidence(
    shape: SrfShape, correlation_length: float, gram: Array, product: Array, *, free_gain: bool = False
) -> Array:
    """Log marginal likelihood for each of ``DEVIATION_SIZES``, up to a constant common to all priors.

    Args:
        shape: The shape.
        correlation_length: Relative to the width of the shape.
        gram: YᵀY / σ² of one MSI band, C×C.
        product: YᵀZp / σ², C.
        free_gain: Whether the response may be any multiple of this; the most probable multiple is used.
    """
    if free_gain:
        column = gram @ shape.mean
        square = max(float(shape.mean @ column), np.finfo(float).tiny)
        gram = gram - np.outer(column, column) / square
        product = product - column * float(shape.mean @ product) / square
    deviates = shape.std > 0
    block, std = np.ix_(deviates, deviates), shape.std[deviates]
    root = std[:, None] * np.linalg.cholesky(covariance_matrix(shape, correlation_length)[block] / np.outer(std, std))
    total = root.sum(0) / max(float(np.linalg.norm(root.sum(0))), np.finfo(float).tiny)
    root = root - np.outer(root @ total, total)  # the deviation sums to 0
    eigenvalues, eigenvectors = np.linalg.eigh(root.T @ gram[block] @ root)
    # with a free gain gram @ shape.mean is 0
    projection = (root @ eigenvectors).T @ (product - gram @ shape.mean)[deviates]
    informative = eigenvalues > max(eigenvalues[-1] * 1e-14, np.finfo(float).tiny)
    eigenvalues, projection = eigenvalues[informative], projection[informative]
    ratio = 1 + DEVIATION_SIZES[:, None] ** 2 * eigenvalues
    return np.asarray(shape.log_prior - 0.5 * (projection**2 / (eigenvalues * ratio) + np.log(ratio)).sum(1))


def precision_matrix(
    shape: SrfShape, correlation_length: float, size: float, gram: Array, *, free_gain: bool = False
) -> Array:
    """Inverse covariance of a response on the bands where it may deviate from its shape, C×C, zero elsewhere.

    Args:
        shape: The shape.
        correlation_length: Relative to the width of the shape.
        size: Size of the deviation.
        gram: YᵀY / σ² of one MSI band, C×C. A precision far above it changes nothing, but its rounding errors would
            pull the response to 0 along the shape.
        free_gain: Whether the response may be any multiple of the shape: then the precision along the shape is 0.
    """
    index = np.flatnonzero(shape.std > 0)
    out = np.zeros((len(shape.mean), len(shape.mean)))
    covariance = covariance_matrix(shape, correlation_length)[np.ix_(index, index)] * size**2
    covariance += np.eye(len(index)) / (LARGEST_PRECISION * max(np.trace(gram), np.finfo(float).tiny))
    std = np.sqrt(covariance.diagonal())
    inverse = np.linalg.inv(covariance / np.outer(std, std)) / np.outer(std, std)
    out[np.ix_(index, index)] = (inverse + inverse.T) / 2
    if free_gain:
        column = out @ shape.mean
        out -= np.outer(column, column) / (shape.mean @ column)
    return out


def choose_hypotheses(evidence: Array) -> Array:
    """The most probable hypothesis of each band, where the bands of one sensor are expected to be similar.

    The prior probabilities of the hypotheses are themselves estimated from all bands (mixture weights, by EM).

    Args:
        evidence: Log evidence, band × any axes of hypotheses.

    Returns:
        Indices of the chosen hypotheses, band × number of those axes.
    """
    flat = evidence.reshape(len(evidence), -1)
    prior = np.full(flat.shape[1], 1 / flat.shape[1])
    for _ in range(50):
        log_posterior = flat + np.log(prior)
        posterior = np.exp(log_posterior - log_posterior.max(1, keepdims=True))
        posterior /= posterior.sum(1, keepdims=True)
        prior = (posterior.sum(0) + PSEUDO_COUNT / len(prior)) / (len(posterior) + PSEUDO_COUNT)
    return np.stack(np.unravel_index((flat + np.log(prior)).argmax(1), evidence.shape[1:]), 1)
