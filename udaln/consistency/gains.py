"""Gains with which each image corrects the fused image: from covariances of noise, texture and map error."""

from __future__ import annotations

import torch
from torch import Tensor

from udaln.estimation.noise import Noise

PLAUSIBLE_SNR = 1e3  # plausible signal-to-noise ratio (power) of a hyperspectral camera with HR pixels
PLAUSIBLE_MISFIT = 1e2  # the same for a misfit, which in part is detail of the scene that the HR-MSI does not show
RIDGE = 1e-6  # variance that is added to the map's error in all directions [mean variance]


def residual_weight(lr_hsi: Tensor, noise: Tensor, misfit: Tensor, psf_energy: Tensor) -> Tensor:
    """Weight, per band, of the residual after kriging: how plausible it is that apparent errors are of the scene, (C,).

    An error of variance σ² in the LR-HSI that is part of the scene has a variance of σ²/Σp² at HR pixels. The lower
    that is, compared with the noise of a plausible camera, the more likely the scene itself contains it.

    Args:
        lr_hsi: N×C.
        noise: Variance of its noise, (C,).
        misfit: Variance of what its pixels show beside the blurred image and noise, (C,).
        psf_energy: Σp², the factor by which the PSF reduces the variance of independent pixels.
    """
    odds = (lr_hsi.square().mean(0) * psf_energy) ** 2
    return odds / (odds + (PLAUSIBLE_SNR * noise + PLAUSIBLE_MISFIT * misfit) ** 2)


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
