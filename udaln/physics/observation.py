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


def usable_lr_pixels(
    scene: Scene, psf: Tensor, max_invalid: float = MAX_INVALID, max_beyond: float = MAX_INVALID
) -> Tensor:
    """Which LR pixels, N bool, are valid, have not changed and have (almost) only valid HR pixels under their PSF, k×k.

    Pixels whose PSF reaches beyond the image are excluded, too, unless that would leave less than half of all.

    Args:
        scene: The pair.
        psf: Of any sum; negative weights count by their size.
        max_invalid: Share of it that may lie on HR pixels that are not valid.
        max_beyond: Share of it that may lie beyond the image.
    """
    usable = torch.ones(scene.lr_hsi.shape[:2], dtype=torch.bool, device=scene.lr_hsi.device).flatten()
    if scene.lr_valid is not None:
        usable = scene.lr_valid.flatten()
    if scene.lr_changed is not None:
        usable = usable & ~scene.lr_changed.flatten()
    if scene.hr_valid is not None:
        weights = psf.abs() / psf.abs().sum()
        usable = usable & (degraded(scene, (~scene.hr_valid).to(weights)[..., None], weights)[:, 0] < max_invalid)
    within = inside(scene, psf, max_beyond)
    return usable & within if 2 * within.sum() >= len(within) else usable


def inside(scene: Scene, psf: Tensor, max_beyond: float = MAX_INVALID) -> Tensor:
    """Which LR pixels, N bool, have no more than a share of their PSF, k×k, beyond the image."""
    if len(psf) == scene.scale and scene.shift == (0, 0):
        return torch.ones(scene.lr_hsi.shape[:2], dtype=torch.bool, device=scene.lr_hsi.device).flatten()
    weights = psf.abs() / psf.abs().sum()
    ones = torch.ones_like(scene.hr_msi[..., :1])
    within = windows(ones, len(psf), scene.scale, scene.shift, beyond=0.0)[..., 0]
    return within.to(weights) @ weights.flatten() > 1 - max_beyond


def gradients(scene: Scene, image: Tensor, psf: Tensor) -> Tensor:
    """What a displacement of an image by one HR pixel, down and to the right, adds to its LR pixels, 2×N×B float64.

    Args:
        scene: Of the image.
        image: H×W×B.
        psf: k×k.
    """
    down, right = scene.shift
    before = (down - 1, right), (down, right - 1)
    after = (down + 1, right), (down, right + 1)
    there, here = (
        torch.stack([degrade(image, psf, scene.scale, shift).flatten(0, 1).double() for shift in shifts])
        for shifts in (before, after)
    )
    difference: Tensor = (there - here) / 2
    return difference
