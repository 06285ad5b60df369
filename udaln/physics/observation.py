"""What the LR-HSI's pixels record of an image on the HR-MSI's pixels, and which of them can be used."""

from __future__ import annotations

import torch
from torch import Tensor

from udaln.physics.windows import degrade, windows
from udaln.scene import Scene

MAX_INVALID = 0.01  # share of a PSF that may lie on pixels that are not valid or beyond the image


def degraded(scene: Scene, image: Tensor, psf: Tensor) -> Tensor:
    """An image on the HR-MSI's pixels, rh×rw×B, blurred by a PSF, k×k, and sampled at the LR-HSI's pixels: N×B."""
    return degrade(image, psf, scene.scale, scene.shift).flatten(0, 1)


def usable_lr_pixels(scene: Scene, psf: Tensor, max_invalid: float = MAX_INVALID) -> Tensor:
    """Which LR pixels, N bool, are valid and have (almost) none but valid HR pixels under their PSF, k×k.

    Pixels whose PSF reaches beyond the image are excluded, too, unless that would leave less than half of all.

    Args:
        scene: The pair.
        psf: Of any sum; negative weights count by their size.
        max_invalid: Share of it that may lie on HR pixels that are not valid.
    """
    lr_hsi, hr_msi = scene.lr_hsi, scene.hr_msi
    usable = torch.ones(lr_hsi.shape[:2], dtype=torch.bool, device=lr_hsi.device).flatten()
    if scene.lr_valid is not None:
        usable = scene.lr_valid.flatten()
    psf = psf.abs() / psf.abs().sum()
    if scene.hr_valid is not None:
        usable = usable & (degraded(scene, (~scene.hr_valid).to(psf)[..., None], psf)[:, 0] < max_invalid)
    if len(psf) == scene.scale and scene.shift == (0, 0):
        return usable
    within = windows(torch.ones_like(hr_msi[..., :1]), len(psf), scene.scale, scene.shift, beyond=0.0)[..., 0]
    inside = within.to(psf) @ psf.flatten() > 1 - MAX_INVALID
    return usable & inside if 2 * inside.sum() >= len(inside) else usable
