"""Gains with which each image corrects the fused image: from covariances of noise, misfit, texture and map error."""

from __future__ import annotations

import torch
from torch import Tensor

from udaln.estimation.noise import Noise, noise_edge
from udaln.physics.interpolation import mean_of_neighbours
from udaln.physics.observation import degraded
from udaln.physics.windows import degrade
from udaln.scene import Scene

ROUNDING = 1e-7  # rounding error of the images [root mean square of a band]
PLAUSIBLE_SNR = 1e3  # plausible signal-to-noise ratio (power) of a hyperspectral camera with HR pixels
OUTLYING = 3.0  # standard deviations from which on a difference is ground that has changed
# The mean of a misfit is about twice its median, and up to four LR pixels of a resampled LR-HSI share it. A large one
# leaves the PSF without a meaning.
MISFIT_SPREAD = 6.0
SMALL_MISFIT = 0.02  # share of the detail's variance
RIDGE = 1e-6  # variance that is added to the map's error in all directions [mean variance]


def residual_weight(lr_hsi: Tensor, noise: Noise, psf_energy: Tensor) -> Tensor:
    """Weight, per band, of the residual after kriging: how plausible it is that apparent noise is part of the scene, C.

    Noise of variance σ² in the LR-HSI that is part of the scene has a variance of σ²/Σp² at HR pixels. The lower that
    is, compared with the noise of a plausible camera, the more likely the scene itself contains it.

    Args:
        lr_hsi: N×C.
        noise: Of the pair.
        psf_energy: Σp², the factor by which the PSF reduces the variance of independent pixels.
    """
    odds = (lr_hsi.square().mean(0) * psf_energy) ** 2
    return odds / (odds + (PLAUSIBLE_SNR * noise.lr_hsi.square()) ** 2)


def misfit_covariance(difference: Tensor, noise_covariance: Tensor, lr_msi: Tensor) -> Tensor:
    """Covariance, c×c, of the difference between SpeDnet(Y) and SpaDnet(Z) that noise does not explain.

    Only the principal directions count whose variance, in units of the noise, exceeds what noise has by chance.

    Args:
        difference: SpeDnet(Y) − SpaDnet(Z), N×c.
        noise_covariance: Covariance of the noise in the difference, c×c.
        lr_msi: SpaDnet(Z), N×c.
    """
    floor = (ROUNDING * lr_msi.square().mean(0).sqrt()) ** 2
    root = torch.linalg.cholesky(noise_covariance + torch.diag(floor.clamp(min=torch.finfo(torch.float32).tiny)))
    whitened = torch.linalg.solve_triangular(root, difference.T, upper=False)
    power, axes = torch.linalg.eigh(whitened @ whitened.T / len(difference))
    excess = torch.where(power > noise_edge(len(difference), len(power)), power - 1, 0.0)
    directions = root @ axes
    misfit: Tensor = (directions * excess) @ directions.T
    return misfit


def psf_misfit(difference: Tensor, hr_msi: Tensor, scene: Scene, psf: Tensor, valid: Tensor) -> Tensor:
    """The part of the difference between SpeDnet(Y) and SpaDnet(Z) that another PSF would explain, N×c.

    Another PSF adds, with the same weights in all bands, differences between the HR-MSI blurred at displaced positions
    and at its own position. The difference is regressed on these; the result is reduced by what such a regression
    explains by chance.

    Args:
        difference: SpeDnet(Y) − SpaDnet(Z) at the N valid LR pixels, N×c.
        hr_msi: rh×rw×c.
        scene: For its scale factor and shift.
        psf: k×k.
        valid: Mask of the valid LR pixels, h·w bool.
    """
    step = scene.scale / 2
    displacements = [(round(i * step), round(j * step)) for i in range(-2, 3) for j in range(-2, 3) if i or j]
    down, right = scene.shift
    displaced = [
        degrade(hr_msi, psf, scene.scale, (down + i, right + j)).flatten(0, 1)[valid] for i, j in displacements
    ]
    centred = degraded(scene, hr_msi, psf)[valid]
    level = difference.square().mean(0).sqrt().clamp(min=torch.finfo(torch.float64).tiny)
    design = torch.stack([((blurred - centred) / level).flatten() for blurred in displaced], 1)
    target = (difference / level).flatten()
    weights = torch.linalg.pinv(design, rtol=1e-10) @ target
    explained: Tensor = (design @ weights).view_as(difference)
    share = float(explained.square().sum() / target.square().sum().clamp(min=torch.finfo(torch.float64).tiny))
    by_chance = len(displacements) / len(difference)
    significant = max(0.0, 1 - by_chance / max(share, 1e-12))
    explained = explained * level * significant**0.5
    return explained


