"""What a method that learns at low resolution learns from: the LR-MSI and the LR-HSI at the same pixels."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from udaln.physics.border import agreeing_lr_pixels, tolerance_of
from udaln.physics.degradation import Degradation
from udaln.physics.observation import degraded, usable_lr_pixels
from udaln.scene import Scene


class LrPairs(NamedTuple):
    """Pixels of both images at low resolution, in network units.

    Attributes:
        lr_msi: N×c float64.
        lr_hsi: N×C, in the precision of the scene.
    """

    lr_msi: Tensor
    lr_hsi: Tensor


@torch.no_grad()
def lr_pairs(degradation: Degradation, scene: Scene, low_pass: Tensor | None = None) -> LrPairs:
    """The LR pixels of a pair that can be used.

    Args:
        degradation: Of the pair. By its PSF, LR pixels at the border are used if both images agree there.
        scene: The pair.
        low_pass: Another filter than the PSF, k×k, summing to 1. Then LR pixels at the border are used only if too few
            others are left.
    """
    if low_pass is None:
        low_pass = degradation.psf
        used = agreeing_lr_pixels(degradation, scene, tolerance_of(degradation, scene))
    else:
        used = usable_lr_pixels(scene, low_pass)
    lr_msi = degraded(scene, scene.hr_msi.double() / degradation.msi_unit, low_pass)[used]
    return LrPairs(lr_msi, scene.lr_hsi.flatten(0, 1)[used] / degradation.unit)
