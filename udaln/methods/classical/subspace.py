"""The subspace in which the spectra of an image lie."""

from __future__ import annotations

import torch
from torch import Tensor


def principal_spectra(spectra: Tensor, count: int) -> Tensor:
    """The orthonormal spectra that explain most of the power of an image.

    Args:
        spectra: N×C float64.
        count: At most C.

    Returns:
        C×count, the most powerful first; of each, the largest value is positive.
    """
    basis: Tensor = torch.linalg.eigh(spectra.T @ spectra)[1].flip(1)[:, :count]
    largest = basis.gather(0, basis.abs().argmax(0, keepdim=True))
    return basis * largest.sign()
