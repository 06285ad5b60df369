"""Displacement of bands against each other: the keystone of a spectrometer, or the offset between its detectors."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import torch
from torch import Tensor
from torch.nn.functional import avg_pool1d

from udaln.physics.interpolation import displaced
from udaln.physics.observation import degraded, gradients
from udaln.scene import Scene

STEPS = 2  # of Gauss and Newton
GROUPS = 64  # of LR pixels, about, that are left out in turn to tell the error of an estimate
FEWEST_GROUPS = 40
SIGNIFICANT = 36.0  # square of a displacement, in units of its error, from which on it is not chance
OUTLYING = 3.0  # size of a residual, in medians of its band, from which on it counts less than half
NEIGHBOURS = 5  # bands around one of which most have to be displaced, too: a single one is not
SMALLEST = 0.01  # displacement that matters [HR pixels]


@torch.no_grad()
def band_displacement(fused: Tensor, scene: Scene, psf: Tensor, valid: Tensor) -> Tensor:
    """Displacement of each band of the LR-HSI against the fused image, 2×C: down, to the right [HR pixels].

    The bands of a spectrometer do not see exactly the same ground, by optical distortion along its slit (keystone) or
    as they are on several detectors. The HR-MSI shows its own bands in their places only. The LR residual of a band
    that is displaced is its gradient times the displacement, which is estimated by least squares. Its error follows
    from leaving out each of some groups of neighbouring LR pixels (jackknife). A displacement that may be chance is
    0, others are reduced by what chance contributes to them (James and Stein, 1961).

    Args:
        fused: H×W×C.
        scene: The pair.
        psf: k×k.
        valid: Mask of the LR pixels that are used, N bool.
    """
    group, groups = _groups(scene.lr_hsi.shape[:2], valid, ceil(len(psf) / scene.scale))
    displacement = torch.zeros(2, fused.shape[2], dtype=torch.float64, device=fused.device)
    if groups < FEWEST_GROUPS:
        return displacement
    lr_hsi = scene.lr_hsi.flatten(0, 1)[valid].double()
    for _ in range(STEPS):
        moved = displaced(fused, displacement)
        residual = lr_hsi - degraded(scene, moved, psf)[valid]
        step, error = _step(residual, gradients(scene, moved, psf)[:, valid], group, groups)
        displacement = (displacement + step).clamp(-scene.scale, scene.scale)
    power = (displacement.T[:, None] @ torch.linalg.pinv(error, hermitian=True) @ displacement.T[..., None]).flatten()
    significant = (power > SIGNIFICANT) & (displacement.abs().amax(0) > SMALLEST)
    nearby = avg_pool1d(significant[None].double(), NEIGHBOURS, stride=1, padding=NEIGHBOURS // 2)[0]
    significant = significant & (nearby > 0.5)
    return torch.where(significant, displacement * (1 - 2 / power.clamp(min=SIGNIFICANT)), 0.0)


def _groups(sides: Sequence[int], valid: Tensor, smallest: int) -> tuple[Tensor, int]:
    """The number of the group of each valid LR pixel, (n,), and the number of groups.

    Groups are squares of neighbours, at least as wide as the PSF, as the errors of pixels that it joins are alike.
    """
    side = max(smallest, round((float(valid.sum()) / GROUPS) ** 0.5))
    down, across = (torch.arange(length, device=valid.device) // side for length in sides)
    square = down[:, None] * (len(across) // side + 1) + across
    numbers, group = square.flatten()[valid].unique(return_inverse=True)
    return group, len(numbers)


def _step(residual: Tensor, gradients: Tensor, group: Tensor, groups: int) -> tuple[Tensor, Tensor]:
    """The displacement that explains most of a residual n×C, 2×C, and the covariance of its error, C×2×2."""
    scale = residual.abs().median(0).values.clamp(min=torch.finfo(torch.float64).tiny)
    weight = 1 / (1 + (residual / (OUTLYING * scale)).square())
    products = torch.einsum("anc,bnc,nc->ncab", gradients, gradients, weight)
    moments = torch.einsum("anc,nc,nc->nca", gradients, residual, weight)
    left = products.new_zeros(groups, *products.shape[1:]).index_add_(0, group, products)
    right = moments.new_zeros(groups, *moments.shape[1:]).index_add_(0, group, moments)
    whole = _solved(left.sum(0), right.sum(0))
    change = _solved(left.sum(0) - left, right.sum(0) - right) - whole  # G×C×2
    return whole.T, torch.einsum("gca,gcb->cab", change, change) * (groups - 1) / groups


def _solved(left: Tensor, right: Tensor) -> Tensor:
    """Solutions of 2×2 systems, …×2; where there is no gradient, 0."""
    solution: Tensor = (torch.linalg.pinv(left, hermitian=True) @ right[..., None])[..., 0]
    return solution
