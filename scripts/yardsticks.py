"""What simple fusions reach with the true PSF: a method that does not beat them is not worth its time.

``method=interpolation``, ``regression`` and ``regression_residual`` are the same in a run, with what is known there.
Here nothing is estimated or left out, not even LR pixels at the border, and everything is float64.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.ndimage import uniform_filter
from torch import Tensor

from udaln.estimation.regression import affine_regression
from udaln.physics.interpolation import interpolate
from udaln.physics.windows import degrade

PATCH = 3  # side of a patch of non-local means [HR pixels]
REACH = 7  # largest distance between patches that are compared, in rows and in columns [HR pixels]
STRENGTH = 0.8  # of the averaging, in units of the noise


def yardsticks(
    lr_hsi: Tensor,
    hr_msi: Tensor,
    psf: Tensor,
    scale: int,
    shift: tuple[float, float] = (0.0, 0.0),
    msi_noise: Tensor | None = None,
) -> dict[str, Tensor]:
    """Fuse a pair in each of the simple ways.

    Args:
        lr_hsi: h×w×C.
        hr_msi: rh×rw×c.
        psf: The true PSF, k×k.
        scale: Scale factor r.
        shift: True shift of the LR-HSI, down and to the right [HR pixels].
        msi_noise: True standard deviation of the noise of each MSI band, c; None without noise.

    Returns:
        Images, rh×rw×C, by name: ``bicubic`` interpolation; the affine ``regression`` of the LR-HSI on the degraded
        HR-MSI, applied to the HR-MSI; ``residual``: with its interpolated residual; with noise, ``denoised``: the
        regression applied to the HR-MSI after `non_local_means`.
    """
    lr_msi = degrade(hr_msi, psf, scale)
    weights, constants = affine_regression(lr_msi.flatten(0, 1), lr_hsi.flatten(0, 1))
    mapped = hr_msi @ weights + constants
    images = {
        "bicubic": interpolate(lr_hsi, scale, shift),
        "regression": mapped,
        "residual": mapped + interpolate(lr_hsi - degrade(mapped, psf, scale), scale, shift),
    }
    if msi_noise is not None:
        images["denoised"] = non_local_means(hr_msi, msi_noise) @ weights + constants
    return images


def non_local_means(image: Tensor, noise: Tensor) -> Tensor:
    """Denoise the principal components of an image whose bands are scaled to noise 1.

    Buades, Coll and Morel, "A non-local algorithm for image denoising", CVPR 2005, with the distance of two patches
    less what noise contributes to it (the same, Image Processing On Line 1, 2011).

    Args:
        image: H×W×c.
        noise: Standard deviation of each band's noise, c, positive.

    Returns:
        H×W×c.
    """
    scaled = (image / noise).double()
    mean = scaled.mean((0, 1))
    _, _, basis = torch.linalg.svd((scaled - mean).flatten(0, 1), full_matrices=False)
    components = ((scaled - mean) @ basis.T).numpy()
    height, width, _ = components.shape
    padded = np.pad(components, ((REACH, REACH), (REACH, REACH), (0, 0)), mode="reflect")
    total, weights = np.zeros_like(components), np.zeros_like(components)
    for i in range(2 * REACH + 1):
        for j in range(2 * REACH + 1):
            moved = padded[i : i + height, j : j + width]
            distance = uniform_filter((moved - components) ** 2, (PATCH, PATCH, 1))
            weight = np.exp(-np.maximum(distance - 2, 0) / STRENGTH**2)
            total += weight * moved
            weights += weight
    denoised: Tensor = torch.from_numpy(total / weights) @ basis + mean
    return denoised * noise
