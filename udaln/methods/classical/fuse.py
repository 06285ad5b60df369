"""FUSE (Wei, Dobigeon and Tourneret, IEEE TIP 24(11), 2015; as R-FUSE, Wei et al., IEEE SPL 23(11), 2016).

The image is X = U·Eᵀ in the subspace E of the LR-HSI. The coefficients U have a Gaussian prior, with the interpolated
LR-HSI as mean and one covariance Σ for all pixels. With white noise in both images the maximum a posteriori estimate
is the solution of a Sylvester equation, which the FFT gives in closed form: along the generalised eigenvectors of its
two small matrices, each coefficient image is blurred, sampled and weighed by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import scipy.linalg
import torch
from torch import Tensor

from udaln.estimation.noise import estimate_noise
from udaln.methods.base import Method, Model, StageRecord, Training
from udaln.methods.classical.blur import Blur
from udaln.methods.classical.limits import check_least
from udaln.methods.classical.observed import Observed
from udaln.methods.classical.progress import Progress
from udaln.methods.classical.solver import Solver
from udaln.methods.classical.subspace import principal_directions
from udaln.physics.degradation import Degradation
from udaln.physics.interpolation import interpolate
from udaln.physics.windows import degrade
from udaln.scene import Scene

PADDING = 2  # LR pixels in which the image is mirrored if the PSF reaches beyond it
LEAST = 1e-12  # a variance, relative to the power of the image


@dataclass
class Settings:
    """The published settings. The noise of each image is white and known: here it is estimated, if it is not given.

    Attributes:
        dimensions: Of the subspace; never more than the LR-HSI has bands.
        snr_hsi: Signal-to-noise ratio of the LR-HSI [dB]; estimated if null.
        snr_msi: The same of the HR-MSI.
    """

    name: str = "fuse"
    dimensions: int = 10
    snr_hsi: float | None = None
    snr_msi: float | None = None


class GaussianPrior(Solver):
    """The subspace and the covariances; the Sylvester equation is solved for each scene.

    A wide PSF makes the image depend on all of a scene, though little on what is far.

    Args:
        degradation: Of the pair.
        settings: Of the method.

    Attributes:
        basis: E, C×p float64, orthonormal.
        covariance: Σ of the coefficients about the interpolated ones, p×p float64.
        noise: Variances of the noise of the LR-HSI and of the HR-MSI, 2 float64.
    """

    local: ClassVar[bool] = False
    basis: Tensor
    covariance: Tensor
    noise: Tensor

    def __init__(self, degradation: Degradation, settings: Settings) -> None:
        super().__init__(degradation)
        bands = degradation.support.shape[0]
        basis = torch.eye(bands, min(settings.dimensions, bands), dtype=torch.float64)
        self.register_buffer("basis", basis)
        self.register_buffer("covariance", torch.eye(basis.shape[1], dtype=torch.float64))
        self.register_buffer("noise", torch.ones(2, dtype=torch.float64))

    @property
    def margin(self) -> int:
        """LR pixels beyond which little changes; with a PSF no wider than an LR pixel, nothing."""
        return 4

    def solve(self, pair: Observed, progress: Progress) -> Tensor:
        """The maximum a posteriori estimate."""
        padding = PADDING if pair.reaches_beyond else 0
        coefficients = posterior_mode(pair.mirrored(padding), self.basis, self.covariance, self.noise)
        rows, columns = (slice(padding * pair.scale, padding * pair.scale + side) for side in pair.hr_msi.shape[:2])
        return coefficients[:, rows, columns].permute(1, 2, 0) @ self.basis.T


class Fuse(Method):
    """Bayesian fusion with a Gaussian prior, by a Sylvester equation."""

    name: ClassVar[str] = "fuse"
    Settings = Settings

    def check(self, devices: int = 1) -> None:
        """Refuse an empty subspace."""
        check_least(self.settings, dimensions=1)

    def model(self, degradation: Degradation) -> GaussianPrior:
        """A prior that is not known yet."""
        return GaussianPrior(degradation, self.settings)

    @torch.no_grad()
    def fit(self, model: Model, scene: Scene, training: Training) -> Sequence[StageRecord]:
        """Find the subspace, and the covariance of the prior."""
        assert isinstance(model, GaussianPrior)
        pair = Observed.of(scene, model.degradation)
        model.basis.copy_(principal_directions(pair.lr_hsi.flatten(0, 1), model.basis.shape[1]))
        model.covariance.copy_(interpolation_covariance(pair, model.basis))
        model.noise.copy_(noise_variances(pair, model.basis))
        for index, (image, ratio) in enumerate(
            ((pair.lr_hsi, self.settings.snr_hsi), (pair.hr_msi, self.settings.snr_msi))
        ):
            if ratio is not None:
                model.noise[index] = image.square().mean() / 10 ** (ratio / 10)
        return []


def noise_variances(pair: Observed, basis: Tensor) -> Tensor:
    """Variances of the noise of the LR-HSI and of the HR-MSI, 2.

    What lies outside of the subspace counts as noise, too, where it is more than the noise of the sensors.
    """
    spectra = pair.lr_hsi.flatten(0, 1)
    lr_msi = degrade(pair.hr_msi, pair.psf, pair.scale, pair.shift).flatten(0, 1)
    noise = estimate_noise(spectra, lr_msi, pair.hr_msi, pair.psf, pair.srf)
    sensors = torch.stack([noise.lr_hsi.square().mean(), noise.hr_msi.square().mean()])
    outside = spectra - spectra @ basis @ basis.T
    truncated = torch.stack([outside.square().mean(), (outside @ pair.srf).square().mean()])
    # a handful of pixels does not tell the noise: it is not a number then
    return torch.fmax(sensors, truncated) + LEAST * spectra.square().mean()


def interpolation_covariance(pair: Observed, basis: Tensor) -> Tensor:
    """Covariance of the error of interpolated coefficients, p×p, as it is one scale below that of the pair.

    Every other LR pixel is interpolated from means of 2×2 LR pixels.
    """
    coefficients = pair.lr_hsi @ basis
    rows, columns = (side // 2 * 2 for side in coefficients.shape[:2])
    fine = coefficients[:rows, :columns]
    coarse = fine.reshape(rows // 2, 2, columns // 2, 2, -1).mean((1, 3))
    error = (fine - interpolate(coarse, 2)).flatten(0, 1)
    least = LEAST * coefficients.square().mean() * torch.eye(basis.shape[1]).to(basis)
    return error.T @ error / len(error) + least


def posterior_mode(pair: Observed, basis: Tensor, covariance: Tensor, noise: Tensor) -> Tensor:
    """The coefficients U, p×H×W, of the largest posterior density.

    With H for the PSF and the sampling, they solve A·U·HᵀH + B·U = G, where A = EᵀE/σ² and, with S = SRFᵀ·E,
    B = SᵀS/τ² + Σ⁻¹.

    Args:
        pair: Of which the image goes on at the opposite side.
        basis: E, C×p.
        covariance: Σ, p×p.
        noise: σ² and τ², variances of the noise of the LR-HSI and of the HR-MSI.
    """
    blur, seen, precision = Blur.of(pair), pair.srf.T @ basis, torch.linalg.inv(covariance)
    by_y = basis.T @ basis / noise[0]
    by_z = seen.T @ seen / noise[1] + precision
    mean = interpolate(pair.lr_hsi @ basis, pair.scale, pair.shift)
    constants = blur.adjoint((pair.lr_hsi @ basis).permute(2, 0, 1)) / noise[0]
    constants += (pair.hr_msi @ seen / noise[1] + mean @ precision).permute(2, 0, 1)
    values, vectors = (
        torch.from_numpy(part).to(basis) for part in scipy.linalg.eigh(by_z.cpu().numpy(), by_y.cpu().numpy())
    )
    decoupled = torch.einsum("pq,phw->qhw", vectors, constants)
    return torch.einsum("pq,qhw->phw", vectors, _sampled_inverse(blur, values, decoupled))


def _sampled_inverse(blur: Blur, weights: Tensor, constants: Tensor) -> Tensor:
    """Solve (HᵀH + weight) · u = constant for each of some images, where H blurs and samples.

    By Woodbury's identity u = (constant − Hᵀ(HHᵀ + weight)⁻¹H · constant) / weight. HHᵀ is a circular convolution of
    LR pixels, which the FFT diagonalises.

    Args:
        blur: H.
        weights: Positive, p.
        constants: p×H×W.
    """
    impulse = constants.new_zeros([side // blur.scale for side in blur.sides])
    impulse[0, 0] = 1
    power = torch.fft.rfft2(blur.degraded(blur.adjoint(impulse))).real
    weights = weights[:, None, None]
    samples = torch.fft.rfft2(blur.degraded(constants)) / (power + weights)
    return (constants - blur.adjoint(torch.fft.irfft2(samples, s=impulse.shape))) / weights
