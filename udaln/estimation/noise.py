"""How noisy the two images are, band by band, from the pair alone."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from scipy.optimize import nnls
from torch import Tensor

from udaln.errors import InputError

PATCH = 2  # side of the HR-MSI patches looked at [pixels]
CALM = 0.2  # share of them that is used: those in the calmest surroundings
NOTHING = 1e-10  # share of a band's variance below which nothing can be told from rounding
TRACY_WIDOM = 2.02  # 99 % of the Tracy–Widom law of real matrices lie below
SAMPLES = 40_000  # enough for any covariance here, whatever the size of the scene


class Noise(NamedTuple):
    """Standard deviations, band by band, in the units of the pair, float64.

    Attributes:
        lr_hsi: White noise of the LR-HSI, (C,).
        hr_msi: White noise of the HR-MSI, (c,).
        lr_texture: What the scene itself holds of the same kind, as the LR-HSI sees it: detail of single pixels that no
            other band explains, (C,).
        hr_texture: The same, as the HR-MSI sees it: detail that no other band or neighbouring pixel explains, (c,).
    """

    lr_hsi: Tensor
    hr_msi: Tensor
    lr_texture: Tensor
    hr_texture: Tensor


def estimate_noise(
    lr_hsi: Tensor, lr_msi: Tensor, hr_msi: Tensor, psf: Tensor, srf: Tensor, hr_valid: Tensor | None = None
) -> Noise:
    """White noise of both images, of a level of its own in each band.

    What neither other bands nor neighbouring pixels explain bounds the noise of each image from above: fine texture
    and what the scene itself holds of sensor noise count in. What SpeDnet(Y) and SpaDnet(Z) disagree about holds
    nothing of the scene: its covariance is Sᵀ Σ_Y S + Σp² Σ_Z. Its covariance with Y tells the share of Y's bound
    that is noise (one share for all bands), and the rest of it each MSI band's share. A pair without noise thus
    gives zeros, however rough the scene. Where the sensors do not fit the pair, what they disagree about is large and
    the bounds stand.

    Args:
        lr_hsi: Y, its valid pixels, N×C.
        lr_msi: SpaDnet(Z) at the same pixels, N×c, in the radiometry of the LR-HSI.
        hr_msi: Z, H×W×c, likewise.
        psf: k×k, known or estimated.
        srf: C×c, known or estimated.
        hr_valid: H×W bool, the HR pixels that hold data; all if none.

    Returns:
        The noise levels.

    Raises:
        InputError: If the sizes do not fit each other.
    """
    if srf.shape != (lr_hsi.shape[1], hr_msi.shape[2]) or lr_msi.shape != (len(lr_hsi), hr_msi.shape[2]):
        sizes = ", ".join("×".join(map(str, part.shape)) for part in (lr_hsi, lr_msi, hr_msi, srf))
        raise InputError(f"noise: expected N×C, N×c, H×W×c and an SRF of C×c, got {sizes}")
    step = math.ceil(len(lr_hsi) / SAMPLES)
    y, low = lr_hsi[::step].double(), lr_msi[::step].double()
    psf, srf = psf.double(), srf.double()
    residual = y @ srf - low
    y, residual = y - y.mean(0), residual - residual.mean(0)

    y_most = unexplained(y[:, :, None])
    z_most = unexplained(calm_patches(hr_msi, hr_valid))
    y_share, y_error = _share_of(y, y_most, srf, residual)
    power = residual.square().mean(0)
    from_y = srf.square().T @ y_most
    seen = (psf.square().sum() * z_most).clamp(min=torch.finfo(torch.float64).tiny)
    y_share = torch.maximum(y_share, _share_by_power(from_y, seen, power, len(y)))
    y_variance = y_most * _most(y_share, y_error)

    # What is left of the residual's variance is Z's, averaged over the PSF.
    z_share, z_error = _pooled((power - from_y * y_share.clamp(0, 1)) / seen, math.sqrt(2 / len(y)) * power / seen)
    z_error = (z_error.square() + (from_y * y_error / seen).square()).sqrt()
    z_variance = z_most * _most(z_share, z_error)
    variances = (y_variance, z_variance, y_most - y_variance, z_most - z_variance)
    return Noise(*(variance.clamp(min=0).sqrt() for variance in variances))


def unexplained(samples: Tensor) -> Tensor:
    """Variance of each band that no factor common to several of its positions or bands explains.

    Factor analysis with one unique variance a band, by principal factors: the samples are whitened by the unique
    variances, eigenvalues that white noise can have span what is unique, its power per dimension
    corrects the variances, until they stay. On the bands of an image this is the noise estimate of Bioucas-Dias and
    Nascimento (HySime, 2008) with a rank; on patches, that of Chen, Zhu and Heng (2015), each with a level per band.

    Args:
        samples: (n, b, m): n samples of b bands at m positions each.

    Returns:
        (b,) float64; no more than the variance of the band.
    """
    n, bands, positions = samples.shape
    x = samples.double().flatten(1)
    x = x - x.mean(0)
    covariance = x.T @ x / max(n - 1, 1)
    edge = noise_edge(n, x.shape[1])
    total = covariance.diagonal().view(bands, positions).mean(1)
    least = (NOTHING * total).clamp(min=torch.finfo(torch.float64).tiny)
    unique = total.clone().clamp(min=least)
    for _ in range(200):
        spread = unique.repeat_interleave(positions).sqrt()
        values, vectors = torch.linalg.eigh(covariance / spread[:, None] / spread)
        noise = values <= edge
        if not noise.any():
            break
        square = vectors[:, noise].square()
        power = (square @ values[noise]).view(bands, positions).sum(1)
        room = square.sum(1).view(bands, positions).sum(1)
        previous, unique = unique, (unique * power / room.clamp(min=1e-6)).clamp(least, total.clamp(min=least))
        if (unique / previous - 1).abs().max() < 1e-3:
            break
    return unique


def noise_edge(samples: int, dimensions: int) -> float:
    """The eigenvalue that a sample covariance of unit white noise exceeds once in a hundred times (Johnstone, 2001)."""
    n, d = math.sqrt(max(samples - 1, 1)), math.sqrt(dimensions)
    return ((n + d) * (n + d) + TRACY_WIDOM * (n + d) * math.cbrt(1 / n + 1 / d)) / samples


def variance_without_inflation(seen: Tensor, ratio: Tensor | float) -> Tensor:
    """The variances, noise included, whose sample variances under unit white noise are as seen.

    Of few samples the largest variances come out too large (Baik and Silverstein, 2006).

    Args:
        seen: Sample variances beyond the edge (1 + √ratio)² of those of noise, any shape.
        ratio: Dimensions per sample.
    """
    middle = seen + 1 - ratio
    return (middle + (middle * middle - 4 * seen).clamp(min=0).sqrt()) / 2


def calm_patches(image: Tensor, valid: Tensor | None = None) -> Tensor:
    """Patches where there is little texture around, judged by pixels outside of them: the noise inside has no say.

    Args:
        image: H×W×B.
        valid: H×W bool: patches, or surroundings, with any other pixel are left out, unless all have one.

    Returns:
        (n, B, PATCH²) float64.
    """
    margin = min(1, (min(image.shape[:2]) - PATCH) // 2)
    side = PATCH + 2 * margin
    rows, columns = (length - side + 1 for length in image.shape[:2])
    step = max(1, math.floor(math.sqrt(rows * columns * CALM / SAMPLES)))
    cut = image.unfold(0, side, step).unfold(1, side, step).flatten(0, 1).double()  # n, B, side, side
    if valid is not None:
        whole = valid.unfold(0, side, step).unfold(1, side, step).flatten(0, 1).flatten(1).all(1)
        cut = cut[whole] if whole.any() else cut
    inner = cut[:, :, margin : margin + PATCH, margin : margin + PATCH].flatten(2)
    ring = torch.ones(side, side, dtype=torch.bool)
    ring[margin : margin + PATCH, margin : margin + PATCH] = margin == 0
    texture = cut[:, :, ring].var(2)
    texture = (texture / texture.mean(0).clamp(min=torch.finfo(torch.float64).tiny)).amax(1)
    wanted = max(math.ceil(CALM * len(texture)), min(len(texture), 10 * image.shape[2] * PATCH**2))
    return inner[texture.argsort(stable=True)[:wanted]]


def _share_of(y: Tensor, most: Tensor, srf: Tensor, residual: Tensor) -> tuple[Tensor, Tensor]:
    """The share of ``most``, one for all bands, that is noise common to Y and the residual; its standard error.

    Of Y only what lies outside its signal subspace is used, where the scene does not drown the noise.
    """
    n, bands = y.shape
    spread = most.clamp(min=torch.finfo(torch.float64).tiny).sqrt()
    whitened = y / spread
    values, vectors = torch.linalg.eigh(whitened.T @ whitened / max(n - 1, 1))
    signal = vectors[:, values > noise_edge(n, bands)]
    response = spread[:, None] * srf
    outside = response - signal @ (signal.T @ response)
    power = residual.square().mean(0).clamp(min=torch.finfo(torch.float64).tiny)
    freedom = max(n - 1 - signal.shape[1], 1)
    common = (residual * (whitened @ outside)).sum(0) / freedom
    expected = (response * outside).sum(0)
    precision = (expected / power).sum()
    if not precision > 0:
        return torch.ones((), dtype=torch.float64), torch.ones((), dtype=torch.float64)
    return (common / power).sum() / precision, (1 / (precision * freedom)).sqrt()


def _share_by_power(from_y: Tensor, from_z: Tensor, power: Tensor, samples: int) -> Tensor:
    """The share of Y's bound by which, with a share of Z's, the residual's variance in all MSI bands is explained best.

    Stage 1 has made the residual and Y less alike than their noise is: a share by covariance alone is too small. Two
    standard errors are taken off.
    """
    explained = (torch.stack([from_y, from_z], 1) / power.clamp(min=torch.finfo(torch.float64).tiny)[:, None]).cpu()
    design = explained.clamp(max=1 / NOTHING).numpy()
    (share, _), _ = nnls(design, np.ones(len(power)))
    error = math.sqrt(2 / samples * np.linalg.pinv(design.T @ design)[0, 0])
    return torch.tensor(share - 2 * error, dtype=torch.float64, device=power.device).clamp(max=1)


def _pooled(share: Tensor, error: Tensor) -> tuple[Tensor, Tensor]:
    """Shares of several bands, each drawn to what they have in common as far as their errors let them differ.

    The variance among bands is that of DerSimonian and Laird (1986); the shares are posterior means, with their errors.
    """
    share = share.clamp(max=1)
    weight = 1 / error.square().clamp(min=torch.finfo(torch.float64).tiny)
    weight = weight / weight.sum()  # in units of the common error
    common_variance = 1 / (1 / error.square().clamp(min=torch.finfo(torch.float64).tiny)).sum()
    common = (weight * share).sum()
    excess = (weight * (share - common).square()).sum() - (len(share) - 1) * common_variance
    among = (excess / (1 - weight.square().sum()).clamp(min=1e-12)).clamp(min=0) + common_variance
    own = among / (among + error.square())
    return common + own * (share - common), (own * error.square()).sqrt()


def _most(share: Tensor, error: Tensor) -> Tensor:
    """The largest share that the residual allows, one standard error granted."""
    return (share.clamp(min=0) + error).clamp(max=1)
