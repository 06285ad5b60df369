"""How far the two images of a pair agree on the scene, given an estimated degradation."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from udaln.estimation.noise import homogeneous_patches, unique_variances
from udaln.estimation.psf import rim_weight
from udaln.physics.border import both_ways, centre_and_spread
from udaln.physics.degradation import Degradation
from udaln.physics.observation import usable_lr_pixels
from udaln.scene import Scene

DEVIATES = 5.0  # robust standard deviations from which on an LR pixel disagrees
CHANCE = 3.0  # standard errors of the noise's variance that are no disagreement

Noises = tuple[Tensor, Tensor]  # variances of the LR-HSI, C, and of the HR-MSI, c


@dataclass(frozen=True)
class Agreement:
    """How far SpeDnet(Y) and SpaDnet(Z) agree.

    Attributes:
        lr_pixels: Number of LR pixels that were compared.
        disagreement: Variance of the difference beyond the noise of both images and chance, as a share of the variance
            of the MSI band, c; without the LR pixels that are ``changed``.
        changed: Share of the LR pixels that disagree far more than the others.
        rim: Mean weight of the outermost pixels of the PSF's window, relative to that of all pixels.
    """

    lr_pixels: int
    disagreement: Tensor
    changed: float
    rim: float


@torch.no_grad()
def agreement(degradation: Degradation, scene: Scene, noise: Noises) -> Agreement:
    """Compare the two ways to the LR-MSI.

    Args:
        degradation: As it was estimated, on the CPU.
        scene: The pair, aligned, on the CPU.
        noise: Of both images, from `noise_variances`.
    """
    psf, srf = degradation.psf, degradation.srf
    usable = usable_lr_pixels(replace(scene, lr_changed=None), psf)
    seen, lr_msi = (way[usable] for way in both_ways(degradation, scene))
    difference = seen - lr_msi
    in_difference = srf.square().T @ noise[0] + psf.square().sum() * noise[1]
    variance = lr_msi.var(0).clamp(min=torch.finfo(torch.float64).tiny)
    centre, spread = centre_and_spread(difference)
    spread = torch.maximum(spread, in_difference.sqrt()).clamp(min=torch.finfo(torch.float32).tiny)
    deviates = ((difference - centre).abs() > DEVIATES * spread).any(1)
    by_chance = in_difference * CHANCE * (2 / len(difference)) ** 0.5  # of a sample variance
    return Agreement(
        lr_pixels=len(difference),
        disagreement=((difference[~deviates].square().mean(0) - in_difference - by_chance) / variance).clamp(min=0),
        changed=float(deviates.double().mean()),
        rim=rim_weight(psf) if len(psf) > scene.scale else 0.0,
    )


def noise_variances(degradation: Degradation, scene: Scene) -> Noises:
    """What neither other bands nor neighbours explain: at most so large is the noise of each band.

    Args:
        degradation: Whose gains and offsets bring the HR-MSI to the radiometry of the LR-HSI.
        scene: The pair, aligned.

    Returns:
        Variances of the LR-HSI, C, and of the HR-MSI, c, float64.
    """
    lr_hsi = scene.lr_hsi.flatten(0, 1)[usable_lr_pixels(scene, degradation.psf)].double()
    hr_msi = degradation.matched(scene.hr_msi.double())
    return unique_variances(lr_hsi[:, :, None]), unique_variances(homogeneous_patches(hr_msi, scene.hr_valid))
