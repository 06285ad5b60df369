"""What the two images still say once the networks are trained: the fused image made consistent with both."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from udaln.interpolation import interpolate
from udaln.networks import FusionNetworks
from udaln.scene import Scene
from udaln.solvers.denoise import denoise
from udaln.solvers.kriging import krige
from udaln.solvers.noise import Noise, estimate_noise, noise_edge
from udaln.solvers.psf import centre_shift
from udaln.solvers.regression import affine_regression
from udaln.windows import degrade

ROUNDING = 1e-7  # of an image: what the images disagree about by rounding
PLAUSIBLE = 1e3  # signal-to-noise ratio (power) of a hyperspectral camera at the size of HR pixels
HIDDEN = 10**-3.5  # share of a band's power that single pixels may hide under the noise
MISSING = 0.5  # share of a PSF that may lie in gaps of the HR-MSI, which the LR-HSI has filled
RIDGE = 1e-6  # of the map's error: what it can be wrong by where its residual shows nothing


class Refined(NamedTuple):
    """A fused image and what is known of its errors.

    Attributes:
        image: X̂, H×W×C float32, in the units of the LR-HSI.
        deviation: Standard deviation of its error, likewise; none where it was not asked for.
        noise: Of both images, in the units of the LR-HSI; that of the HR-MSI in its radiometry.
    """

    image: Tensor
    deviation: Tensor | None
    noise: Noise


@torch.no_grad()
def consistent(
    networks: FusionNetworks,
    scene: Scene,
    done: Callable[[float], None] | None = None,
    *,
    with_deviation: bool = False,
) -> Refined:
    """The posterior mean of the image wanted, given both images, the PSF, the SRF and SpeUnet's map.

    1. Noise levels of both images are estimated from the pair.
    2. The HR-MSI is freed of its noise. What is left of it after smoothing is noise and pixel texture, in shares that
       are known; the texture is kept.
    3. SpeUnet maps the smooth part. Texture, as far as can be seen, is independent from band to band: it enters the
       bands that an MSI band covers, by their own variance.
    4. The HR-MSI corrects the map: by the map's error covariance, which Y − PX̂ shows, against the misfit and what noise
       is left. Misfit is what SpeDnet(Y) and SpaDnet(Z) disagree about beyond the noise.
    5. The LR-HSI corrects it: its residual is kriged to the HR pixels, against its noise and what another PSF would
       explain of the disagreement; to follow that would do harm.
    6. What is left of the residual is interpolated, as far as it is likely part of the scene and not noise.

    Of an HR-MSI with gaps the LR-HSI, interpolated, stands in for what is missing; it tells of HR pixels beside a gap
    as long as it sees no more than half of its PSF in it.

    Without noise the result reproduces both images. Step 4 changes nothing of a regression, which reproduces the HR-MSI
    by itself.

    Args:
        networks: Trained, on the device of the scene.
        scene: The pair.
        done: Told from time to time which share of the work is done.
        with_deviation: Calculate how far off the image may be, too.
    """
    psf, srf = networks.spad.psf, networks.sped.srf
    hr_msi = networks.matched(scene.hr_msi)
    seen = scene.seen(psf)
    lr_hsi = scene.lr_hsi.flatten(0, 1)[seen].double()
    if scene.hr_valid is not None:
        seen_of_gaps = interpolate(scene.lr_hsi.double() @ srf, scene.scale, _place(psf, scene)).to(hr_msi)
        hr_msi = torch.where(scene.hr_valid[..., None], hr_msi, seen_of_gaps)
    noise = estimate_noise(lr_hsi, scene.degrade(hr_msi.double(), psf)[seen], hr_msi, psf, srf, scene.hr_valid)
    averaged = psf.square().sum()  # of the variance of single pixels, what is left at low resolution
    texture_variance = torch.minimum(noise.hr_texture**2, srf.square().T @ noise.lr_texture**2 / averaged)
    level = (noise.hr_msi**2 + texture_variance).sqrt()
    smooth, variance = denoise(hr_msi, level, scene.hr_valid)
    share = texture_variance / level.square().clamp(min=torch.finfo(torch.float64).tiny)
    texture = (hr_msi - smooth) * share.to(smooth)
    lr_msi = scene.degrade(hr_msi.double(), psf)[seen]
    expected = srf.T @ (noise.lr_hsi[:, None] ** 2 * srf) + averaged * torch.diag(noise.hr_msi**2)
    misfit = _misfit(lr_hsi @ srf - lr_msi, expected, lr_msi)
    uncertain = torch.diag((1 - share) * variance.mean((0, 1), dtype=torch.float64)) + misfit

    fused = networks.fuse(networks.unmatched(smooth))
    fused += (texture @ _texture_gain(srf, noise).to(texture)).to(fused)
    residual = lr_hsi - scene.degrade(fused, psf)[seen]
    gain = _msi_gain(residual, srf, psf, noise, uncertain)
    fused += ((smooth + texture - fused @ srf.to(fused)) @ gain.to(smooth)).to(fused)
    slope, _ = affine_regression(lr_msi, lr_hsi)
    blurred = _by_psf(lr_hsi @ srf - lr_msi, hr_msi.double(), scene, psf, seen) @ slope
    unwanted = blurred.T @ blurred / len(blurred)
    told = scene.seen(psf, missing=MISSING)
    wanted = scene.lr_hsi.flatten(0, 1)[told].double()
    residual = wanted - scene.degrade(fused, psf)[told]
    kriged = krige(
        residual,
        told,
        smooth,
        psf,
        scene.shift,
        noise.lr_hsi,
        unwanted,
        done,
        gaps=None if scene.hr_valid is None else ~scene.hr_valid,
        with_variance=with_deviation,
    )
    fused += kriged.image
    rest = torch.zeros(len(told), wanted.shape[1], dtype=torch.float64, device=told.device)
    rest[told] = (wanted - scene.degrade(fused, psf)[told]) * _part_of_scene(lr_hsi, noise, averaged)
    fused += interpolate(rest.view(scene.lr_hsi.shape), scene.scale, _place(psf, scene)).to(fused)
    deviation = None
    if kriged.variance is not None:
        of_msi = ((1 - share).to(variance) * variance) @ slope.square().to(variance)
        hidden = torch.minimum(noise.lr_texture**2, kriged.unused) / averaged
        hidden = torch.minimum(hidden, HIDDEN * lr_hsi.square().mean(0))
        elsewhere = hidden + (slope.T @ misfit @ slope).diagonal() / averaged.sqrt()
        deviation = (kriged.variance + of_msi.to(fused) + elsewhere.to(fused)).sqrt()
    return Refined(fused, deviation, noise)


def _place(psf: Tensor, scene: Scene) -> tuple[float, float]:
    """How far the LR-HSI lies off its place on the scene's HR-MSI [HR pixels]."""
    return centre_shift(psf.cpu().numpy(), scene.scale, scene.shift)


