"""The reduced-resolution check: how well the same fusion does where the answer is known, one scale below."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from udaln.experiment.fusion import fuse_scene
from udaln.experiment.schema import Method, Source
from udaln.io.gaps import without_gaps
from udaln.methods.udaln.networks import FusionNetworks
from udaln.metrics import fusion_metrics
from udaln.physics.instruments import Instruments
from udaln.physics.interpolation import interpolate
from udaln.physics.simulation import gaussian_psf
from udaln.physics.windows import degrade
from udaln.scene import Known, Scene, Truth

FEWEST = 8  # LR pixels along a side that a pair to fuse has at least
LEFT = FEWEST**2 // 4  # of them that gaps must leave


def reduced_resolution(
    networks: FusionNetworks, scene: Scene, method: Method, instruments: Instruments, *, seed: int = 2
) -> dict[str, float]:
    """Degrade a pair once more, fuse it in the same way, and compare the result with the LR-HSI (Wald et al. 1997).

    The HR-MSI is brought to the LR-HSI's pixels by the PSF that was found, the LR-HSI degraded by a Gaussian of the
    scale factor's width, or of the largest factor that leaves 8 pixels a side. Both images' noise counts as error, and
    a scene is rougher one scale below: the figures say more about bands and pairs beside each other than in themselves.

    Args:
        networks: Trained, on the CPU.
        scene: The pair, aligned, on the CPU.
        method: By which it was fused.
        instruments: Resolved.
        seed: Of the networks' first weights.

    Returns:
        ``check_scale``; the six figures as ``check_psnr`` …; and those of the LR-HSI interpolated alone as
        ``check_interpolated_psnr`` …; empty where the LR-HSI is too small for it or gaps leave too little.
    """
    scale = min(scene.scale, *(side // FEWEST for side in scene.lr_hsi.shape[:2]))
    if scale < 2:
        return {}
    pair = _reduced(networks, scene, scale)
    if pair is None:
        return {}
    assert pair.truth.image is not None
    stages = replace(method.stages, psf=Source.learned, srf=Source.learned)
    placed = replace(instruments, shift=False)
    _, _, fused = fuse_scene(pair, replace(method, stages=stages), placed, scale, seed=seed, progress=False)
    figures = {"check_scale": float(scale)}
    for name, image in (("", fused.image), ("interpolated_", interpolate(pair.lr_hsi, scale).to(fused.image))):
        metrics = fusion_metrics(scale)
        metrics.update(pair.truth.image, torch.where(pair.covered[..., None], image, torch.nan))
        figures |= {f"check_{name}{key}": float(value) for key, value in metrics.compute().items()}
    return figures


def _reduced(networks: FusionNetworks, scene: Scene, scale: int) -> Scene | None:
    """The pair one scale below, if gaps leave enough of one; the LR-HSI is its truth."""
    rows, columns = (side // scale * scale for side in scene.lr_hsi.shape[:2])
    psf = networks.spad.psf

    def cropped(image: Tensor) -> Tensor:
        return image[:rows, :columns]

    reference = cropped(scene.lr_hsi)
    lr_msi = cropped(scene.degrade(scene.hr_msi, psf).view(*scene.lr_hsi.shape[:2], -1))
    usable = cropped(scene.seen(psf).view(scene.lr_hsi.shape[:2]))
    gapless, hr_valid = without_gaps(lr_msi, usable)
    blur = gaussian_psf(scale, scale, scale)
    whole = degrade(usable[..., None].double(), blur, scale)[..., 0] > 1 - 1e-9
    if whole.sum() < LEFT:
        return None
    lr_hsi, lr_valid = without_gaps(degrade(reference, blur, scale), whole)
    return Scene(
        lr_hsi,
        gapless,
        scene.support,
        wavelengths=scene.wavelengths,
        known=Known(),
        truth=Truth(image=reference.float()),
        lr_valid=lr_valid,
        hr_valid=hr_valid,
    )
