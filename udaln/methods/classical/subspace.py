"""The subspace in which the spectra, the rows or the columns of an image lie."""

from __future__ import annotations

import torch
from torch import Tensor


def principal_directions(samples: Tensor, count: int) -> Tensor:
    """The orthonormal directions that explain most of the power of some samples.

    Args:
        samples: N×D float64.
        count: At most D.

    Returns:
        D×count, the most powerful first; of each, the value of largest size is positive.
    """
    basis: Tensor = torch.linalg.eigh(samples.T @ samples)[1].flip(1)[:, :count]
    largest = basis.gather(0, basis.abs().argmax(0, keepdim=True))
    return basis * largest.sign()
