"""Affine least squares from LR-MSI to LR-HSI: the starting point and the reference of every SpeUnet."""

from __future__ import annotations

import torch
from torch import Tensor


def affine_regression(lr_msi: Tensor, lr_hsi: Tensor, smallest: float = 1e-10) -> tuple[Tensor, Tensor]:
    """Regress spectra on MSI pixels and a constant, in float64.

    Args:
        lr_msi: N×c.
        lr_hsi: N×C.
        smallest: Singular value of the MSI pixels that counts, relative to the largest.

    Returns:
        Weights, c×C, and constants, C, float64: the least-squares solution, of minimum norm if there are several.
    """
    z, y = lr_msi.double(), lr_hsi.double()
    z_mean, y_mean = z.mean(0), y.mean(0)
    weights = torch.linalg.pinv(z - z_mean, rtol=smallest) @ (y - y_mean)
    return weights, y_mean - z_mean @ weights
