"""Which LR pixels say what all others say of the two sensors, and which are outliers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from scipy.stats import chi2
from torch import Tensor

from udaln.estimation.normal_equations import Array, Rows

CHANCE = 0.01  # that a pair free of outliers is reweighted
BLOCK = 1 << 13  # LR pixels at a time, to bound memory
ROUNDING = 1e-11  # of an image, against its values; larger where its numbers have fewer digits


def squared_residuals(
    lr: Tensor, windows: Tensor, rows: Rows, p: Array, s: Array, weights: Tensor | None = None
) -> Iterator[tuple[Tensor, Tensor]]:
    """Squared residuals (n, c), block by block, and the weights (n) of the block's LR pixels."""
    psf, srf, offset = torch.from_numpy(p), torch.from_numpy(s), torch.from_numpy(rows.offset(p, s))
    for start in range(0, len(lr), BLOCK):
        part = slice(start, start + BLOCK)
        error = torch.einsum("nkj,k->nj", windows[part].cpu().double(), psf) - lr[part].cpu().double() @ srf - offset
        yield error**2, torch.ones(len(error)).double() if weights is None else weights[part]


def trust(lr: Tensor, windows: Tensor, rows: Rows, p: Array, s: Array, *, absolute: bool = False) -> Tensor:
    """How much each LR pixel counts, N: 1 wherever its residual is not beyond what chance allows, else 0.

    With ``absolute``, if any is: 1/|residual| instead (least absolute deviations, which outliers cannot draw far).
    """
    squares = torch.cat([square for square, _ in squared_residuals(lr, windows, rows, p, s)])
    rounding = max(ROUNDING, 10 * torch.finfo(lr.dtype).eps)
    power = float(torch.linalg.vector_norm(lr, dtype=torch.float64)) ** 2 / lr.numel() * rounding**2
    squares = (squares / (squares.median(0).values + power)).mean(1)
    middle = squares.median()
    freedom = _degrees_of_freedom(squares.numpy(), s.shape[1])
    limit = middle * float(chi2.isf(CHANCE / len(lr), freedom) / chi2.ppf(0.5, freedom))
    limit = torch.maximum(limit, torch.ones_like(limit))  # what rounding makes is within chance
    if not (squares > limit).any():
        return torch.ones_like(squares)
    return (middle / squares).sqrt().clamp(max=1.0) if absolute else (squares <= limit).double()


def _degrees_of_freedom(squares: Array, most: int) -> float:
    """Of the χ² whose quartiles are as far apart as those seen: bands share noise, and pixels differ in it."""
    low, high = np.quantile(squares, [0.25, 0.75])
    tried = np.linspace(1, most, 8 * most)
    spread = chi2.ppf(0.75, tried) / chi2.ppf(0.25, tried)
    return float(tried[np.abs(spread - high / max(low, np.finfo(float).tiny)).argmin()])
