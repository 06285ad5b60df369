"""Linear matrix equations with symmetric matrices."""

from __future__ import annotations

import scipy.linalg
import torch
from torch import Tensor

RIDGE = 1e-10  # added to a matrix, relative to the mean of its diagonal


def solved(matrix: Tensor, constants: Tensor) -> Tensor:
    """The solution X of X·M = R, for M positive semidefinite; R is N×F."""
    solution: Tensor = torch.linalg.solve(_with_ridge(matrix), constants.T)
    return solution.T


def sylvester(left: Tensor, coupled: Tensor, plain: Tensor, constants: Tensor) -> Tensor:
    """The solution X, N×F, of the generalised Sylvester equation L·X·M + X·K = R.

    The eigenvectors of L, and the generalised ones of M and K, make it one division per element.

    Args:
        left: L, N×N, positive semidefinite.
        coupled: M, F×F, positive semidefinite.
        plain: K, F×F, positive definite; if it is only semidefinite, a little is added to its diagonal.
        constants: R, N×F.
    """
    left_values, left_vectors = torch.linalg.eigh(left)
    eigen = scipy.linalg.eigh(coupled.cpu().numpy(), _with_ridge(plain).cpu().numpy())
    values, vectors = (torch.from_numpy(part).to(constants) for part in eigen)
    turned = (left_vectors.T @ constants @ vectors) / (left_values[:, None] * values + 1)
    solution: Tensor = left_vectors @ turned @ vectors.T
    return solution


def _with_ridge(matrix: Tensor) -> Tensor:
    ridge = RIDGE * matrix.diagonal().mean() + torch.finfo(matrix.dtype).tiny
    return matrix + ridge * torch.eye(len(matrix)).to(matrix)
