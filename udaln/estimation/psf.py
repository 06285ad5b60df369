"""The centre of a PSF, and the shift between two images that it implies."""

from __future__ import annotations

import numpy as np
from scipy.optimize import least_squares
from torch import Tensor

from udaln.estimation.arrays import Array
from udaln.physics.windows import middle
from udaln.scene import Scene

CORE = 0.2  # of the PSF's maximum: pixels above it are seldom cut off by the window
MIN_CORE_PIXELS = 16  # size of a core from which on the centre may be anywhere in it
SMALL_CORE_RANGE = 0.1  # distance from the centroid up to which the centre of a smaller core may be [pixels]


def centre(psf: Array) -> tuple[float, float]:
    """The centre of a PSF: that of the Gaussian nearest to its core, the pixels of at least a fifth of its maximum.

    Unlike the centroid, it does not change if the window cuts off part of the PSF.

    Args:
        psf: k×k, ≥ 0.

    Returns:
        Row and column [pixels of the window].
    """
    side = len(psf)
    inside = psf >= CORE * psf.max()
    row, column = (index.astype(float) for index in np.nonzero(inside))
    core = psf[inside] / psf.max()
    centroid = np.array([row @ core, column @ core]) / core.sum()
    half_extent = np.array([np.ptp(row), np.ptp(column)]) / 2
    if len(core) < 6:  # number of parameters of the Gaussian
        return float(centroid[0]), float(centroid[1])

    def residual(x: Array) -> Array:
        down, right = (row - x[0]) * np.exp(-x[2]), (column - x[1] - x[4] * (row - x[0])) * np.exp(-x[3])
        return np.asarray(np.exp(x[5] - 0.5 * (down**2 + right**2)) - core)

    reach = half_extent + 0.5 if len(core) >= MIN_CORE_PIXELS else np.full(2, SMALL_CORE_RANGE)
    width = np.log(np.sqrt(len(core)) / 2)
    start = np.array([*centroid, width, width, 0.0, 0.0])
    bounds = (
        [*(centroid - reach), np.log(0.2), np.log(0.2), -3, -1],
        [*(centroid + reach), np.log(2.0 * side), np.log(2.0 * side), 3, 1],
    )
    fit = least_squares(residual, np.clip(start, *bounds), bounds=bounds)
    return float(fit.x[0]), float(fit.x[1])


def centre_shift(psf: Array, scale: int, shift: tuple[float, float]) -> tuple[float, float]:
    """Displacement of a PSF's centre from the nominal centre of its LR pixel.

    Args:
        psf: k×k.
        scale: Scale factor r.
        shift: Displacement of the PSF's window [HR pixels].

    Returns:
        Rows (downwards) and columns (to the right) [HR pixels].
    """
    nominal = middle(len(psf), scale)
    row, column = centre(psf)
    return shift[0] + row - nominal, shift[1] + column - nominal


def lr_offset(psf: Tensor, scene: Scene) -> tuple[float, float]:
    """Shift of the LR-HSI against its nominal position on the scene's HR-MSI: rows, columns [HR pixels].

    Args:
        psf: k×k.
        scene: For its scale factor and its shift.
    """
    return centre_shift(psf.cpu().numpy(), scene.scale, scene.shift)


def rim_weight(psf: Tensor) -> float:
    """Mean size of the weights in the outermost pixels of a PSF's window, k×k, relative to that of all its pixels."""
    weights = psf.abs()
    total, inner, side = weights.sum(), weights[1:-1, 1:-1].sum(), len(psf)
    return float((1 - inner / total) * side**2 / (4 * side - 4))
