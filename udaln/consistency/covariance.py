"""Covariance model of the HR residual: its spectral components, and the covariates that make HR pixels alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from udaln.estimation.noise import variance_without_inflation

SHAPE_RANGE = 12.0  # range of the covariance [standard deviations of the whitened spectral shape]
NOISE_FLOOR = 1e-2  # standard deviation that is added to the noise of each band [residual's root mean square]


class Covariates(NamedTuple):
    """What the covariance between HR pixels depends on, besides their positions.

    Attributes:
        shape: Spectral shape, whitened and divided by the range of the covariance, (…, c).
        brightness: Length of the spectrum, (…,); the error of a spectral map is proportional to it.
        msi: MSI bands, centred and standardised, (…, c).
    """

    shape: Tensor
    brightness: Tensor
    msi: Tensor

    def at(self, index: Tensor) -> Covariates:
        """The covariates of the pixels with these indices."""
        return Covariates(*(part[index] for part in self))


@dataclass(frozen=True)
class CovarianceModel:
    """The properties of the HR residual that hold for the whole scene; float64.

    Attributes:
        analysis: Projects a residual, …×C, onto its m components, which are uncorrelated over the scene; C×m.
        spectra: Maps components back to bands, m×C.
        noise: Variance of each component at low resolution that is noise, (m,).
        discarded_variance: Variance of each band of the LR residual outside the components, (C,).
        msi_rms: Root mean square of the MSI bands, (c,).
        min_brightness: Brightness below which a pixel's spectral shape is undefined.
        shape_mean: Mean spectral shape, (c,).
        shape_whitening: Whitens spectral shapes and divides them by the range, c×c.
        msi_mean: Mean of the MSI bands, (c,).
        msi_std: Standard deviation of the MSI bands, (c,).
    """

    analysis: Tensor
    spectra: Tensor
    noise: Tensor
    discarded_variance: Tensor
    msi_rms: Tensor
    min_brightness: Tensor
    shape_mean: Tensor
    shape_whitening: Tensor
    msi_mean: Tensor
    msi_std: Tensor

    def covariates(self, hr_msi: Tensor) -> Covariates:
        """The covariates of all pixels of an image H×W×c, row by row; float32."""
        pixels = hr_msi.flatten(0, 1).double()
        relative, brightness = _relative_brightness(pixels, self.msi_rms)
        shape = relative / brightness.clamp(min=self.min_brightness)[:, None] - self.shape_mean
        msi = (pixels - self.msi_mean) / self.msi_std
        return Covariates((shape @ self.shape_whitening).float(), brightness.float(), msi.float())


def fit_covariance_model(residual: Tensor, noise_std: Tensor, misfit: Tensor | None, hr_msi: Tensor) -> CovarianceModel:
    """Fit the covariance model to an LR residual.

    Args:
        residual: LR residual Y − PX̂ at n LR pixels, n×C.
        noise_std: Standard deviation of the noise in each of its bands, (C,).
        misfit: Covariance of other errors in the residual that are not of X, C×C, if there are any.
        hr_msi: The denoised HR-MSI, H×W×c.
    """
    residual = residual.double()
    analysis, spectra, noise = _components(residual, noise_std, misfit, hr_msi.shape[2])
    pixels = hr_msi.flatten(0, 1).double()
    msi_rms = pixels.square().mean(0).sqrt()
    relative, brightness = _relative_brightness(pixels, msi_rms)
    min_brightness = 1e-6 * brightness.mean()
    shape = relative / brightness.clamp(min=min_brightness)[:, None]
    shape_mean = shape.mean(0)
    shape = shape - shape_mean
    variance, axes = torch.linalg.eigh(shape.T @ shape / len(shape))
    std = variance.clamp(min=1e-6 * variance.max().clamp(min=1e-12)).sqrt()
    return CovarianceModel(
        analysis=analysis,
        spectra=spectra,
        noise=noise,
        discarded_variance=(residual - residual @ analysis @ spectra).square().mean(0),
        msi_rms=msi_rms,
        min_brightness=min_brightness,
        shape_mean=shape_mean,
        shape_whitening=axes / (std * SHAPE_RANGE),
        msi_mean=pixels.mean(0),
        msi_std=pixels.std(0).clamp(min=1e-12),
    )


def _components(
    residual: Tensor, noise_std: Tensor, misfit: Tensor | None, msi_bands: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Principal components of a residual n×C in coordinates in which its noise is white, without those of noise.

    The largest of many sample variances of noise exceed its variance: a component is retained if its variance is above
    the edge of their distribution (Marchenko and Pastur, 1967). The part by which noise inflates the variance of a
    retained component counts as noise (Baik and Silverstein, 2006).

    Returns:
        ``analysis``, ``spectra`` and ``noise`` of `CovarianceModel`.
    """
    noise_covariance = torch.diag(noise_std.double() ** 2) + (0 if misfit is None else misfit)
    floor = NOISE_FLOOR**2 * residual.square().mean(0)
    root = torch.linalg.cholesky(noise_covariance + torch.diag(floor.clamp(min=torch.finfo(torch.float32).tiny)))
    whitened = torch.linalg.solve_triangular(root, residual.T, upper=False).T
    _, singular_values, axes = torch.linalg.svd(whitened, full_matrices=False)
    variance = singular_values**2 / len(residual)
    analysis = torch.linalg.solve_triangular(root.T, axes.T, upper=True)
    noise = (analysis * (noise_covariance @ analysis)).sum(0).clamp(min=1e-12 * max(1.0, float(variance.max())))
    ratio = len(noise_covariance) / max(1, len(residual) - msi_bands - 1)
    relative = variance / noise
    true = variance_without_inflation(relative, ratio)
    retained = (relative > (1 + ratio**0.5) ** 2) & (variance > 0)
    return analysis[:, retained], (axes @ root.T)[retained], (variance - (true - 1) * noise)[retained]


def _relative_brightness(pixels: Tensor, msi_rms: Tensor) -> tuple[Tensor, Tensor]:
    """Pixels (n, c) in units of the bands' root mean squares, and their lengths (n,)."""
    relative = pixels / msi_rms
    return relative, torch.linalg.vector_norm(relative, dim=1)
