"""Noise levels of the two images, band by band, estimated from the pair alone."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from scipy.optimize import nnls
from torch import Tensor

from udaln.errors import InputError

PATCH = 2  # side of an HR-MSI patch [pixels]
HOMOGENEOUS = 0.2  # share of the patches that is used: those in the most homogeneous surroundings
NEGLIGIBLE = 1e-10  # share of a band's variance that is rounding error
TRACY_WIDOM = 2.02  # 99th percentile of the Tracy–Widom law of real matrices
SAMPLES = 40_000  # suffice for any covariance here, whatever the size of the scene


class Noise(NamedTuple):
    """Standard deviations of each band, in the units of the pair, float64.

    Attributes:
        lr_hsi: White noise of the LR-HSI, C.
        hr_msi: White noise of the HR-MSI, c.
        lr_texture: Detail of the scene in the LR-HSI that resembles noise: of single pixels, and not explained by other
            bands, C.
        hr_texture: The same in the HR-MSI: not explained by other bands or neighbouring pixels, c.
    """

    lr_hsi: Tensor
    hr_msi: Tensor
    lr_texture: Tensor
    hr_texture: Tensor


def estimate_noise(
    lr_hsi: Tensor, lr_msi: Tensor, hr_msi: Tensor, psf: Tensor, srf: Tensor, hr_valid: Tensor | None = None
) -> Noise:
    """Estimate the white noise of each band of both images.

    What neither other bands nor neighbouring pixels explain bounds the noise of an image from above. It also contains
    fine texture of the scene. The residual SpeDnet(Y) − SpaDnet(Z) contains nothing of the scene: its covariance is
    Sᵀ Σ_Y S + Σp² Σ_Z. Its covariance with Y gives the share of Y's bound that is noise, one share for all bands. The
    remaining variance of the residual gives such a share for each MSI band. So a pair without noise yields zeros,
    however rough the scene. If PSF and SRF do not fit the pair, the residual is large and the bounds are returned.

    Args:
        lr_hsi: Y, its valid pixels, N×C.
        lr_msi: SpaDnet(Z) at the same pixels, N×c, in the radiometry of the LR-HSI.
        hr_msi: Z, H×W×c, likewise.
        psf: k×k, known or estimated.
        srf: C×c, known or estimated.
        hr_valid: H×W bool, the valid HR pixels; all if None.

    Returns:
        The noise levels.

    Raises:
        InputError: If the sizes do not match.
    """
    if srf.shape != (lr_hsi.shape[1], hr_msi.shape[2]) or lr_msi.shape != (len(lr_hsi), hr_msi.shape[2]):
        sizes = ", ".join("×".join(map(str, part.shape)) for part in (lr_hsi, lr_msi, hr_msi, srf))
        raise InputError(f"noise: expected N×C, N×c, H×W×c and an SRF of C×c, got {sizes}")
    step = math.ceil(len(lr_hsi) / SAMPLES)
    y, z = lr_hsi[::step].double(), lr_msi[::step].double()
    psf, srf = psf.double(), srf.double()
    residual = y @ srf - z
    y, residual = y - y.mean(0), residual - residual.mean(0)

    y_bound = unique_variances(y[:, :, None])
    z_bound = unique_variances(homogeneous_patches(hr_msi, hr_valid))
    y_share, y_error = _share_by_covariance(y, y_bound, srf, residual)
    power = residual.square().mean(0)
    from_y = srf.square().T @ y_bound
    from_z = (psf.square().sum() * z_bound).clamp(min=torch.finfo(torch.float64).tiny)
    y_share = torch.maximum(y_share, _share_by_power(from_y, from_z, power, len(y)))
    y_variance = y_bound * _upper_limit(y_share, y_error)

    # the remaining variance of the residual is the noise of Z, averaged over the PSF
    z_share, z_error = pooled_share(
        (power - from_y * y_share.clamp(0, 1)) / from_z, math.sqrt(2 / len(y)) * power / from_z
    )
    z_error = (z_error.square() + (from_y * y_error / from_z).square()).sqrt()
    z_variance = z_bound * _upper_limit(z_share, z_error)
    variances = (y_variance, z_variance, y_bound - y_variance, z_bound - z_variance)
    return Noise(*(variance.clamp(min=0).sqrt() for variance in variances))


def unique_variances(samples: Tensor) -> Tensor:
    """Variance of each band that is not explained by a factor common to several of its positions or bands.

    Factor analysis with one unique variance per band, by iterated principal factors. The samples are whitened by the
    unique variances. The eigenvalues that white noise can have span the unique part. Its power per dimension corrects
    the unique variances, until they converge. On the bands of an image this is the noise estimate of Bioucas-Dias and
    Nascimento (HySime, 2008) with a rank; on patches, that of Chen, Zhu and Heng (2015) with a level for each band.

    Args:
        samples: n samples of b bands at m positions each, (n, b, m).

    Returns:
        Unique variances, b float64, at most the variance of the band.
    """
    n, bands, positions = samples.shape
    x = samples.double().flatten(1)
    x = x - x.mean(0)
    covariance = x.T @ x / max(n - 1, 1)
    edge = noise_edge(n, x.shape[1])
    total = covariance.diagonal().view(bands, positions).mean(1)
    lowest = (NEGLIGIBLE * total).clamp(min=torch.finfo(torch.float64).tiny)
    unique = total.clone().clamp(min=lowest)
    for _ in range(200):
        std = unique.repeat_interleave(positions).sqrt()
        eigenvalues, eigenvectors = torch.linalg.eigh(covariance / std[:, None] / std)
        noise = eigenvalues <= edge
        if not noise.any():
            break
        square = eigenvectors[:, noise].square()
        power = (square @ eigenvalues[noise]).view(bands, positions).sum(1)
        dimensions = square.sum(1).view(bands, positions).sum(1)
        corrected = unique * power / dimensions.clamp(min=1e-6)
        previous, unique = unique, corrected.clamp(lowest, total.clamp(min=lowest))
        if (unique / previous - 1).abs().max() < 1e-3:
            break
    return unique


def noise_edge(samples: int, dimensions: int) -> float:
    """99th percentile of the largest eigenvalue of a sample covariance of unit white noise (Johnstone, 2001)."""
    n, d = math.sqrt(max(samples - 1, 1)), math.sqrt(dimensions)
    return ((n + d) * (n + d) + TRACY_WIDOM * (n + d) * math.cbrt(1 / n + 1 / d)) / samples


def variance_without_inflation(sample_variance: Tensor, ratio: Tensor | float) -> Tensor:
    """Variances, noise included, corrected for the inflation of the largest sample variances of few samples.

    The model is a spiked covariance with unit white noise (Baik and Silverstein, 2006).

    Args:
        sample_variance: Sample variances above the edge (1 + √ratio)² of those of noise, any shape.
        ratio: Dimensions per sample.
    """
    middle = sample_variance + 1 - ratio
    return (middle + (middle * middle - 4 * sample_variance).clamp(min=0).sqrt()) / 2


def homogeneous_patches(image: Tensor, valid: Tensor | None = None) -> Tensor:
    """Patches in homogeneous surroundings.

    Only pixels outside a patch decide, so that the choice does not depend on the noise inside it.

    Args:
        image: H×W×B.
        valid: H×W bool; patches that are invalid in part, or whose surroundings are, are left out unless all are.

    Returns:
        (n, B, PATCH²) float64.
    """
    margin = min(1, (min(image.shape[:2]) - PATCH) // 2)
    side = PATCH + 2 * margin
    rows, columns = (length - side + 1 for length in image.shape[:2])
    step = max(1, math.floor(math.sqrt(rows * columns * HOMOGENEOUS / SAMPLES)))
    cut = image.unfold(0, side, step).unfold(1, side, step).flatten(0, 1).double()  # n, B, side, side
    if valid is not None:
        whole = valid.unfold(0, side, step).unfold(1, side, step).flatten(0, 1).flatten(1).all(1)
        cut = cut[whole] if whole.any() else cut
    patch = cut[:, :, margin : margin + PATCH, margin : margin + PATCH].flatten(2)
    surroundings = torch.ones(side, side, dtype=torch.bool)
    surroundings[margin : margin + PATCH, margin : margin + PATCH] = margin == 0
    texture = cut[:, :, surroundings].var(2)
    texture = (texture / texture.mean(0).clamp(min=torch.finfo(torch.float64).tiny)).amax(1)
    count = max(math.ceil(HOMOGENEOUS * len(texture)), min(len(texture), 10 * image.shape[2] * PATCH**2))
    return patch[texture.argsort(stable=True)[:count]]


def _share_by_covariance(y: Tensor, bound: Tensor, srf: Tensor, residual: Tensor) -> tuple[Tensor, Tensor]:
    """Share of the bound, one for all bands, that is noise common to Y and the residual; its standard error.

    Only the part of Y outside its signal subspace is used, where the noise is not small against the scene.
    """
    n, bands = y.shape
    std = bound.clamp(min=torch.finfo(torch.float64).tiny).sqrt()
    whitened = y / std
    eigenvalues, eigenvectors = torch.linalg.eigh(whitened.T @ whitened / max(n - 1, 1))
    signal = eigenvectors[:, eigenvalues > noise_edge(n, bands)]
    response = std[:, None] * srf
    outside = response - signal @ (signal.T @ response)
    power = residual.square().mean(0).clamp(min=torch.finfo(torch.float64).tiny)
    degrees = max(n - 1 - signal.shape[1], 1)
    covariance = (residual * (whitened @ outside)).sum(0) / degrees
    expected = (response * outside).sum(0)
    precision = (expected / power).sum()
    if not precision > 0:
        return torch.ones((), dtype=torch.float64), torch.ones((), dtype=torch.float64)
    return (covariance / power).sum() / precision, (1 / (precision * degrees)).sqrt()


def _share_by_power(from_y: Tensor, from_z: Tensor, power: Tensor, samples: int) -> Tensor:
    """Share of Y's bound that, with a share of Z's bound, explains the residual's variance in all MSI bands best.

    The fit of stage 1 has reduced the covariance of the residual with Y, so the share by covariance is too small. Two
    standard errors are subtracted from this one.
    """
    explained = (torch.stack([from_y, from_z], 1) / power.clamp(min=torch.finfo(torch.float64).tiny)[:, None]).cpu()
    design = explained.clamp(max=1 / NEGLIGIBLE).numpy()
    (share, _), _ = nnls(design, np.ones(len(power)))
    error = math.sqrt(2 / samples * np.linalg.pinv(design.T @ design)[0, 0])
    return torch.tensor(share - 2 * error, dtype=torch.float64, device=power.device).clamp(max=1)


def pooled_share(share: Tensor, error: Tensor) -> tuple[Tensor, Tensor]:
    """Random-effects estimate of the shares, at most 1, of several bands: posterior means and their standard errors.

    The variance between bands is that of DerSimonian and Laird (1986).
    """
    share = share.clamp(max=1)
    weight = 1 / error.square().clamp(min=torch.finfo(torch.float64).tiny)
    weight = weight / weight.sum()
    common_variance = 1 / (1 / error.square().clamp(min=torch.finfo(torch.float64).tiny)).sum()
    common = (weight * share).sum()
    excess = (weight * (share - common).square()).sum() - (len(share) - 1) * common_variance
    between = (excess / (1 - weight.square().sum()).clamp(min=1e-12)).clamp(min=0) + common_variance
    shrinkage = between / (between + error.square())
    return common + shrinkage * (share - common), (shrinkage * error.square()).sqrt()


def _upper_limit(share: Tensor, error: Tensor) -> Tensor:
    """The share plus one standard error, from 0 to 1."""
    return (share.clamp(min=0) + error).clamp(max=1)
