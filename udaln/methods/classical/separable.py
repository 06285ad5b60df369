"""The PSF as a product of one along the columns and one along the rows of an image."""

from __future__ import annotations

import torch
from torch import Tensor

from udaln.methods.classical.observed import Observed


def degradation_matrices(pair: Observed) -> tuple[Tensor, Tensor]:
    """The matrices P and Q, h×H and w×W, with which P·X·Qᵀ is close to an image X, blurred and sampled.

    The PSF is replaced by the nearest product of a column and a row; for a Gaussian, the two are equal. Beyond the
    image its border pixels are repeated.
    """
    left, values, right = torch.linalg.svd(pair.psf)
    profiles = left[:, 0] * values[0], right[0]
    total = pair.psf.sum()
    if profiles[0].sum().abs() * profiles[1].sum().abs() > 1e-6 * total.abs():
        profiles = profiles[0] / profiles[0].sum() * total, profiles[1] / profiles[1].sum()
    before = (len(pair.psf) - pair.scale) // 2
    matrices = []
    for profile, shift, side in zip(profiles, pair.shift, pair.hr_msi.shape[:2], strict=True):
        starts = torch.arange(0, side, pair.scale, device=profile.device)[:, None] + shift - before
        places = (starts + torch.arange(len(profile), device=profile.device)).clamp(0, side - 1)
        matrix = profile.new_zeros(len(starts), side)
        matrices.append(matrix.scatter_add_(1, places, profile.expand(len(starts), -1)))
    return matrices[0], matrices[1]
