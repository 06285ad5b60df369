"""What is assumed of a spectral response where the data say nothing, and how much: empirical Bayes.

It is a parametric shape plus a deviation of which only the size and the smoothness is assumed. That size is the one
that makes the data most probable (type-II maximum likelihood, MacKay 1992), so exact data set the shape aside.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from udaln.estimation.normal_equations import Array
from udaln.estimation.quadratic import Mask

INSIDE = 2 / 3  # half-height width of a response, of the width of its support: the support ends where it is nil
NEARBY = np.array([[0, 0], [0.25, 0], [0, 0.15]])  # bands, log of bands: the first simplex about a place and a width
SIZES = np.geomspace(1e-3, 1e2, 21)  # of a deviation, against the shape's own height
SMOOTH = (0.0, 0.1, 0.2, 0.35, 0.5)  # correlation length of a deviation, against the width of the shape
BEYOND = 1e-3  # spread of a deviation outside of where the data place a response, against inside
PSEUDO = 1.0  # counts of hypotheses as if seen before
ROUGH = 1e-6  # variance of a deviation's rough part, against its smooth part


@dataclass(frozen=True)
class Shape:
    """The parametric part of one response.

    Attributes:
        mean: C, sums to 1, zero outside the support.
        spread: Standard deviation of a deviation of size 1, C, zero outside the support.
        width: Bands that it covers, for the scale of smoothness.
        odds: Log of its probability before the data are seen: the share, of all shapes tried, of those as good.
    """

    mean: Array
    spread: Array
    width: float
    odds: float = 0.0


def plateau(bands: int, centre: float | Array, half_width: float | Array) -> Array:
    """A smooth-edged box, exp(−ln 2·|x|⁴), half as high at ± the half width; (…, C)."""
    away = np.abs(np.arange(bands) - np.asarray(centre)[..., None]) / np.asarray(half_width)[..., None]
    return np.asarray(np.exp2(-(np.minimum(away, 5.0) ** 4)))


def shape_of_support(support: Mask) -> Shape:
    """The shape that a support alone suggests: a plateau that is nil where the support ends."""
    index = np.flatnonzero(support)
    width = float(index[-1] - index[0] + 1)
    mean = plateau(len(support), (index[0] + index[-1]) / 2, INSIDE * (width + 1) / 2) * support
    mean = mean / mean.sum()
    return Shape(mean, mean.max() * support, width)


def shape_of_data(gram: Array, cross: Array, support: Mask, *, free_gain: bool = False) -> Shape:
    """The plateau, of all places and widths, that fits the data best: where to look with no band table.

    Args:
        gram: YᵀY of one MSI band, C×C.
        cross: Yᵀ Z p, C.
        support: C.
        free_gain: Whether the response is a plateau times any number.
    """

    def loss(mean: Array) -> Array:
        """Of plateaus, (…, C); half of it is minus a log likelihood."""
        square, product = ((mean @ gram) * mean).sum(-1), mean @ cross
        if free_gain:
            return np.asarray(-(np.maximum(product, 0) ** 2) / np.maximum(square, np.finfo(float).tiny))
        return np.asarray(square - 2 * product)

    bands = len(support)
    half_widths = np.geomspace(0.5, bands / 2, 3 * max(int(np.log2(bands)), 1) + 1)
    centres = [np.arange(0, bands - 0.75, max(w / 4, 0.5)) for w in half_widths]
    half_width = np.repeat(half_widths, [len(c) for c in centres])
    centre = np.concatenate(centres)
    candidates = plateau(bands, centre, half_width) * support
    total = candidates.sum(1)
    within = total > 0.5  # the others miss the support
    candidates, centre, half_width = candidates[within] / total[within, None], centre[within], half_width[within]
    losses = loss(candidates)
    best = int(losses.argmin())
    odds = float(np.log(np.exp(-0.5 * (losses - losses[best])).mean()))

    def at(x: Array) -> Array:
        mean = plateau(bands, float(np.clip(x[0], 0, bands - 1)), float(np.exp(np.clip(x[1], -1, np.log(bands)))))
        mean = mean * support
        return np.asarray(mean / max(mean.sum(), np.finfo(float).tiny))

    start = np.array([centre[best], np.log(half_width[best])])
    fit = minimize(
        lambda x: float(loss(at(x))),
        start,
        method="Nelder-Mead",
        options={"maxfev": 100, "initial_simplex": start + NEARBY},
    )
    mean, half = at(fit.x), float(np.exp(fit.x[1]))
    reach = np.maximum(plateau(bands, float(fit.x[0]), half / INSIDE + 1), BEYOND)
    return Shape(mean, mean.max() * support * reach, 2 * half / INSIDE, odds)


def covariance(shape: Shape, smooth: float) -> Array:
    """Of a deviation of size 1: a Gaussian process over the bands, C×C."""
    band = np.arange(len(shape.mean))
    correlation = np.exp(-0.5 * ((band[:, None] - band) / max(smooth * shape.width, 1e-3)) ** 2)
    out: Array = shape.spread[:, None] * (correlation + ROUGH * np.eye(len(band))) * shape.spread
    return out


def evidence(shape: Shape, smooth: float, gram: Array, cross: Array, *, free_gain: bool = False) -> Array:
    """Log of the probability of the data for each of ``SIZES``, up to a constant that no prior changes.

    Args:
        shape: The shape.
        smooth: Its smoothness.
        gram: YᵀY / σ² of one MSI band, C×C.
        cross: YᵀZp / σ², C.
        free_gain: Whether the response is this times any number; of all of them the most probable then counts.
    """
    if free_gain:
        along = gram @ shape.mean
        square = max(float(shape.mean @ along), np.finfo(float).tiny)
        gram, cross = gram - np.outer(along, along) / square, cross - along * float(shape.mean @ cross) / square
    free = np.ix_(shape.spread > 0, shape.spread > 0)
    scale = shape.spread[shape.spread > 0]
    half = scale[:, None] * np.linalg.cholesky(covariance(shape, smooth)[free] / np.outer(scale, scale))
    total = half.sum(0) / max(float(np.linalg.norm(half.sum(0))), np.finfo(float).tiny)
    half = half - np.outer(half @ total, total)  # the deviation sums to 0
    gain, mode = np.linalg.eigh(half.T @ gram[free] @ half)
    pull = (half @ mode).T @ (cross - gram @ shape.mean)[shape.spread > 0]  # the latter is 0 where the gain is free
    seen = gain > max(gain[-1] * 1e-14, np.finfo(float).tiny)
    gain, pull = gain[seen], pull[seen]
    more = 1 + SIZES[:, None] ** 2 * gain
    return np.asarray(shape.odds - 0.5 * (pull**2 / (gain * more) + np.log(more)).sum(1))


def precision(shape: Shape, smooth: float, size: float, *, free_gain: bool = False) -> Array:
    """Inverse covariance on the bands that may deviate, C×C, zero elsewhere; with a free gain, none along the shape."""
    index = np.flatnonzero(shape.spread > 0)
    out = np.zeros((len(shape.mean), len(shape.mean)))
    inner = covariance(shape, smooth)[np.ix_(index, index)] * size**2
    scale = np.sqrt(inner.diagonal())
    inverse = np.linalg.inv(inner / np.outer(scale, scale)) / np.outer(scale, scale)
    out[np.ix_(index, index)] = (inverse + inverse.T) / 2
    if free_gain:
        along = out @ shape.mean
        out -= np.outer(along, along) / (shape.mean @ along)
    return out


def pooled_choice(likely: Array) -> Array:
    """The most probable hypothesis of each band, where bands of one sensor are expected to be alike.

    How often each hypothesis holds is itself learned from all bands (a mixture's weights by EM, one pseudo-count).

    Args:
        likely: Log evidence, band × any axes of hypotheses.

    Returns:
        Their indices, band × number of those axes.
    """
    flat = likely.reshape(len(likely), -1)
    share = np.full(flat.shape[1], 1 / flat.shape[1])
    for _ in range(50):
        log = flat + np.log(share)
        each = np.exp(log - log.max(1, keepdims=True))
        each /= each.sum(1, keepdims=True)
        share = (each.sum(0) + PSEUDO / len(share)) / (len(each) + PSEUDO)
    return np.stack(np.unravel_index((flat + np.log(share)).argmax(1), likely.shape[1:]), 1)
