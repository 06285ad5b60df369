"""The objective of stage 1, quadratic in one PSF and c spectral responses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from udaln.estimation.arrays import Array
from udaln.estimation.reduced_equations import ReducedEquations


@dataclass(frozen=True)
class Quadratic:
    """½ Σ_j w_j ‖Y s_j − Z_j p‖² + ½ (s_j − m_j)ᵀ Q_j (s_j − m_j), plus a prior of the same form on p.

    Attributes:
        equations: The reduced equations Y s_j = Z_j p.
        weight: w_j, the inverse variance of band j's residual, c.
        srf_mean: Prior mean m of the responses, C×c.
        srf_precision: Prior inverse covariance Q of each response, (c, C, C).
        psf_mean: Prior mean of the PSF, K.
        psf_precision: Prior inverse covariance of the PSF, K×K.
        calibration: What takes a spectrum of Y to its estimate without noise, C×C; None if Y is as it was.
    """

    equations: ReducedEquations
    weight: Array
    srf_mean: Array
    srf_precision: Array
    psf_mean: Array
    psf_precision: Array
    calibration: Array | None = None

    def gradient(self, psf: Array, srf: Array) -> tuple[Array, Array]:
        """Gradient with respect to p (K) and S (C×c).

        It is calculated from the residuals, because inner products of inner products lose half the digits.
        """
        residuals = self.equations.residuals(psf, srf) * self.weight[:, None]
        by_psf = -np.einsum("jmk,jm->k", self.equations.z, residuals) + self.psf_precision @ (psf - self.psf_mean)
        by_srf = self.equations.y.T @ residuals.T
        by_srf += np.einsum("jab,bj->aj", self.srf_precision, srf - self.srf_mean)
        return by_psf, by_srf

    def values(self, psf: Array, srf: Array) -> Array:
        """The part of the objective of each response, c."""
        squares = (self.equations.residuals(psf, srf) ** 2).sum(1)
        deviation = srf - self.srf_mean
        return np.asarray(
            0.5 * (self.weight * squares + np.einsum("aj,jab,bj->j", deviation, self.srf_precision, deviation))
        )

    def value(self, psf: Array, srf: Array) -> float:
        """Value of the objective."""
        deviation = psf - self.psf_mean
        return float(self.values(psf, srf).sum() + 0.5 * deviation @ self.psf_precision @ deviation)
