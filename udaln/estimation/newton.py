"""Newton steps for the quadratic objective of stage 1.

The responses are coupled only through the PSF: given p they separate. So the whole Newton system is solved by Schur's
complement, at the cost of c systems of C unknowns and one of K.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from udaln.estimation.arrays import Array, Mask
from udaln.estimation.quadratic import Quadratic

SINGULAR = 1e-14  # curvature, relative to the largest one, that is rounding error only
# Largest diagonal element of the inverse of a matrix with a diagonal of 1 that is not the inverse of rounding errors.
LARGEST_INVERSE = 1e13
LARGEST_INVERSE_WITH_FREE_SUMS = 1e10


@dataclass(frozen=True)
class InnerProducts:
    """Inner products of the equations' coefficients, from which the Hessian is built.

    Attributes:
        y: YᵀY, C×C.
        z: Σ_j w_j Z_jᵀZ_j, K×K.
        yz: YᵀZ_j of each band, (c, C, K).
    """

    y: Array
    z: Array
    yz: Array

    @classmethod
    def of(cls, problem: Quadratic) -> InnerProducts:
        """The inner products of a problem."""
        y, z = problem.equations.y, problem.equations.z
        weighted = np.einsum("j,jmk,jml->kl", problem.weight, z, z, optimize=True)
        return cls(y.T @ y, weighted, np.stack([y.T @ band for band in z]))


@dataclass(frozen=True)
class Eliminated:
    """One response, eliminated from the Newton system.

    Attributes:
        index: Its free parameters.
        inverse: The inverse of its Hessian in these.
        cross: Its Hessian with all parameters of the PSF, index × K.
        by_psf: What its elimination subtracts from the Hessian of the PSF, K×K.
    """

    index: NDArray[np.intp]
    inverse: Array
    cross: Array
    by_psf: Array


class NewtonSystem:
    """The Newton system in the free parameters, with the sum of p and, unless ``free_sums``, of each response kept.

    Args:
        problem: The objective.
        products: Its inner products.
        free_psf: Parameters of the PSF that are free, K.
        free_srf: Parameters of the responses that are free, C×c.
        free_sums: Whether the sum of each response is free.
        previous: A system of the same problem: what has not changed is taken from it.
    """

    def __init__(
        self,
        problem: Quadratic,
        products: InnerProducts,
        free_psf: Mask,
        free_srf: Mask,
        free_sums: bool,
        previous: NewtonSystem | None = None,
    ) -> None:
        self.shape = free_srf.shape
        self.weight = problem.weight
        self.psf_index = np.flatnonzero(free_psf)
        self.eliminated: list[Eliminated] = []
        schur = problem.psf_precision + products.z
        scale = float(schur.diagonal()[self.psf_index].max()) if len(self.psf_index) else None
        for j, column in enumerate(free_srf.T):
            index = np.flatnonzero(column)
            if previous is not None and np.array_equal(index, previous.eliminated[j].index):
                response = previous.eliminated[j]
            else:
                hessian = self.weight[j] * products.y + problem.srf_precision[j]
                inverse = _sum_preserving_inverse(hessian[np.ix_(index, index)], free_sum=free_sums)
                cross = -self.weight[j] * products.yz[j][index]
                response = Eliminated(index, inverse, cross, cross.T @ (inverse @ cross))
            schur = schur - response.by_psf
            self.eliminated.append(response)
        self.schur = schur
        # With free sums, the PSF and all responses can be scaled together. Without noise, nothing but the sum of p
        # determines the scale: without that constraint, the matrix is positive definite by rounding errors at most.
        largest = LARGEST_INVERSE_WITH_FREE_SUMS if free_sums else LARGEST_INVERSE
        free = schur[np.ix_(self.psf_index, self.psf_index)]
        self.psf_inverse = _sum_preserving_inverse(free, scale, largest=largest)

    def step(self, by_psf: Array, by_srf: Array) -> tuple[Array, Array]:
        """The Newton step of p (K) and S (C×c) for a gradient."""
        psf_step, srf_step = np.zeros_like(by_psf), np.zeros(self.shape)
        gradients = [by_srf[response.index, j] for j, response in enumerate(self.eliminated)]
        reduced = by_psf
        for response, gradient in zip(self.eliminated, gradients, strict=True):
            reduced = reduced - response.cross.T @ (response.inverse @ gradient)
        psf_step[self.psf_index] = -self.psf_inverse @ reduced[self.psf_index]
        for j, (response, gradient) in enumerate(zip(self.eliminated, gradients, strict=True)):
            srf_step[response.index, j] = -response.inverse @ (gradient + response.cross @ psf_step)
        return psf_step, srf_step


def schur_complement(problem: Quadratic, support: Mask, *, free_sums: bool = False) -> Array:
    """Inverse covariance of p with S marginalised, K×K, without regard to the constraints ≥ 0.

    Args:
        problem: The objective.
        support: Where S is free, C×c.
        free_sums: Whether the sum of each response is free.
    """
    products = InnerProducts.of(problem)
    free_psf = np.ones(problem.psf_mean.shape, dtype=bool)
    schur = NewtonSystem(problem, products, free_psf, support, free_sums).schur
    eigenvalues, eigenvectors = np.linalg.eigh((schur + schur.T) / 2)
    return np.asarray((eigenvectors * np.maximum(eigenvalues, eigenvalues[-1] * 1e-15)) @ eigenvectors.T)


def zero_sum_basis(n: int) -> Array:
    """Orthonormal basis of the n-vectors with sum 0, n×(n − 1): a Householder reflection without its first column."""
    v = np.full(n, n**-0.5)
    v[0] += 1.0
    return np.asarray((np.eye(n) - 2 * np.outer(v, v) / (v @ v))[:, 1:])


def _sum_preserving_inverse(
    matrix: Array, scale: float | None = None, *, free_sum: bool = False, largest: float = LARGEST_INVERSE
) -> Array:
    """The matrix A for which x = −A g minimises ½ xᵀMx + gᵀx among the vectors x with sum 0, n×n.

    Args:
        matrix: M, positive definite up to rounding, n×n.
        scale: Largest curvature of the matrix that M was calculated from, if not its own; smaller curvatures than its
            rounding error are raised to that.
        free_sum: Whether x may have any sum.
        largest: If a diagonal element of the inverse of M, scaled to a diagonal of 1, exceeds it, M is singular: pivots
            of a Cholesky factor do not tell where the last parameters hardly contribute to the singular direction.
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
            if inverse.diagonal().max() < largest:
                ones = inverse @ unit
                projected = 0.0 if free_sum else np.outer(ones, ones) / (unit @ ones)
                return np.asarray((inverse - projected) * np.outer(unit, unit))
    basis = np.eye(n) if free_sum else zero_sum_basis(n)  # singular: there are fewer LR pixels than unknowns
    eigenvalues, eigenvectors = np.linalg.eigh(basis.T @ matrix @ basis)
    root = basis @ (eigenvectors / np.sqrt(np.maximum(eigenvalues, floor)))
    return np.asarray(root @ root.T)