def _part_of_scene(lr_hsi: Tensor, noise: Noise, averaged: Tensor) -> Tensor:
    """How much of what is taken for noise of the LR-HSI is more likely part of the scene as its camera sees it, C.

    A camera as sharp as the HR-MSI would show 1/averaged of it in each pixel. The less that is, beside what such
    cameras have, the less likely it came into the LR-HSI otherwise.
    """
    odds = (lr_hsi.square().mean(0) * averaged) ** 2
    return odds / (odds + (PLAUSIBLE * noise.lr_hsi.square()) ** 2)


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


def _by_psf(disagreement: Tensor, hr_msi: Tensor, scene: Scene, psf: Tensor, seen: Tensor) -> Tensor:
    """The part of what the images disagree about, N×c, that another PSF would explain, less what it does by chance.

    Another PSF adds, alike in all bands, the HR-MSI as the same PSF sees it from places nearby.
    """
    step = scene.scale / 2
    places = [(round(i * step), round(j * step)) for i in range(-2, 3) for j in range(-2, 3) if i or j]
    down, right = scene.shift
    there = [degrade(hr_msi, psf, scene.scale, (down + i, right + j)).flatten(0, 1)[seen] for i, j in places]
    here = scene.degrade(hr_msi, psf)[seen]
    level = disagreement.square().mean(0).sqrt().clamp(min=torch.finfo(torch.float64).tiny)
    design = torch.stack([((part - here) / level).flatten() for part in there], 1)
    wanted = (disagreement / level).flatten()
    weights = torch.linalg.pinv(design, rtol=1e-10) @ wanted
    explained: Tensor = (design @ weights).view_as(disagreement)
    share = float(explained.square().sum() / wanted.square().sum().clamp(min=torch.finfo(torch.float64).tiny))
    by_chance = len(places) / len(disagreement)
    certain = max(0.0, 1 - by_chance / max(share, 1e-12))
    explained = explained * level * certain**0.5
    return explained


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
    values, axes = torch.linalg.eigh(residual.T @ residual / len(residual) - torch.diag(noise.lr_hsi**2))
    error = (axes * values.clamp(min=0)) @ axes.T / psf.square().sum()
    error.diagonal().add_(RIDGE * error.diagonal().mean().clamp(min=torch.finfo(torch.float32).tiny))
    spread = error @ srf
    gain: Tensor = torch.linalg.solve(srf.T @ spread + uncertain, spread.T)
    return gain
