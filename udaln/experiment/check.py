"""The reduced-resolution check: the same fusion one scale below, where the LR-HSI is the reference."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from udaln.experiment.fusion import fuse_scene
from udaln.experiment.preparation import FusionOptions
from udaln.io.gaps import fill_gaps
from udaln.methods.base import Training
from udaln.metrics import fusion_metrics
from udaln.physics.degradation import Degradation
from udaln.physics.interpolation import interpolate
from udaln.physics.observation import degraded, usable_lr_pixels
from udaln.physics.simulation import gaussian_psf
from udaln.physics.windows import degrade
from udaln.scene import Known, Scene, Truth

MIN_SIDE = 8  # shortest side of the reduced pair [LR pixels]
MIN_VALID = MIN_SIDE**2 // 4  # valid LR pixels that the reduced pair needs


def reduced_resolution(
    degradation: Degradation, scene: Scene, options: FusionOptions, training: Training
) -> dict[str, float]:
    """Degrade a pair by its scale factor, fuse it in the same way, and compare the result with the LR-HSI.

    This is Wald's protocol (Wald, Ranchin and Mangolini, Photogramm. Eng. Remote Sens. 63, 1997). The HR-MSI is
    degraded by the estimated PSF, the LR-HSI by a Gaussian with a FWHM of the scale factor, or of the largest factor
    that leaves 8 pixels along each side. The noise of both images counts as error, and a scene has more detail per
    pixel one scale below. The figures are therefore better for comparing bands and pairs than as absolute values.

    Args:
        degradation: As it was estimated, on the CPU.
        scene: The pair, aligned, on the CPU.
        options: How it was fused.
        training: Where the method is fitted.

    Returns:
        ``check_scale``; the six figures as ``check_psnr`` …; and those of the LR-HSI interpolated alone as
        ``check_interpolated_psnr`` …. Empty if the LR-HSI is too small or has too few valid pixels.
    """
    scale = min(scene.scale, *(side // MIN_SIDE for side in scene.lr_hsi.shape[:2]))
    if scale < 2:
        return {}
    reduced = _reduced_scene(degradation, scene, scale)
    if reduced is None:
        return {}
    assert reduced.truth.image is not None
    options = replace(
        options,
        instruments=replace(options.instruments, shift=False, change=False),
        known_psf=False,
        known_srf=False,
        kernel_size=scale,
        uncertainty=False,
        progress=False,
    )
    fused = fuse_scene(reduced, options, training)
    figures = {"check_scale": float(scale)}
    for name, image in (("", fused.estimate.image), ("interpolated_", interpolate(reduced.lr_hsi, scale).float())):
        metrics = fusion_metrics(scale)
        metrics.update(reduced.truth.image, torch.where(reduced.valid[..., None], image, torch.nan))
        figures |= {f"check_{name}{key}": float(value) for key, value in metrics.compute().items()}
    return figures


def _reduced_scene(degradation: Degradation, scene: Scene, scale: int) -> Scene | None:
    """The degraded pair, with the LR-HSI as its truth; None if it has too few valid pixels."""
    rows, columns = (side // scale * scale for side in scene.lr_hsi.shape[:2])
    psf = degradation.psf

    def cropped(image: Tensor) -> Tensor:
        return image[:rows, :columns]

    reference = cropped(scene.lr_hsi)
    lr_msi = cropped(degraded(scene, scene.hr_msi, psf).view(*scene.lr_hsi.shape[:2], -1))
    usable = cropped(usable_lr_pixels(scene, psf).view(scene.lr_hsi.shape[:2]))
    hr_msi, hr_valid, _ = fill_gaps(lr_msi, usable)
    blur = gaussian_psf(scale, scale, scale)
    fully_usable = degrade(usable[..., None].double(), blur, scale)[..., 0] > 1 - 1e-9
    if fully_usable.sum() < MIN_VALID:
        return None
    lr_hsi, lr_valid, _ = fill_gaps(degrade(reference, blur, scale), fully_usable)
    return Scene(
        lr_hsi,
        hr_msi,
        scene.support,
        wavelengths=scene.wavelengths,
        known=Known(),
        truth=Truth(image=reference.float()),
        lr_valid=lr_valid,
        hr_valid=hr_valid,
    )
