"""Which parameters of the degradation are unknown, and the solution of a quadratic programme for them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from udaln.estimation.active_set import minimise
from udaln.estimation.arrays import Array, Mask
from udaln.estimation.held_out import held_out_errors, leverages
from udaln.estimation.newton import InnerProducts, NewtonSystem, schur_complement
from udaln.estimation.quadratic import Quadratic
from udaln.estimation.reduced_equations import ReducedEquations, reduce_equations


@dataclass(frozen=True)
class Unknowns:
    """The parameters of the degradation that are estimated.

    Attributes:
        support: Where S may be nonzero, C×c.
        known_srf: Spectral responses with columns that sum to 1, C×c, if they are known up to their gains.
        estimate_psf: Whether the PSF is unknown.
        gain: Whether the gain of each MSI band is unknown. It is the sum of its response, which is then free.
        offset: Whether the offset of each MSI band is unknown.
        gaussian: Whether the PSF is a Gaussian.
        signed: Whether the PSF may have negative weights.
    """

    support: Mask
    known_srf: Array | None
    estimate_psf: bool
    gain: bool
    offset: bool
    gaussian: bool
    signed: bool = False

    @property
    def estimate_srf(self) -> bool:
        """Whether the spectral responses, or at least their gains, are unknown."""
        return self.known_srf is None or self.gain

    def reduce(self, lr: Tensor, windows: Tensor, weights: Tensor) -> ReducedEquations:
        """The reduced equations of LR pixels (N×C), their windows (N, K, c) and weights (N)."""
        return reduce_equations(lr, windows, weights, centred=self.offset)

    def solve(self, problem: Quadratic, psf: Array, srf: Array) -> tuple[Array, Array]:
        """The PSF (K) and the responses times gains (C×c) that minimise a problem, from an initial estimate."""
        free = {
            "estimate_psf": self.estimate_psf,
            "estimate_srf": self.estimate_srf,
            "free_sums": self.gain,
            "signed": self.signed,
        }
        if self.known_srf is None or not self.gain:
            return minimise(problem, psf, srf, self.support, **free)
        diagonal = np.eye(srf.shape[1], dtype=bool)
        psf, gains = minimise(_gain_problem(problem, self.known_srf), psf, np.diag(srf.sum(0)), diagonal, **free)
        return psf, self.known_srf * gains.diagonal()

    def psf_information(self, problem: Quadratic) -> Array:
        """Inverse covariance of the PSF, with the responses marginalised, K×K."""
        if self.known_srf is None or not self.gain:
            return schur_complement(problem, self.support & self.estimate_srf, free_sums=self.gain)
        diagonal = np.eye(len(problem.weight), dtype=bool)
        return schur_complement(_gain_problem(problem, self.known_srf), diagonal, free_sums=True)

    def held_out_errors(
        self,
        problem: Quadratic,
        lr: Tensor,
        windows: Tensor,
        weights: Tensor,
        equations: ReducedEquations,
        psf: Array,
        srf: Array,
    ) -> Array:
        """Errors of the LR pixels, N×c, by the solution of a problem without each of them; see `held_out`."""
        free_psf = ((psf > 0) | self.signed) & self.estimate_psf
        free_srf = (srf > 0) & self.support & self.estimate_srf
        y = lr.double().numpy() - equations.y_mean
        calibrated = y if problem.calibration is None else y @ problem.calibration
        if self.known_srf is not None and self.gain:
            problem, free_srf = _gain_problem(problem, self.known_srf), np.eye(srf.shape[1], dtype=bool)
            y, calibrated, srf = y @ self.known_srf, calibrated @ self.known_srf, np.diag(srf.sum(0))
        system = NewtonSystem(problem, InnerProducts.of(problem), free_psf, free_srf, self.gain)
        residuals = y @ srf - (windows.double().numpy().transpose(0, 2, 1) - equations.z_mean) @ psf
        leverage = leverages(calibrated, windows, equations, system) * weights.numpy()[:, None, None]
        return held_out_errors(residuals, leverage, system.weight)


def _gain_problem(problem: Quadratic, known_srf: Array) -> Quadratic:
    """The problem for the gains of known responses: S becomes the c×c diagonal matrix of the gains."""
    count = len(problem.weight)
    zeros = np.zeros((count, count))
    return replace(
        problem,
        equations=replace(problem.equations, y=problem.equations.y @ known_srf),
        srf_mean=zeros,
        srf_precision=np.stack([zeros] * count),
    )
