"""The reduced-resolution check: how well the same fusion does where the answer is known, one scale below."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from udaln.experiment.fusion import FusionOptions, fuse_scene
from udaln.io.gaps import fill_gaps
from udaln.methods.base import Training
from udaln.metrics import fusion_metrics
from udaln.physics.degradation import Degradation
from udaln.physics.interpolation import interpolate
from udaln.physics.observation import degraded, usable_lr_pixels
from udaln.physics.simulation import gaussian_psf
from udaln.physics.windows import degrade
from udaln.scene import Known, Scene, Truth

FEWEST = 8  # LR pixels along a side that a pair to fuse has at least
LEFT = FEWEST**2 // 4  # of them that gaps must leave


def reduced_resolution(
    degradation: Degradation, scene: Scene, options: FusionOptions, training: Training
) -> dict[str, float]:
    """Degrade a pair once more, fuse it in the same way, and compare the result with the LR-HSI (Wald et al. 1997).

    The HR-MSI is brought to the LR-HSI's pixels by the PSF that was found, the LR-HSI degraded by a Gaussian of the
    scale factor's width, or of the largest factor that leaves 8 pixels a side. Both images' noise counts as error, and
    a scene is rougher one scale below: the figures say more about bands and pairs beside each other than in themselves.

    Args:
        degradation: As it was estimated, on the CPU.
        scene: The pair, aligned, on the CPU.
        options: How it was fused.
        training: Where the method is fitted.

    Returns:
        ``check_scale``; the six figures as ``check_psnr`` …; and those of the LR-HSI interpolated alone as
        ``check_interpolated_psnr`` …; empty where the LR-HSI is too small for it or gaps leave too little.
    """
    scale = min(scene.scale, *(side // FEWEST for side in scene.lr_hsi.shape[:2]))
    if scale < 2:
        return {}
    pair = _reduced(degradation, scene, scale)
    if pair is None:
        return {}
    assert pair.truth.image is not None
    again = replace(
        options,
        instruments=replace(options.instruments, shift=False),
        known_psf=False,
        known_srf=False,
        kernel_size=scale,
        uncertainty=False,
        progress=False,
    )
    fused = fuse_scene(pair, again, training)
    figures = {"check_scale": float(scale)}
    for name, image in (("", fused.estimate.image), ("interpolated_", interpolate(pair.lr_hsi, scale).float())):
        metrics = fusion_metrics(scale)
        metrics.update(pair.truth.image, torch.where(pair.valid[..., None], image, torch.nan))
        figures |= {f"check_{name}{key}": float(value) for key, value in metrics.compute().items()}
    return figures


def _reduced(degradation: Degradation, scene: Scene, scale: int) -> Scene | None:
    """The pair one scale below, if gaps leave enough of one; the LR-HSI is its truth."""
    rows, columns = (side // scale * scale for side in scene.lr_hsi.shape[:2])
    psf = degradation.psf

    def cropped(image: Tensor) -> Tensor:
        return image[:rows, :columns]

    reference = cropped(scene.lr_hsi)
    lr_msi = cropped(degraded(scene, scene.hr_msi, psf).view(*scene.lr_hsi.shape[:2], -1))
    usable = cropped(usable_lr_pixels(scene, psf).view(scene.lr_hsi.shape[:2]))
    filled, hr_valid = fill_gaps(lr_msi, usable)
    blur = gaussian_psf(scale, scale, scale)
    whole = degrade(usable[..., None].double(), blur, scale)[..., 0] > 1 - 1e-9
    if whole.sum() < LEFT:
        return None
    lr_hsi, lr_valid = fill_gaps(degrade(reference, blur, scale), whole)
    return Scene(
        lr_hsi,
        filled,
        scene.support,
        wavelengths=scene.wavelengths,
        known=Known(),
        truth=Truth(image=reference.float()),
        lr_valid=lr_valid,
        hr_valid=hr_valid,
    )
