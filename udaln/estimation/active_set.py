"""Active-set minimisation of the objective of stage 1 over PSF and responses ≥ 0.

The PSF sums to 1; it may be allowed to have negative weights. Each response sums to 1, too, unless the gains of the MSI
bands are unknown: the sum of a response is then free and is the gain of its band.
"""

from __future__ import annotations

import numpy as np

from udaln.estimation.arrays import Array, Mask
from udaln.estimation.newton import InnerProducts, NewtonSystem
from udaln.estimation.quadratic import Quadratic

MAX_EXCHANGES = 60  # of the active set; about ten are usual
REFINEMENTS = 3  # Newton steps for one active set: the first is exact up to rounding
PATIENCE = 3  # exchanges without fewer violations after which no fixed parameter is freed again
ROUNDING = 1e-12


def minimise(
    problem: Quadratic,
    psf: Array,
    srf: Array,
    support: Mask,
    *,
    estimate_psf: bool = True,
    estimate_srf: bool = True,
    free_sums: bool = False,
    signed: bool = False,
) -> tuple[Array, Array]:
    """Minimise the objective by block principal pivoting (Portugal, Júdice and Vicente, 1994).

    Args:
        problem: The objective, convex.
        psf: Initial PSF that sums to 1, K; kept unless ``estimate_psf``.
        srf: Initial responses, C×c, zero outside the support, columns sum to 1; kept unless ``estimate_srf``.
        support: Where S may be nonzero, C×c.
        estimate_psf: Whether p is unknown.
        estimate_srf: Whether S is unknown.
        free_sums: Whether the sum of each response is free.
        signed: Whether p may be negative.

    Returns:
        p and S at the minimum. If the exchanges cycle (a strong prior over many bands), the best feasible iterate.
    """
    free_psf, free_srf = (
        ((psf > 0) | signed) & estimate_psf,
        support & (srf > 0) & estimate_srf,
    )  # all, if the start is even
    products = InnerProducts.of(problem)
    scale = max(float(problem.weight.max() * products.y.diagonal().max()), np.finfo(float).tiny)
    best, lowest = (psf, srf), np.inf
    system: NewtonSystem | None = None
    patience, fewest = PATIENCE, np.inf
    for _ in range(MAX_EXCHANGES):
        p, s = _on_simplex(np.where(free_psf, psf, 0.0) if estimate_psf else psf), srf
        if estimate_srf:
            s = np.where(free_srf, srf, 0.0)
            s = s if free_sums else _columns_on_simplex(s, free_srf)
        system = NewtonSystem(problem, products, free_psf, free_srf, free_sums, system)
        for _ in range(REFINEMENTS):
            psf_step, srf_step = system.step(*problem.gradient(p, s))
            p, s = p + psf_step, s + srf_step
        by_psf, by_srf = problem.gradient(p, s)
        negative_psf, negative_srf = free_psf & (p < -ROUNDING) & (not signed), free_srf & (s < -ROUNDING)
        multiplier = 0.0 if free_sums else _sum_multiplier(by_srf, free_srf)
        descent_psf = estimate_psf & ~free_psf & (by_psf - _sum_multiplier(by_psf, free_psf) < -ROUNDING * scale)
        descent_srf = support & ~free_srf & (by_srf - multiplier < -ROUNDING * scale) & estimate_srf
        positive = np.maximum(s, 0) if free_sums else _clipped(s)
        feasible_psf = p if signed or not estimate_psf else _on_simplex(np.maximum(p, 0))
        feasible = feasible_psf, positive if estimate_srf else s
        if (value := problem.value(*feasible)) < lowest:
            lowest, best = value, feasible
        violations = sum(int(mask.sum()) for mask in (negative_psf, negative_srf, descent_psf, descent_srf))
        if violations == 0:
            return feasible
        if violations < fewest:
            patience, fewest = PATIENCE, violations
        elif patience:
            patience -= 1
        else:  # safe but slow: free no parameter again that has been fixed at 0
            descent_psf, descent_srf = np.zeros_like(descent_psf), np.zeros_like(descent_srf)
            if not (negative_psf.any() or negative_srf.any()):
                break
        free_psf, free_srf = (free_psf & ~negative_psf) | descent_psf, (free_srf & ~negative_srf) | descent_srf
    return best


def _on_simplex(p: Array) -> Array:
    """Weights scaled to sum 1; equal weights if all are 0."""
    total = p.sum()
    return np.asarray(p / total if total > ROUNDING else np.full_like(p, 1 / p.size))


def _columns_on_simplex(s: Array, free: Mask) -> Array:
    """Columns scaled to sum 1; equal weights of the free parameters in a column of zeros."""
    total = s.sum(0)
    even = free / np.maximum(free.sum(0), 1)
    return np.where(total > ROUNDING, s / np.where(total > ROUNDING, total, 1.0), even)


def _clipped(s: Array) -> Array:
    """Columns without their negative weights, scaled to sum 1."""
    positive = np.maximum(s, 0)
    return np.asarray(positive / positive.sum(0))


def _sum_multiplier(gradient: Array, free: Mask) -> Array:
    """Lagrange multiplier of the sum: the gradient of the free parameters, which is equal for all at a minimum."""
    return np.asarray((gradient * free).sum(0) / np.maximum(free.sum(0), 1))
