"""The equations of stage 1, compressed to few."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Rows:
    """The equations Y s_j = Z_j p, compressed to few rows with the same inner products.

    Attributes:
        y: (M, C).
        z: (c, M, K).
        count: Number N of LR pixels behind them (their total weight).
        y_mean: Weighted mean that was taken from Y, (C,); 0 where the rows are not centred.
        z_mean: The same of Z, (c, K).
    """

    y: Array
    z: Array
    count: float
    y_mean: Array
    z_mean: Array

    def residuals(self, psf: Array, srf: Array) -> Array:
        """Y s_j − Z_j p, (c, M)."""
        out: Array = (self.y @ srf).T - self.z @ psf
        return out

    def offset(self, psf: Array, srf: Array) -> Array:
        """What Z_j p has more than Y s_j on average, c; 0 where the rows are not centred."""
        out: Array = self.z_mean @ psf - self.y_mean @ srf
        return out


def compress(lr: Tensor, windows: Tensor, weights: Tensor | None = None, *, centred: bool = False) -> Rows:
    """Rows with the inner products of all N, by QR factors of block after block: memory does not grow with N.

    Unlike normal equations this keeps the condition number unsquared.

    Args:
        lr: (N, C), any dtype.
        windows: (N, K, c).
        weights: (N), how much each LR pixel counts; all 1 if none.
        centred: Take the weighted mean from each column.
    """
    count = float(len(lr) if weights is None else weights.sum())
    bands, pixels, msi_bands = lr.shape[1], windows.shape[1], windows.shape[2]
    held = torch.empty(0, bands + msi_bands * pixels, dtype=torch.float64)
    mean = torch.zeros(held.shape[1], dtype=torch.float64)
    if centred:
        for block, root in _blocks(lr, windows, weights, rows=2048):
            mean += root @ block / count
    for block, root in _blocks(lr, windows, weights, rows=max(2048, 2 * held.shape[1])):
        held = torch.cat([held, block - root[:, None] * mean if centred else block])
        if len(held) > 2 * held.shape[1]:
            held = torch.linalg.qr(held, mode="r").R
    z = held[:, bands:].reshape(-1, msi_bands, pixels).transpose(0, 1)
    z_mean = mean[bands:].view(msi_bands, pixels)
    return Rows(
        held[:, :bands].contiguous().numpy(), z.contiguous().numpy(), count, mean[:bands].numpy(), z_mean.numpy()
    )


def _blocks(lr: Tensor, windows: Tensor, weights: Tensor | None, rows: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Rows times the roots of their weights, and these roots."""
    for start in range(0, len(lr), rows):
        part = slice(start, start + rows)
        block = torch.cat([lr[part].double(), windows[part].double().transpose(1, 2).flatten(1)], 1).cpu()
        root = torch.ones(len(block)).double() if weights is None else weights[part].double().sqrt()
        yield (block if weights is None else block * root[:, None]), root
