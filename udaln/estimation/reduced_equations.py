"""The linear equations of stage 1, reduced by QR factorisation to a few with the same inner products."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from udaln.estimation.arrays import Array


@dataclass(frozen=True)
class ReducedEquations:
    """The equations Y s_j = Z_j p of all N LR pixels, reduced to M equations with the same inner products.

    Attributes:
        y: Coefficients of the spectral responses, M×C.
        z: Coefficients of the PSF for each MSI band, (c, M, K).
        total_weight: Sum of the weights of the LR pixels; N if all of them are 1.
        y_mean: Weighted mean that was subtracted from Y, C; 0 if the equations are not centred.
        z_mean: Weighted mean that was subtracted from Z, c×K; 0 if the equations are not centred.
    """

    y: Array
    z: Array
    total_weight: float
    y_mean: Array
    z_mean: Array

    def residuals(self, psf: Array, srf: Array) -> Array:
        """Residuals Y s_j − Z_j p, c×M, of a PSF (K) and spectral responses (C×c)."""
        out: Array = (self.y @ srf).T - self.z @ psf
        return out

    def offset(self, psf: Array, srf: Array) -> Array:
        """Mean of Z_j p − Y s_j, which is the offset of each MSI band, c; 0 if the equations are not centred."""
        out: Array = self.z_mean @ psf - self.y_mean @ srf
        return out


def reduce_equations(lr: Tensor, windows: Tensor, weights: Tensor, *, centred: bool = False) -> ReducedEquations:
    """Reduce the weighted equations of all LR pixels by QR factorisation, block by block.

    The memory needed does not grow with N. Unlike forming the normal equations, this does not square the condition
    number.

    Args:
        lr: LR-HSI pixels, N×C, any dtype.
        windows: HR-MSI pixels in the window of each LR pixel, (N, K, c).
        weights: Weight of each LR pixel in the least squares, N.
        centred: Whether to subtract the weighted mean from each column.

    Returns:
        The reduced equations, float64.
    """
    total_weight = float(weights.sum())
    bands, pixels, msi_bands = lr.shape[1], windows.shape[1], windows.shape[2]
    reduced = torch.empty(0, bands + msi_bands * pixels, dtype=torch.float64)
    mean = torch.zeros(reduced.shape[1], dtype=torch.float64)
    if centred:
        for block, root in _weighted_blocks(lr, windows, weights, size=2048):
            mean += root @ block / total_weight
    for block, root in _weighted_blocks(lr, windows, weights, size=max(2048, 2 * reduced.shape[1])):
        reduced = torch.cat([reduced, block - root[:, None] * mean if centred else block])
        if len(reduced) > 2 * reduced.shape[1]:
            reduced = torch.linalg.qr(reduced, mode="r").R
    z = reduced[:, bands:].reshape(-1, msi_bands, pixels).transpose(0, 1)
    return ReducedEquations(
        y=reduced[:, :bands].contiguous().numpy(),
        z=z.contiguous().numpy(),
        total_weight=total_weight,
        y_mean=mean[:bands].numpy(),
        z_mean=mean[bands:].view(msi_bands, pixels).numpy(),
    )


def _weighted_blocks(lr: Tensor, windows: Tensor, weights: Tensor, size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Equations multiplied by the square roots of their weights, up to ``size`` at a time, and these roots."""
    for start in range(0, len(lr), size):
        part = slice(start, start + size)
        block = torch.cat([lr[part].double(), windows[part].double().transpose(1, 2).flatten(1)], 1).cpu()
        root = weights[part].double().sqrt()
        yield block * root[:, None], root