def lr_misfit(
    unexplained: Tensor, noise: Tensor, beyond_noise: Tensor, scene: Scene, lr_noise: Tensor, srf: Tensor, valid: Tensor
) -> Tensor:
    """Covariance, C×C, of what LR pixels show beside the image that is blurred by the PSF, as after a resampling.

    The LR pixels of a resampled LR-HSI have different PSFs. What a wrong PSF adds to an LR pixel grows with the detail
    around it. So the covariance is that of the detail, in all bands, times the ratio that is seen in the MSI bands: the
    median over the LR pixels, weighted by their detail, or the mean of what exceeds the noise beyond chance, if that is
    less. LR pixels that differ far more than others show ground that has changed: they do not count.

    Args:
        unexplained: SpeDnet(Y) − SpaDnet(Z) at the N valid LR pixels, without what another PSF explains, N×c.
        noise: Variance of the noise in it, (c,).
        beyond_noise: Variance of it that noise does not explain, by `misfit_covariance`, (c,).
        scene: For its LR-HSI.
        lr_noise: Standard deviation of the LR-HSI's noise, (C,).
        srf: S, C×c.
        valid: Mask of the valid LR pixels, h·w bool.
    """
    lr_hsi = scene.lr_hsi.double()
    detail = (lr_hsi - mean_of_neighbours(lr_hsi, valid.view(lr_hsi.shape[:2]))).flatten(0, 1)[valid].nan_to_num()
    power = (detail @ srf).square()
    level = power.mean(0).clamp(min=torch.finfo(torch.float64).tiny)
    weight = (power / level).sum(1)
    ratio = ((unexplained.square() - noise) / level).sum(1) / weight.clamp(min=torch.finfo(torch.float64).tiny)
    typical = 1.4826 * unexplained.abs().median(0).values  # standard deviation of normal differences
    weight = torch.where((unexplained.abs() <= OUTLYING * typical).all(1), weight, 0)
    order = ratio.argsort()
    cumulated = weight[order].cumsum(0)
    share = ratio[order][torch.searchsorted(cumulated, cumulated[-1] / 2)].clamp(min=0)
    share = torch.minimum(share, (beyond_noise / level).mean())
    seen = detail.T @ detail / len(detail)
    of_noise = 1.5 * lr_noise.square().sum() / seen.trace().clamp(min=torch.finfo(torch.float64).tiny)
    share = share * (1 - of_noise).clamp(min=0)
    covariance: Tensor = MISFIT_SPREAD * (1 + share / SMALL_MISFIT) * share * seen
    return covariance


def texture_gain(srf: Tensor, noise: Noise) -> Tensor:
    """Regression of texture in the HSI bands on texture in the MSI bands, c×C.

    It is DS(SᵀDS)⁻¹, transposed, for a diagonal covariance D of the texture. Where the LR-HSI has no texture, a
    thousandth of its noise variance is used instead, so that the MSI bands are still reproduced.
    """
    variance = torch.maximum(noise.lr_texture**2, 1e-3 * (noise.lr_texture**2 + noise.lr_hsi**2))
    cross_covariance = variance[:, None] * srf
    gain: Tensor = torch.linalg.pinv(srf.T @ cross_covariance, hermitian=True) @ cross_covariance.T
    return gain


def msi_gain(residual: Tensor, srf: Tensor, lr_msi: Tensor, hr_msi: Tensor, msi_error: Tensor) -> Tensor:
    """Gain with which the HR-MSI's residual Z − X̂S corrects the fused image, c×C: ES(SᵀES + R)⁻¹, transposed.

    A map that is fitted to few LR pixels does not reproduce the HR-MSI, as the noise of the LR-HSI is fitted in part.
    The covariance E of this error is that of the LR residual times the mean leverage of the HR pixels in an affine
    regression. With it, a regression becomes the best linear unbiased one among those that reproduce the HR-MSI.

    Args:
        residual: LR residual Y − PX̂ at N LR pixels, N×C.
        srf: S, C×c.
        lr_msi: SpaDnet(Z) at the same LR pixels, N×c.
        hr_msi: Z, H×W×c.
        msi_error: R, covariance of the errors of the HR-MSI, c×c.
    """
    count, msi_bands = lr_msi.shape
    centre = lr_msi.mean(0)
    precision = torch.linalg.pinv((lr_msi - centre).T @ (lr_msi - centre), hermitian=True)
    pixels = hr_msi.flatten(0, 1).double() - centre
    leverage = (precision @ (pixels.T @ pixels)).trace() / len(pixels) + 1 / count
    error = shrunk_covariance(residual, max(count - msi_bands - 1, 1))
    error.diagonal().add_(RIDGE * error.diagonal().mean().clamp(min=torch.finfo(torch.float32).tiny))
    cross_covariance = error @ srf
    gain: Tensor = torch.linalg.solve(srf.T @ cross_covariance + msi_error / leverage, cross_covariance.T)
    return gain


def shrunk_covariance(residual: Tensor, degrees: int) -> Tensor:
    """Covariance of a residual, N×C, C×C, its correlations reduced by what chance contributes to them.

    The fewer samples there are, the closer it is to a diagonal matrix (Schäfer and Strimmer, 2005).

    Args:
        residual: Of mean 0.
        degrees: Degrees of freedom, at least 1.
    """
    std = (residual.square().sum(0) / degrees).sqrt().clamp(min=torch.finfo(torch.float32).tiny)
    relative = residual / std
    correlation, square = relative.T @ relative / len(residual), relative.square()
    by_chance = (square.T @ square / len(residual) - correlation.square()) / len(residual)
    outside = ~torch.eye(len(std), dtype=torch.bool, device=std.device)
    power = correlation.square()[outside].sum().clamp(min=torch.finfo(torch.float64).tiny)
    correlation = correlation * (1 - (by_chance[outside].sum() / power).clamp(0, 1))
    return std[:, None] * correlation.fill_diagonal_(1) * std
