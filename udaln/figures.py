"""The figures of a run: how good the networks are now, by everything that can be known."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import l1_loss

from udaln.data.simulate import degrade
from udaln.metrics import fusion_metrics, psnr
from udaln.networks import FusionNetworks
from udaln.scene import Scene


@torch.no_grad()
def figures(networks: FusionNetworks, scene: Scene, fused: Tensor | None) -> dict[str, float]:
    """Every figure that this scene allows.

    Args:
        networks: The three networks.
        scene: The scene, on the device of the networks.
        fused: The fused image, H×W×C, in the units of the scene; none while SpeUnet is untrained.

    Returns:
        * with a reference and a fused image: ``psnr, sam, ergas, cc, uiqi, rmse``;
        * with a fused image: ``lr_hsi_error`` and ``hr_msi_error``, the mean absolute errors SpaDnet(X̂) − Y and
          SpeDnet(X̂) − Z;
        * always ``lr_msi_error``, of SpeDnet(Y) − SpaDnet(Z);
        * with the true PSF: ``psf_error``, the largest absolute error of a weight;
        * with the true SRF: ``srf_error``, ‖S − S*‖ / ‖S*‖ in the Frobenius norm;
        * with both and a reference: ``spad_psnr`` and ``sped_psnr`` [dB], how well SpaDnet(Z) and SpeDnet(Y) fit the
          LR-MSI of the reference.
    """
    result: dict[str, float] = {}
    truth, psf, srf = scene.truth, networks.spad.psf, networks.sped.srf
    lr_hsi, hr_msi = scene.lr_hsi.double(), scene.hr_msi.double()
    if fused is not None:
        if truth.image is not None:
            metrics = fusion_metrics(scene.scale).to(fused.device)
            metrics.update(truth.image, fused)
            result |= {name: float(value) for name, value in metrics.compute().items()}
        result["lr_hsi_error"] = float(l1_loss(degrade(fused, psf, scene.scale).double(), lr_hsi))
        result["hr_msi_error"] = float(l1_loss(fused.double() @ srf, hr_msi))
    lr_msi_spad, lr_msi_sped = degrade(hr_msi, psf, scene.scale), lr_hsi @ srf
    result["lr_msi_error"] = float(l1_loss(lr_msi_sped, lr_msi_spad))
    if truth.psf is not None and truth.psf.shape == psf.shape:
        result["psf_error"] = float((psf - truth.psf).abs().max())
    if truth.srf is not None:
        result["srf_error"] = float((srf - truth.srf).norm() / truth.srf.norm())
    if truth.image is not None and truth.psf is not None and truth.srf is not None:
        true_lr_msi = degrade(truth.image.double() @ truth.srf.double(), truth.psf, scene.scale)
        result["spad_psnr"] = float(psnr(true_lr_msi, lr_msi_spad))
        result["sped_psnr"] = float(psnr(true_lr_msi, lr_msi_sped))
    return result
