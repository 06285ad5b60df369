"""What an HR residual is like: its spectral components, and what makes two HR pixels alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from udaln.estimation.noise import variance_without_inflation

SHAPE_RANGE = 12.0  # of the covariance, in standard deviations of the whitened spectral shape
EXACT = 1e-2  # of the residual's size: noise far below does not count


class Sites(NamedTuple):
    """What the covariance of HR pixels depends on, but for their places.

    Attributes:
        shape: Of the spectra, whitened and divided by its range, (…, c).
        brightness: (…,); the error of a map grows with it.
        msi: MSI bands, centred and scaled, (…, c).
    """

    shape: Tensor
    brightness: Tensor
    msi: Tensor

    def at(self, index: Tensor) -> Sites:
        """Those of some."""
        return Sites(*(part[index] for part in self))


@dataclass(frozen=True)
class Field:
    """Of an HR residual what holds for all of the scene; float64.

    Attributes:
        analysis: What takes a residual, …×C, to its m components, C×m; they are uncorrelated over the scene.
        spectra: What takes components back to bands, m×C.
        noise: Variance of each component, as seen at low resolution, that is not scene, (m,).
        unused: Variance, band by band, of what was seen that lies outside of the components, (C,).
        power: Root mean square of the MSI bands, (c,).
        faintest: Brightness below which a spectrum has no shape.
        shape_mean: (c,).
        shape_axes: What whitens spectral shapes and divides them by their range, c×c.
        msi_mean: (c,).
        msi_spread: (c,).
    """

    analysis: Tensor
    spectra: Tensor
    noise: Tensor
    unused: Tensor
    power: Tensor
    faintest: Tensor
    shape_mean: Tensor
    shape_axes: Tensor
    msi_mean: Tensor
    msi_spread: Tensor

    def sites(self, hr_msi: Tensor) -> Sites:
        """Of all pixels of an image, H×W×c, in its order; float32."""
        pixels = hr_msi.flatten(0, 1).double()
        relative, brightness = _relative(pixels, self.power)
        shape = relative / brightness.clamp(min=self.faintest)[:, None] - self.shape_mean
        msi = (pixels - self.msi_mean) / self.msi_spread
        return Sites((shape @ self.shape_axes).float(), brightness.float(), msi.float())


def fit_field(residual: Tensor, noise: Tensor, misfit: Tensor | None, hr_msi: Tensor) -> Field:
    """The field that a residual comes of.

    Its components are the principal ones where the noise, of covariance C×C, is white; those it explains are left out.
    The largest of many noise variances are larger than the noise: a component counts from the edge of their
    distribution on (Marchenko and Pastur 1967), and what its variance gains from noise is taken as noise
    (Baik and Silverstein 2006).

    Args:
        residual: At low resolution, n×C.
        noise: Standard deviation of the noise in each of its bands, (C,).
        misfit: Covariance of what else in it is not of the HR residual, C×C, if there is any.
        hr_msi: The HR-MSI, as free of noise as can be, H×W×c.
    """
    residual = residual.double()
    unwanted = torch.diag(noise.double() ** 2) + (0 if misfit is None else misfit)
    least = EXACT**2 * residual.square().mean(0)
    root = torch.linalg.cholesky(unwanted + torch.diag(least.clamp(min=torch.finfo(torch.float32).tiny)))
    whitened = torch.linalg.solve_triangular(root, residual.T, upper=False).T
    _, sizes, axes = torch.linalg.svd(whitened, full_matrices=False)
    variance = sizes**2 / len(residual)
    noise_axes = torch.linalg.solve_triangular(root.T, axes.T, upper=True)
    floor = (noise_axes * (unwanted @ noise_axes)).sum(0).clamp(min=1e-12 * max(1.0, float(variance.max())))
    ratio = len(unwanted) / max(1, len(residual) - hr_msi.shape[2] - 1)
    seen = variance / floor
    true = variance_without_inflation(seen, ratio)
    counts = (seen > (1 + ratio**0.5) ** 2) & (variance > 0)
    analysis, spectra = noise_axes[:, counts], (axes @ root.T)[counts]

    pixels = hr_msi.flatten(0, 1).double()
    power = pixels.square().mean(0).sqrt()
    relative, brightness = _relative(pixels, power)
    faintest = 1e-6 * brightness.mean()
    shape = relative / brightness.clamp(min=faintest)[:, None]
    shape_mean = shape.mean(0)
    shape = shape - shape_mean
    spread, shape_axes = torch.linalg.eigh(shape.T @ shape / len(shape))
    spread = spread.clamp(min=1e-6 * spread.max().clamp(min=1e-12)).sqrt()
    return Field(
        analysis=analysis,
        spectra=spectra,
        noise=(variance - (true - 1) * floor)[counts],
        unused=(residual - residual @ analysis @ spectra).square().mean(0),
        power=power,
        faintest=faintest,
        shape_mean=shape_mean,
        shape_axes=shape_axes / (spread * SHAPE_RANGE),
        msi_mean=pixels.mean(0),
        msi_spread=pixels.std(0).clamp(min=1e-12),
    )


def _relative(pixels: Tensor, power: Tensor) -> tuple[Tensor, Tensor]:
    """Pixels (n, c) in units of the bands' power, and their length."""
    relative = pixels / power
    return relative, torch.linalg.vector_norm(relative, dim=1)
