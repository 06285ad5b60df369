"""The quadratic programme behind stage 1: one PSF on its simplex and c spectral responses, on theirs or just ≥ 0.

Band j of the pair says Y s_j = Z_j p up to noise, so the responses meet only in p: given p they separate, and the
whole Newton system is solved by Schur's complement at the cost of c systems of C unknowns and one of K. A response
whose sum is free carries a gain of its band; an offset of each band drops out where the rows are centred.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from udaln.estimation.normal_equations import Array, Rows

Mask = NDArray[np.bool_]

EXCHANGES = 60  # of the active set; about ten are usual
REFINEMENTS = 3  # Newton steps on one active set: the first is exact but for rounding
ROUNDING = 1e-12
SINGULAR = 1e-14  # curvature, against the largest, that is rounding alone


@dataclass(frozen=True)
class Quadratic:
    """½ Σ_j w_j ‖Y s_j − Z_j p‖² + ½ (s_j − m_j)ᵀ Q_j (s_j − m_j), and the same of p.

    Attributes:
        rows: The equations.
        weight: w_j, the inverse variance of band j's residual, c.
        srf_mean: m, C×c.
        srf_precision: Q, (c, C, C).
        psf_mean: K.
        psf_precision: K×K.
    """

    rows: Rows
    weight: Array
    srf_mean: Array
    srf_precision: Array
    psf_mean: Array
    psf_precision: Array

    def gradient(self, psf: Array, srf: Array) -> tuple[Array, Array]:
        """With respect to p (K) and S (C×c); through the rows, for products of products lose half the digits."""
        residuals = self.rows.residuals(psf, srf) * self.weight[:, None]
        by_psf = -np.einsum("jmk,jm->k", self.rows.z, residuals) + self.psf_precision @ (psf - self.psf_mean)
        by_srf = self.rows.y.T @ residuals.T
        by_srf += np.einsum("jab,bj->aj", self.srf_precision, srf - self.srf_mean)
        return by_psf, by_srf

    def value(self, psf: Array, srf: Array) -> float:
        """The objective."""
        squares = (self.rows.residuals(psf, srf) ** 2).sum(1)
        off, off_p = srf - self.srf_mean, psf - self.psf_mean
        prior = np.einsum("aj,jab,bj", off, self.srf_precision, off) + off_p @ self.psf_precision @ off_p
        return float(0.5 * (self.weight @ squares + prior))


def minimise(
    problem: Quadratic,
    psf: Array,
    srf: Array,
    support: Mask,
    *,
    move_psf: bool = True,
    move_srf: bool = True,
    free_sums: bool = False,
) -> tuple[Array, Array]:
    """The minimum over the weights allowed by block principal pivoting (Portugal, Júdice and Vicente, 1994).

    Args:
        problem: The objective, convex.
        psf: A start that sums to 1, K; kept if not ``move_psf``.
        srf: A start, zero outside the support, columns that sum to 1, C×c; kept if not ``move_srf``.
        support: Where S may differ from 0, C×c.
        move_psf: Whether p is an unknown.
        move_srf: Whether S is.
        free_sums: Whether the columns of S may have any sum, not 1 alone.

    Returns:
        p and S: the minimum or, where exchanges go round in circles (a strong prior over many bands), the best of the
        feasible points met.
    """
    free_p, free_s = (psf > 0) & move_psf, support & (srf > 0) & move_srf  # an even start frees all
    products = _Products.of(problem)
    scale = max(float(problem.weight.max() * products.y.diagonal().max()), np.finfo(float).tiny)
    best, patience, fewest = (psf, srf), 3, np.inf
    lowest = np.inf
    for _ in range(EXCHANGES):
        p, s = _on_simplex(np.where(free_p, psf, 0.0) if move_psf else psf), srf
        if move_srf:
            s = np.where(free_s, srf, 0.0) if free_sums else _columns_on_simplex(np.where(free_s, srf, 0.0), free_s)
        system = _System(problem, products, free_p, free_s, free_sums)
        for _ in range(REFINEMENTS):
            step_p, step_s = system.step(*problem.gradient(p, s))
            p, s = p + step_p, s + step_s
        by_psf, by_srf = problem.gradient(p, s)
        below_p, below_s = free_p & (p < -ROUNDING), free_s & (s < -ROUNDING)
        dual_p = move_psf & ~free_p & (by_psf - _mean(by_psf, free_p) < -ROUNDING * scale)
        multiplier = 0.0 if free_sums else _mean(by_srf, free_s)
        dual_s = support & ~free_s & (by_srf - multiplier < -ROUNDING * scale) & move_srf
        positive = np.maximum(s, 0) if free_sums else _clipped(s)
        feasible = _on_simplex(np.maximum(p, 0)) if move_psf else p, positive if move_srf else s
        if (value := problem.value(*feasible)) < lowest:
            lowest, best = value, feasible
        wrong = int(below_p.sum() + below_s.sum() + dual_p.sum() + dual_s.sum())
        if wrong == 0:
            return feasible
        if wrong < fewest:
            patience, fewest = 3, wrong
        elif patience:
            patience -= 1
        else:  # the safe but slow way: never give back what has been dropped
            dual_p, dual_s = np.zeros_like(dual_p), np.zeros_like(dual_s)
            if not (below_p.any() or below_s.any()):
                break
        free_p, free_s = (free_p & ~below_p) | dual_p, (free_s & ~below_s) | dual_s
    return best


@dataclass(frozen=True)
class _Products:
    """Inner products of the rows, which the curvature is made of.

    Attributes:
        y: YᵀY, C×C.
        z: Σ_j w_j Z_jᵀZ_j, K×K.
        yz: YᵀZ_j of each band, (c, C, K).
    """

    y: Array
    z: Array
    yz: Array

    @classmethod
    def of(cls, problem: Quadratic) -> _Products:
        y, z = problem.rows.y, problem.rows.z
        weighted = np.einsum("j,jmk,jml->kl", problem.weight, z, z, optimize=True)
        return cls(y.T @ y, weighted, np.stack([y.T @ band for band in z]))


class _System:
    """Newton steps on the free unknowns, sums kept but for those of S where they are free."""

    def __init__(self, problem: Quadratic, products: _Products, free_p: Mask, free_s: Mask, free_sums: bool) -> None:
        self.shape = free_s.shape
        self.p = np.flatnonzero(free_p)
        self.s = [np.flatnonzero(column) for column in free_s.T]
        weight = problem.weight
        schur = (problem.psf_precision + products.z)[np.ix_(self.p, self.p)]
        self.inner: list[Array] = []
        self.cross: list[Array] = []
        scale = float(schur.diagonal().max()) if len(self.p) else None
        for j, index in enumerate(self.s):
            own = weight[j] * products.y + problem.srf_precision[j]
            inverse = _sum_keeping_inverse(own[np.ix_(index, index)], free_sum=free_sums)
            cross = -weight[j] * products.yz[j][np.ix_(index, self.p)]
            schur = schur - cross.T @ inverse @ cross
            self.inner.append(inverse)
            self.cross.append(cross)
        self.outer = _sum_keeping_inverse(schur, scale)

    def step(self, by_psf: Array, by_srf: Array) -> tuple[Array, Array]:
        step_p, step_s = np.zeros_like(by_psf), np.zeros(self.shape)
        gradients = [by_srf[index, j] for j, index in enumerate(self.s)]
        reduced = by_psf[self.p]
        for inner, cross, gradient in zip(self.inner, self.cross, gradients, strict=True):
            reduced = reduced - cross.T @ (inner @ gradient)
        move = -self.outer @ reduced
        step_p[self.p] = move
        for j, index in enumerate(self.s):
            step_s[index, j] = -self.inner[j] @ (gradients[j] + self.cross[j] @ move)
        return step_p, step_s


def schur_complement(problem: Quadratic, support: Mask, *, free_sums: bool = False) -> Array:
    """Precision of p with S free on its support, K×K (positivity left aside)."""
    products = _Products.of(problem)
    free_p = np.ones(problem.psf_mean.shape, dtype=bool)
    system = _System(problem, products, free_p, support, free_sums)
    schur = problem.psf_precision + products.z
    for inner, cross in zip(system.inner, system.cross, strict=True):
        schur = schur - cross.T @ inner @ cross
    value, vector = np.linalg.eigh((schur + schur.T) / 2)
    return np.asarray((vector * np.maximum(value, value[-1] * 1e-15)) @ vector.T)


def _sum_keeping_inverse(matrix: Array, scale: float | None = None, *, free_sum: bool = False) -> Array:
    """The inverse on the vectors that sum to 0: what minimises ½xᵀMx + gᵀx among them is −(this) g.

    Args:
        matrix: M, positive but for rounding, n×n.
        scale: The size of what M was calculated from, its own if none: what is below its rounding counts as that.
        free_sum: Among all vectors instead.
    """
    n = len(matrix)
    if n < (1 if free_sum else 2):
        return np.zeros((n, n))
    matrix = (matrix + matrix.T) / 2
    floor = SINGULAR * max(float(matrix.diagonal().max()) if scale is None else scale, np.finfo(float).tiny / SINGULAR)
    if matrix.diagonal().min() > floor:
        unit = 1 / np.sqrt(matrix.diagonal())
        try:
            factor = cho_factor(matrix * np.outer(unit, unit))
        except np.linalg.LinAlgError:
            factor = (np.zeros((1, 1)), False)
        if (factor[0].diagonal() ** 2).min() > SINGULAR:
            inverse = np.asarray(cho_solve(factor, np.eye(n), check_finite=False))
            ones = inverse @ unit
            kept = 0.0 if free_sum else np.outer(ones, ones) / (unit @ ones)
            return np.asarray((inverse - kept) * np.outer(unit, unit))
    basis = np.eye(n) if free_sum else zero_sum_basis(n)  # fewer LR pixels than unknowns
    value, vector = np.linalg.eigh(basis.T @ matrix @ basis)
    half = basis @ (vector / np.sqrt(np.maximum(value, floor)))
    return np.asarray(half @ half.T)


def zero_sum_basis(n: int) -> Array:
    """An orthonormal basis of the n-vectors that sum to 0, n×(n − 1): a Householder reflection without its first."""
    v = np.full(n, n**-0.5)
    v[0] += 1.0
    return np.asarray((np.eye(n) - 2 * np.outer(v, v) / (v @ v))[:, 1:])


def _on_simplex(p: Array) -> Array:
    total = p.sum()
    return np.asarray(p / total if total > ROUNDING else np.full_like(p, 1 / p.size))


def _columns_on_simplex(s: Array, free: Mask) -> Array:
    """Columns that sum to 1, spread evenly over what is free where nothing is left."""
    total = s.sum(0)
    even = free / np.maximum(free.sum(0), 1)
    return np.where(total > ROUNDING, s / np.where(total > ROUNDING, total, 1.0), even)


def _clipped(s: Array) -> Array:
    positive = np.maximum(s, 0)
    return np.asarray(positive / positive.sum(0))


def _mean(gradient: Array, free: Mask) -> Array:
    """Lagrange's multiplier of the sum: the gradient of the free unknowns, all the same at a minimum."""
    return np.asarray((gradient * free).sum(0) / np.maximum(free.sum(0), 1))
