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
from udaln.solvers.noise import Noise, estimate_noise, noise_edge
from udaln.solvers.regression import affine_regression

ROUNDING = 1e-7  # of an image: what the images disagree about by rounding
RIDGE = 1e-6  # of the map's error: what it can be wrong by where its residual shows nothing


@torch.no_grad()
def consistent(networks: FusionNetworks, scene: Scene, done: Callable[[float], None] | None = None) -> Tensor:
    """The posterior mean of the image wanted, given both images, the PSF, the SRF and SpeUnet's map.

    1. Noise levels of both images are estimated from the pair.
    2. The HR-MSI is freed of its noise. What is left of it after smoothing is noise and pixel texture, in shares that
       are known; the texture is kept.
    3. SpeUnet maps the smooth part. Texture, as far as can be seen, is independent from band to band: it enters the
       bands that an MSI band covers, by their own variance.
    4. The HR-MSI corrects the map: by the map's error covariance, which Y − PX̂ shows, against the misfit and what noise
       is left.
    5. The LR-HSI corrects it: its residual is kriged to the HR pixels, against its noise and the misfit.

    Misfit is what SpeDnet(Y) and SpaDnet(Z) disagree about beyond the noise: where the PSF or the SRF is not what the
    sensors have, the residual is not the map's alone, and to follow it would do harm.

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
    lr_msi = degrade(scene.hr_msi.double(), psf, scene.scale).flatten(0, 1)
    expected = srf.T @ (noise.lr_hsi[:, None] ** 2 * srf) + averaged * torch.diag(noise.hr_msi**2)
    misfit = _misfit(scene.lr_hsi.flatten(0, 1).double() @ srf - lr_msi, expected, lr_msi)
    uncertain = torch.diag((1 - share) * variance.mean((0, 1), dtype=torch.float64)) + misfit

    fused = networks.fuse(smooth)
    fused += (texture @ _texture_gain(srf, noise).to(texture)).to(fused)
    residual = scene.lr_hsi - degrade(fused, psf, scene.scale)
    gain = _msi_gain(residual, srf, psf, noise, uncertain)
    fused += ((smooth + texture - fused @ srf.to(fused)) @ gain.to(smooth)).to(fused)
    residual = scene.lr_hsi - degrade(fused, psf, scene.scale)
    slope, _ = affine_regression(lr_msi, scene.lr_hsi.flatten(0, 1))
    fused += krige(residual, smooth, psf, noise.lr_hsi, slope.T @ misfit @ slope, done)
    return fused


def _misfit(disagreement: Tensor, expected: Tensor, lr_msi: Tensor) -> Tensor:
    """Covariance, c×c, of what the images disagree about, (N, c), beyond the noise covariance expected of it.

    In units of that noise, the directions count whose power no noise has by chance.
    """
    least = (ROUNDING * lr_msi.square().mean(0).sqrt()) ** 2
    root = torch.linalg.cholesky(expected + torch.diag(least.clamp(min=torch.finfo(torch.float32).tiny)))
    whitened = torch.linalg.solve_triangular(root, disagreement.T, upper=False)
    power, axes = torch.linalg.eigh(whitened @ whitened.T / len(disagreement))
    beyond = torch.where(power > noise_edge(len(disagreement), len(power)), power - 1, 0.0)
    spread = root @ axes
    misfit: Tensor = (spread * beyond) @ spread.T
    return misfit


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
    errors of single pixels that the PSF averages; R, c×c, is what is not certain of the HR-MSI.
    """
    seen = residual.flatten(0, 1).double().T
    values, axes = torch.linalg.eigh(seen @ seen.T / seen.shape[1] - torch.diag(noise.lr_hsi**2))
    error = (axes * values.clamp(min=0)) @ axes.T / psf.square().sum()
    error.diagonal().add_(RIDGE * error.diagonal().mean().clamp(min=torch.finfo(torch.float32).tiny))
    spread = error @ srf
    gain: Tensor = torch.linalg.solve(srf.T @ spread + uncertain, spread.T)
    return gain
