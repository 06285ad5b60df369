"""How much of what the two images of a pair show a fused image shows."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from udaln.estimation.psf import lr_offset
from udaln.physics.degradation import Degradation
from udaln.physics.interpolation import interpolate
from udaln.physics.observation import degraded, usable_lr_pixels
from udaln.scene import Scene
from udaln.trust.agreement import Noises

NOISE = 1.5  # multiple of the estimated noise that is no error of the image: the estimate was up to 12 % too low


@dataclass(frozen=True)
class Fidelity:
    """What a fused image lacks, beyond the noise of both images: medians of the bands.

    Attributes:
        detail: Error of the image seen by the multispectral sensor, as a share of that of the interpolated LR-HSI
            (squared): 0 if it shows all detail of the HR-MSI, 1 if it shows no more than the LR-HSI.
        spectra: Error of the image seen at the LR-HSI's pixels, as a share of the variance of the LR-HSI.
    """

    detail: float
    spectra: float


@torch.no_grad()
def fidelity(degradation: Degradation, scene: Scene, image: Tensor, noise: Noises) -> Fidelity:
    """Compare a fused image with both images of its pair.

    Args:
        degradation: As it was estimated, on the CPU.
        scene: The pair, aligned, on the CPU.
        image: X̂, H×W×C, with a value for every pixel.
        noise: Of both images, from `noise_variances`.
    """
    psf, srf = degradation.psf, degradation.srf
    usable = usable_lr_pixels(scene, psf)
    hr_msi, lr_hsi = degradation.matched(scene.hr_msi.double())[scene.valid], scene.lr_hsi.flatten(0, 1)[usable]
    lr_noise, hr_noise = (NOISE * variance for variance in noise)

    def unlike_msi(fused: Tensor) -> Tensor:
        return ((fused[scene.valid].double() @ srf - hr_msi).square().mean(0) - hr_noise).clamp(min=0)

    interpolated = unlike_msi(interpolate(scene.lr_hsi.float(), scene.scale, lr_offset(psf, scene)))
    tiny = torch.finfo(torch.float32).tiny
    detail = unlike_msi(image) / torch.maximum(interpolated, hr_noise).clamp(min=tiny)
    error = (degraded(scene, image, psf)[usable].double() - lr_hsi).square().mean(0) - lr_noise
    spectra = error.clamp(min=0) / lr_hsi.double().var(0).clamp(min=tiny)
    return Fidelity(float(detail.median()), float(spectra.median()))
