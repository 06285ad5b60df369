"""The prior on the PSF: a Gaussian plus a deviation whose variance is estimated from the data.

The variance is the one under which the data are most probable (type-II maximum likelihood, MacKay 1992), so exact
data override the Gaussian.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import least_squares

from udaln.estimation.arrays import Array
from udaln.estimation.newton import zero_sum_basis


def nearest_gaussian(psf: Array, information: Array) -> Array:
    """The Gaussian nearest to an estimated PSF in the metric of its inverse covariance.

    The centre, the two widths and the orientation of the Gaussian are free.

    Args:
        psf: K.
        information: Inverse covariance of the PSF, K×K.

    Returns:
        K, sums to 1.
    """
    side = round(psf.size**0.5)
    row, column = np.divmod(np.arange(psf.size), side)
    positive = np.maximum(psf, 0) / np.maximum(psf, 0).sum()
    centroid = np.array([positive @ row, positive @ column])
    start = np.array([*centroid, np.log(max(side / 2.4, 0.3)), np.log(max(side / 2.4, 0.3)), 0.0])
    eigenvalues, eigenvectors = np.linalg.eigh(information / max(np.trace(information), np.finfo(float).tiny))
    root = (eigenvectors * np.sqrt(np.maximum(eigenvalues, 0))).T

    def gaussian(x: Array) -> Array:
        down, right = (row - x[0]) * np.exp(-x[2]), (column - x[1] - x[4] * (row - x[0])) * np.exp(-x[3])
        exponent = -0.5 * (down**2 + right**2)
        out = np.exp(exponent - exponent.max())
        return np.asarray(out / out.sum())

    bounds = (
        [-side, -side, np.log(0.2), np.log(0.2), -3.0],
        [2 * side, 2 * side, np.log(8 * side), np.log(8 * side), 3],
    )
    fit = least_squares(
        lambda x: root @ (gaussian(x) - psf), start, bounds=bounds, max_nfev=200, xtol=1e-12, ftol=1e-12
    )
    return gaussian(fit.x)


def deviation_variance(deviation: Array, information: Array) -> float:
    """Most probable variance of the deviation of a PSF's pixels from the Gaussian.

    Args:
        deviation: Estimated PSF minus the Gaussian, K.
        information: Inverse covariance of the estimate, K×K.
    """
    basis = zero_sum_basis(len(deviation))
    eigenvalues, eigenvectors = np.linalg.eigh(basis.T @ information @ basis)
    squares = (eigenvectors.T @ (basis.T @ deviation)) ** 2
    noise = 1 / np.maximum(eigenvalues, eigenvalues[-1] * 1e-12)
    lowest = 1e-3 * float(noise.min())
    candidates = np.geomspace(lowest, max(float(squares.max()) * 10, lowest * 10), 200)
    total = noise + candidates[:, None]
    return float(candidates[np.argmin((np.log(total) + squares / total).sum(1))])
