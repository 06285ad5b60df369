"""Affine least squares from LR-MSI to LR-HSI: the yardstick of every SpeUnet, and where it starts."""

from __future__ import annotations

import torch
from torch import Tensor


def affine_regression(lr_msi: Tensor, lr_hsi: Tensor) -> tuple[Tensor, Tensor]:
    """Fit spectra by MSI pixels and a constant, in float64.

    Args:
        lr_msi: N×c.
        lr_hsi: N×C.

    Returns:
        Weights c×C and constants C, float64: of the least sum of squares, and among equals of the least weights.
    """
    z, y = lr_msi.double(), lr_hsi.double()
    z_mean, y_mean = z.mean(0), y.mean(0)
    weights = torch.linalg.pinv(z - z_mean, rtol=1e-10) @ (y - y_mean)
    return weights, y_mean - z_mean @ weights
