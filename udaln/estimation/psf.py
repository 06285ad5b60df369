"""The shape of a PSF: what is assumed of it where the data say nothing, and where its centre lies.

It is a Gaussian plus a deviation of which only the size is assumed: the one that makes the data most probable (type-II
maximum likelihood, MacKay 1992), so exact data set the Gaussian aside.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import least_squares

from udaln.estimation.normal_equations import Array
from udaln.estimation.quadratic import zero_sum_basis
from udaln.physics.windows import middle

CORE = 0.2  # of a PSF's height: above it lies the part that windows seldom cut off
FEWEST = 16  # pixels of a core whose Gaussian may lie anywhere in it
NEAR = 0.1  # pixels from the centroid, of a smaller one


def gaussian_near(psf: Array, information: Array) -> Array:
    """The Gaussian, shifted, stretched and turned at will, nearest to a PSF in units of what is known of it.

    Args:
        psf: K.
        information: Inverse covariance of the PSF, K×K.

    Returns:
        K, sums to 1.
    """
    side = round(psf.size**0.5)
    row, column = np.divmod(np.arange(psf.size), side)
    positive = np.maximum(psf, 0) / np.maximum(psf, 0).sum()
    centre = np.array([positive @ row, positive @ column])
    start = np.array([*centre, np.log(max(side / 2.4, 0.3)), np.log(max(side / 2.4, 0.3)), 0.0])
    value, vector = np.linalg.eigh(information / max(np.trace(information), np.finfo(float).tiny))
    root = (vector * np.sqrt(np.maximum(value, 0))).T

    def shape(x: Array) -> Array:
        down, right = (row - x[0]) * np.exp(-x[2]), (column - x[1] - x[4] * (row - x[0])) * np.exp(-x[3])
        exponent = -0.5 * (down**2 + right**2)
        out = np.exp(exponent - exponent.max())
        return np.asarray(out / out.sum())

    limits = (
        [-side, -side, np.log(0.2), np.log(0.2), -3.0],
        [2 * side, 2 * side, np.log(8 * side), np.log(8 * side), 3],
    )
    fit = least_squares(lambda x: root @ (shape(x) - psf), start, bounds=limits, max_nfev=200, xtol=1e-12, ftol=1e-12)
    return shape(fit.x)


def size_of_deviation(deviation: Array, information: Array) -> float:
    """Variance of a PSF's pixels about its shape that makes the deviation seen most probable.

    Args:
        deviation: Estimate less shape, K.
        information: Inverse covariance of the estimate, K×K.
    """
    basis = zero_sum_basis(len(deviation))
    value, vector = np.linalg.eigh(basis.T @ information @ basis)
    seen = (vector.T @ (basis.T @ deviation)) ** 2
    noise = 1 / np.maximum(value, value[-1] * 1e-12)
    lowest = 1e-3 * float(noise.min())
    sizes = np.geomspace(lowest, max(float(seen.max()) * 10, lowest * 10), 200)
    total = noise + sizes[:, None]
    return float(sizes[np.argmin((np.log(total) + seen / total).sum(1))])


def centre(psf: Array) -> tuple[float, float]:
    """Where a PSF has its centre: that of the Gaussian nearest to its core, the pixels at least a fifth of its height.

    The centroid is the same for a PSF that lies in its window whole, but moves with what the window cuts off.

    Args:
        psf: k×k, ≥ 0.

    Returns:
        Row and column [pixels of the window].
    """
    side = len(psf)
    inside = psf >= CORE * psf.max()
    row, column = (at.astype(float) for at in np.nonzero(inside))
    core = psf[inside] / psf.max()
    middle = np.array([row @ core, column @ core]) / core.sum()
    spread = np.array([np.ptp(row), np.ptp(column)]) / 2
    if len(core) < 6:  # numbers of a Gaussian
        return float(middle[0]), float(middle[1])

    def misfit(x: Array) -> Array:
        down, right = (row - x[0]) * np.exp(-x[2]), (column - x[1] - x[4] * (row - x[0])) * np.exp(-x[3])
        return np.asarray(np.exp(x[5] - 0.5 * (down**2 + right**2)) - core)

    reach = spread + 0.5 if len(core) >= FEWEST else np.full(2, NEAR)
    width = np.log(np.sqrt(len(core)) / 2)
    start = np.array([*middle, width, width, 0.0, 0.0])
    limits = (
        [*(middle - reach), np.log(0.2), np.log(0.2), -3, -1],
        [*(middle + reach), np.log(2.0 * side), np.log(2.0 * side), 3, 1],
    )
    fit = least_squares(misfit, np.clip(start, *limits), bounds=limits)
    return float(fit.x[0]), float(fit.x[1])


def centre_shift(psf: Array, scale: int, shift: tuple[float, float]) -> tuple[float, float]:
    """How far down and to the right of an LR pixel's place by the sizes the centre of its PSF lies [HR pixels].

    Args:
        psf: k×k.
        scale: Scale factor r.
        shift: Of its window [HR pixels].
    """
    nominal = middle(len(psf), scale)
    row, column = centre(psf)
    return shift[0] + row - nominal, shift[1] + column - nominal
