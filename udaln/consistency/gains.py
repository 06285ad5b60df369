"""How far each image may correct the other's, and a map between them: by what is noise, misfit, texture or error."""

from __future__ import annotations

import torch
from torch import Tensor

from udaln.estimation.noise import Noise, noise_edge
from udaln.physics.windows import degrade
from udaln.scene import Scene

ROUNDING = 1e-7  # of an image: what the images disagree about by rounding
PLAUSIBLE = 1e3  # signal-to-noise ratio (power) of a hyperspectral camera at the size of HR pixels
RIDGE = 1e-6  # of the map's error: what it can be wrong by where its residual shows nothing


def part_of_scene(lr_hsi: Tensor, noise: Noise, averaged: Tensor) -> Tensor:
    """How much of what is taken for noise of the LR-HSI is more likely part of the scene as its camera sees it, C.

    A camera as sharp as the HR-MSI would show 1/averaged of it in each pixel. The less that is, beside what such
    cameras have, the less likely it came into the LR-HSI otherwise.
    """
    odds = (lr_hsi.square().mean(0) * averaged) ** 2
    return odds / (odds + (PLAUSIBLE * noise.lr_hsi.square()) ** 2)


def misfit(disagreement: Tensor, expected: Tensor, lr_msi: Tensor) -> Tensor:
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


def by_psf(disagreement: Tensor, hr_msi: Tensor, scene: Scene, psf: Tensor, seen: Tensor) -> Tensor:
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


def texture_gain(srf: Tensor, noise: Noise) -> Tensor:
    """Spectra of texture given its MSI bands, c×C: DS(SᵀDS)⁻¹ for a diagonal covariance D of the texture.

    Where the LR-HSI shows none, a thousandth of what noise it has is taken for it: the MSI bands have to be met.
    """
    variance = torch.maximum(noise.lr_texture**2, 1e-3 * (noise.lr_texture**2 + noise.lr_hsi**2))
    spread = variance[:, None] * srf
    gain: Tensor = torch.linalg.pinv(srf.T @ spread, hermitian=True) @ spread.T
    return gain


def msi_gain(residual: Tensor, srf: Tensor, psf: Tensor, noise: Noise, uncertain: Tensor) -> Tensor:
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
