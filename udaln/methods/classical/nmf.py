"""Nonnegative matrix factorisation by multiplicative updates (Lee and Seung, NIPS 2000), and nonnegative least squares.

Spectra are in columns: V ≈ W·H, with endmembers in the columns of W and abundances in the columns of H.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.optimize import nnls
from torch import Tensor

SMALLEST = 1e-12  # of a denominator


def with_sum_to_one(matrix: Tensor, weight: float) -> Tensor:
    """Append a row of ``weight``: with that of both V and W, abundances that do not sum to one count as an error."""
    return torch.cat([matrix, torch.full_like(matrix[:1], weight)])


def updated_abundances(v: Tensor, w: Tensor, h: Tensor) -> Tensor:
    """One update of H, p×N, that does not increase ‖V − W·H‖; V is C×N and W is C×p."""
    return h * (w.T @ v).clamp(min=0) / ((w.T @ w) @ h).clamp(min=SMALLEST)


def updated_endmembers(v: Tensor, w: Tensor, h: Tensor) -> Tensor:
    """One update of W that does not increase ‖V − W·H‖."""
    return w * (v @ h.T).clamp(min=0) / (w @ (h @ h.T)).clamp(min=SMALLEST)


def nonnegative_abundances(v: Tensor, w: Tensor) -> Tensor:
    """H, p×N, of the least ‖V − W·H‖ with H ≥ 0, column by column.

    The triangular factor of W replaces W: it has the same solutions and fewer rows.
    """
    basis, triangle = torch.linalg.qr(w)
    a, b = triangle.cpu().numpy(), (basis.T @ v).cpu().numpy()
    solved = np.stack([nnls(a, column, maxiter=100 * len(a))[0] for column in b.T], 1)
    return torch.from_numpy(solved).to(v)
