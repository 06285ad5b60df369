"""What the two images still say once the networks are trained: the fused image made consistent with both."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from udaln.data.simulate import degrade
from udaln.networks import FusionNetworks
from udaln.scene import Scene
from udaln.solvers.denoise import denoise
from udaln.solvers.kriging import krige
from udaln.solvers.noise import Noise, estimate_noise

RIDGE = 1e-6  # of the map's error: what it can be wrong by where its residual shows nothing


@torch.no_grad()
def consistent(networks: FusionNetworks, scene: Scene, done: Callable[[float], None] | None = None) -> Tensor:
    """The posterior mean of the image wanted, given both images, the PSF, the SRF and SpeUnet's map.

    1. Noise levels of both images are estimated from the pair.
    2. The HR-MSI is freed of its noise. What is left of it after smoothing is noise and pixel texture, in shares that
       are known; the texture is kept.
    3. SpeUnet maps the smooth part. Texture, as far as can be seen, is independent from band to band: it enters the
       bands that an MSI band covers, by their own variance.
    4. The HR-MSI corrects the map: by the map's error covariance, which Y − PX̂ shows, against what noise is left.
    5. The LR-HSI corrects it: its residual is kriged to the HR pixels, against its noise.

    Without noise the result reproduces both images. Step 4 changes nothing of a regression, which reproduces the HR-MSI
    by itself.

    Args:
        networks: Trained, on the device of the scene.
        scene: The pair.
        done: Told from time to time which share of the work is done.

    Returns:
        X̂, H×W×C float32, in the units of the scene.
    """
    psf, srf = networks.spad.psf, networks.sped.srf
    noise = estimate_noise(scene.lr_hsi, scene.hr_msi, psf, srf)
    averaged = psf.square().sum()  # of the variance of single pixels, what is left at low resolution
    texture_variance = torch.minimum(noise.hr_texture**2, srf.square().T @ noise.lr_texture**2 / averaged)
    level = (noise.hr_msi**2 + texture_variance).sqrt()
    smooth, variance = denoise(scene.hr_msi, level)
    share = texture_variance / level.square().clamp(min=torch.finfo(torch.float64).tiny)
    texture = (scene.hr_msi - smooth) * share.to(smooth)
    uncertain = (1 - share) * variance.mean((0, 1), dtype=torch.float64)

    fused = networks.fuse(smooth)
    fused += (texture @ _texture_gain(srf, noise).to(texture)).to(fused)
    residual = scene.lr_hsi - degrade(fused, psf, scene.scale)
    gain = _msi_gain(residual, srf, psf, noise, uncertain)
    fused += ((smooth + texture - fused @ srf.to(fused)) @ gain.to(smooth)).to(fused)
    residual = scene.lr_hsi - degrade(fused, psf, scene.scale)
    fused += krige(residual, smooth, psf, noise.lr_hsi, done)
    return fused


def _texture_gain(srf: Tensor, noise: Noise) -> Tensor:
    """Spectra of texture given its MSI bands, c×C: DS(SᵀDS)⁻¹ for a diagonal covariance D of the texture.

    Where the LR-HSI shows none, a thousandth of what noise it has is taken for it: the MSI bands have to be met.
    """
    variance = torch.maximum(noise.lr_texture**2, 1e-3 * (noise.lr_texture**2 + noise.lr_hsi**2))
    spread = variance[:, None] * srf
    gain: Tensor = torch.linalg.pinv(srf.T @ spread, hermitian=True) @ spread.T
    return gain


def _msi_gain(residual: Tensor, srf: Tensor, psf: Tensor, noise: Noise, uncertain: Tensor) -> Tensor:
    """How much of what X̂S lacks of the HR-MSI is added to each band, c×C: ES(SᵀES + R)⁻¹ transposed.

    E, the covariance of the map's error at an HR pixel, is that of the LR residual without the noise of Y, as large as
    errors of single pixels that the PSF averages; R is what is not certain of the HR-MSI.
    """
    seen = residual.flatten(0, 1).double().T
    values, axes = torch.linalg.eigh(seen @ seen.T / seen.shape[1] - torch.diag(noise.lr_hsi**2))
    error = (axes * values.clamp(min=0)) @ axes.T / psf.square().sum()
    error.diagonal().add_(RIDGE * error.diagonal().mean().clamp(min=torch.finfo(torch.float32).tiny))
    spread = error @ srf
    gain: Tensor = torch.linalg.solve(srf.T @ spread + torch.diag(uncertain), spread.T)
    return gain
