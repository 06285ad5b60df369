"""How well an estimate of the degradation predicts LR pixels that it was not estimated from.

The estimate is a penalised least-squares solution. Its error at an LR pixel that is left out follows from its residual
and its leverage there, so that nothing is estimated again (Cook and Weisberg, Residuals and Influence in Regression,
1982).
The c equations of one LR pixel are left out together.
"""

from __future__ import annotations

import numpy as np
from torch import Tensor

from udaln.estimation.arrays import Array
from udaln.estimation.newton import NewtonSystem
from udaln.estimation.reduced_equations import ReducedEquations

MAX_LEVERAGE = 0.99  # of an LR pixel on its own prediction; beyond it the others do not predict it


def leverages(y: Array, windows: Tensor, equations: ReducedEquations, system: NewtonSystem) -> Array:
    """Weight of each LR pixel's equations in their own prediction, N×c×c, if all LR pixels have weight 1.

    Args:
        y: LR-HSI pixels as the responses see them, centred and without noise, N×D.
        windows: HR-MSI pixels in the window of each LR pixel, (N, K, c).
        equations: The reduced equations, for the means that were subtracted.
        system: Newton's system at the solution.
    """
    count, msi_bands = len(y), windows.shape[2]
    sensitivities = np.empty((msi_bands, count, len(system.psf_index)))
    out = np.zeros((count, msi_bands, msi_bands))
    for j in range(msi_bands):
        z = windows[:, :, j].double().numpy()[:, system.psf_index] - equations.z_mean[j, system.psf_index]
        response, weight = system.eliminated[j], system.weight[j]
        part = y[:, response.index]
        by_response = part @ response.inverse
        out[:, j, j] = weight * (by_response * part).sum(1)
        sensitivities[j] = (z + by_response @ response.cross[:, system.psf_index]) * weight**0.5
    spread = sensitivities @ system.psf_inverse
    out += np.einsum("ink,jnk->nij", spread, sensitivities, optimize=True)
    offsets = float(equations.y_mean.any()) / equations.total_weight
    return np.asarray(out + np.eye(msi_bands) * offsets)


def held_out_errors(residuals: Array, leverage: Array, weight: Array) -> Array:
    """Errors of each LR pixel, N×c, by the estimate that all other LR pixels give; hyperparameters are kept.

    They are infinite for an LR pixel that the estimate fits whatever its values are.

    Args:
        residuals: By the estimate from all LR pixels, N×c.
        leverage: From `leverages`, times the weights of the LR pixels, N×c×c.
        weight: Inverse variance of each band's residual, c.
    """
    values, axes = np.linalg.eigh((leverage + leverage.transpose(0, 2, 1)) / 2)
    root = np.sqrt(weight)
    rotated = np.einsum("nji,nj->ni", axes, residuals * root) / (1 - np.clip(values, 0, MAX_LEVERAGE))
    errors = np.einsum("nij,nj->ni", axes, rotated) / root
    return np.where(values.max(1, keepdims=True) > MAX_LEVERAGE, np.inf, errors)
