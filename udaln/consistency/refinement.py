"""What the consistency step needs to know of a pair: noise, texture, gains and the covariance of the residual."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from udaln.consistency import gains
from udaln.consistency.covariance import CovarianceModel, fit_covariance_model
from udaln.consistency.denoising import NOISE_FREE, Denoiser, fit_denoiser
from udaln.consistency.displacement import band_displacement
from udaln.consistency.misfit import fit_misfit
from udaln.estimation.noise import Noise, estimate_noise
from udaln.estimation.psf import lr_offset
from udaln.estimation.regression import affine_regression
from udaln.methods.base import Model
from udaln.physics.border import Tolerance, agreeing_lr_pixels, tolerance_of
from udaln.physics.interpolation import displaced, interpolate
from udaln.physics.observation import degraded
from udaln.scene import Scene

HIDDEN = 10**-3.5  # largest share of a band's power that texture of single pixels may have below the noise
WORTHWHILE = 0.01  # share of the error variance that texture of single pixels must have to be worth separating
MAX_GAP = 0.5  # share of a PSF that may lie in gaps of the HR-MSI, which are filled from the LR-HSI


@dataclass(frozen=True)
class Refinement:
    """The parameters of the consistency step. They hold for any part of a pair, in the LR-HSI's radiometry.

    Attributes:
        noise: Of both images.
        denoiser: Of the HR-MSI.
        texture_share: Share of what denoising removes that is texture of single pixels, (c,).
        texture_gain: Spectra of texture given its MSI bands, c×C.
        displacement: Of each band against the HR-MSI, down and to the right [HR pixels], 2×C.
        msi_gain: Correction of each band by the difference between HR-MSI and degraded image, c×C.
        covariance: Covariance model of the residual of the LR-HSI.
        residual_weight: Share of the residual after kriging that belongs to the scene, not to noise, (C,).
        slope: The regression of the LR-HSI on the LR-MSI, c×C.
        hidden_variance: Error variance that neither image shows, the same everywhere, (C,).
        correction_weight: Share of the correction by the LR-HSI that is made, (C,); see `calibrated`.
        interpolated: The bands that are those of the interpolated LR-HSI, as the HR-MSI does not help, (C,) bool.
        tolerance: Of LR pixels at the border, which are used if they agree with the HR-MSI.
    """

    noise: Noise
    denoiser: Denoiser
    texture_share: Tensor
    texture_gain: Tensor
    displacement: Tensor
    msi_gain: Tensor
    covariance: CovarianceModel
    residual_weight: Tensor
    slope: Tensor
    hidden_variance: Tensor
    correction_weight: Tensor
    interpolated: Tensor
    tolerance: Tolerance

    def to(self, device: torch.device) -> Refinement:
        """The same on another device."""
        return Refinement(**_to(vars(self), device))


class Smoothed(NamedTuple):
    """An HR-MSI in the radiometry of the LR-HSI, split in two.

    Attributes:
        smooth: The denoised image, H×W×c.
        texture: The texture of single pixels, H×W×c.
        variance: Error variance of the denoised image, H×W×c.
    """

    smooth: Tensor
    texture: Tensor
    variance: Tensor


class Prediction(NamedTuple):
    """What the HR-MSI says of the image wanted, before the LR-HSI corrects it.

    Attributes:
        image: The model's image, with texture and corrected by the HR-MSI, H×W×C.
        parts: The HR-MSI that it was made of.
    """

    image: Tensor
    parts: Smoothed


@torch.no_grad()
def fit_refinement(model: Model, scene: Scene) -> Refinement:
    """Estimate the parameters of the consistency step from a pair, or from a sample of it.

    With them, `consistent` makes the posterior mean of the image wanted, given both images, the PSF, the SRF and the
    model's image:

    1. The noise levels of both images are estimated from the pair.
    2. The HR-MSI is denoised. Of what this removes, an estimated share is texture of single pixels, which is kept.
    3. The model fuses the denoised image. The texture is taken to be independent from band to band: it is added to the
       bands that an MSI band covers, in proportion to their own variance.
    4. Bands that the LR-HSI shows displaced are moved; see `band_displacement`.
    5. The HR-MSI corrects the result, by the error covariance of the model's image, which Y − PX̂ shows, against the
       noise that is left and the misfit: the difference between SpeDnet(Y) and SpaDnet(Z) beyond the noise.
    6. The LR-HSI corrects the result. Its residual is kriged to the HR pixels, against its noise and against what a
       wrong PSF would explain of it.
    7. What remains of the residual is interpolated, weighted by the share that belongs to the scene.

    Gaps of the HR-MSI are filled from the interpolated LR-HSI; LR pixels are used if at most half of their PSF lies
    there. Without noise the result reproduces both images.

    Args:
        model: Fitted, on the device of the scene.
        scene: The pair.
    """
    return fit_and_predict(model, scene)[0]


@torch.no_grad()
def fit_and_predict(model: Model, scene: Scene) -> tuple[Refinement, Prediction]:
    """`fit_refinement`, and the prediction for the same pair, so that `consistent` need not calculate it again."""
    psf, srf = model.degradation.psf, model.degradation.srf
    hr_msi = gapless_hr_msi(model, scene)
    tolerance = tolerance_of(model.degradation, scene)
    valid = agreeing_lr_pixels(model.degradation, scene, tolerance)
    lr_hsi = scene.lr_hsi.flatten(0, 1)[valid].double()
    lr_msi = degraded(scene, hr_msi.double(), psf)[valid]
    noise = estimate_noise(lr_hsi, lr_msi, hr_msi, psf, srf, scene.hr_valid)
    averaging = psf.square().sum()  # factor by which the PSF reduces the variance of independent pixels
    slope, constant = affine_regression(lr_msi, lr_hsi)
    texture_gain = gains.texture_gain(srf, noise)
    level, share = _noise_and_texture(noise, srf, averaging)
    error = (lr_hsi - lr_msi @ slope - constant).square().mean(0)
    if _noise_free(noise, hr_msi) and _restored(level**2 * share, texture_gain, error) < WORTHWHILE:
        level, share = noise.hr_msi, torch.zeros_like(share)  # nothing is denoised, which would take most of the time
    misfit = fit_misfit(scene, hr_msi, lr_msi, psf, srf, slope, noise, valid)
    denoiser = fit_denoiser(hr_msi, level, scene.hr_valid)
    parts = smoothed(denoiser, hr_msi, share)
    uncertain = torch.diag((1 - share) * parts.variance.mean((0, 1), dtype=torch.float64)) + misfit.msi
    fused = image_with_texture(model, scene, parts, texture_gain)
    displacement = band_displacement(fused, scene, psf, valid)
    fused = displaced(fused, displacement)
    residual = lr_hsi - degraded(scene, fused, psf)[valid]
    msi_gain = gains.msi_gain(residual, srf, lr_msi, hr_msi, uncertain)
    add_product(fused, parts.smooth + parts.texture - fused @ srf.to(fused), msi_gain)
    near_gaps = agreeing_lr_pixels(model.degradation, scene, tolerance, MAX_GAP)
    residual = scene.lr_hsi.flatten(0, 1)[near_gaps].double() - degraded(scene, fused, psf)[near_gaps]
    covariance = fit_covariance_model(residual, noise.lr_hsi, misfit.of_residual, parts.smooth)
    hidden = torch.minimum(noise.lr_texture**2, covariance.discarded_variance) / averaging
    hidden = torch.minimum(hidden, HIDDEN * lr_hsi.square().mean(0))
    refinement = Refinement(
        noise=noise,
        denoiser=denoiser,
        texture_share=share,
        texture_gain=texture_gain,
        displacement=displacement,
        msi_gain=msi_gain,
        covariance=covariance,
        residual_weight=gains.residual_weight(lr_hsi, noise.lr_hsi**2, misfit.resampling.diagonal(), averaging),
        slope=slope,
        hidden_variance=hidden + (slope.T @ misfit.msi_beside_psf @ slope).diagonal() / averaging,
        correction_weight=torch.ones_like(slope[0]),
        interpolated=torch.zeros_like(slope[0], dtype=torch.bool),
        tolerance=tolerance,
    )
    return refinement, Prediction(fused, parts)


def predict(model: Model, refinement: Refinement, scene: Scene) -> Prediction:
    """The prediction for a pair or a part of it; steps 1 to 5 of `fit_refinement`."""
    parts = smoothed(refinement.denoiser, gapless_hr_msi(model, scene), refinement.texture_share)
    fused = displaced(image_with_texture(model, scene, parts, refinement.texture_gain), refinement.displacement)
    add_product(fused, parts.smooth + parts.texture - fused @ model.degradation.srf.to(fused), refinement.msi_gain)
    return Prediction(fused, parts)


def _noise_and_texture(noise: Noise, srf: Tensor, averaging: Tensor) -> tuple[Tensor, Tensor]:
    """Standard deviation of noise and texture of each MSI band together, and the texture's share of the variance."""
    texture_variance = torch.minimum(noise.hr_texture**2, srf.square().T @ noise.lr_texture**2 / averaging)
    level = (noise.hr_msi**2 + texture_variance).sqrt()
    return level, texture_variance / level.square().clamp(min=torch.finfo(torch.float64).tiny)


def _noise_free(noise: Noise, hr_msi: Tensor) -> bool:
    """Whether no band of the HR-MSI has noise that would be removed."""
    return bool((noise.hr_msi < NOISE_FREE * hr_msi.square().mean((0, 1), dtype=torch.float64).sqrt()).all())


def _restored(texture_variance: Tensor, texture_gain: Tensor, error: Tensor) -> float:
    """Variance of the texture that is restored, as a share of the regression's error variance, mean of the bands.

    The error is that of LR pixels. At HR pixels it is larger: the share is an upper limit.
    """
    restored = texture_variance @ texture_gain.square()
    return float((restored / error.clamp(min=torch.finfo(error.dtype).tiny)).mean())


def gapless_hr_msi(model: Model, scene: Scene) -> Tensor:
    """The HR-MSI in the radiometry of the LR-HSI, with its gaps filled from the interpolated LR-HSI."""
    hr_msi = model.degradation.matched(scene.hr_msi)
    if scene.hr_valid is None:
        return hr_msi
    psf, srf = model.degradation.psf, model.degradation.srf
    filling = interpolate(scene.lr_hsi.double() @ srf, scene.scale, lr_offset(psf, scene)).to(hr_msi)
    return torch.where(scene.hr_valid[..., None], hr_msi, filling)


def smoothed(denoiser: Denoiser, hr_msi: Tensor, texture_share: Tensor) -> Smoothed:
    """Split an HR-MSI, in the radiometry of the LR-HSI, in a denoised image and the texture of single pixels."""
    smooth, variance = denoiser(hr_msi)
    return Smoothed(smooth, (hr_msi - smooth) * texture_share.to(smooth), variance)


def image_with_texture(model: Model, scene: Scene, parts: Smoothed, texture_gain: Tensor) -> Tensor:
    """The model's image of a denoised HR-MSI, with the texture of single pixels added."""
    denoised = replace(scene, hr_msi=model.degradation.unmatched(parts.smooth), partial=True)
    fused = model.fuse(denoised).image
    add_product(fused, parts.texture, texture_gain)
    return fused


def add_product(image: Tensor, pixels: Tensor, gain: Tensor) -> None:
    """Add pixels, H×W×a, times a gain, a×C, to an image, H×W×C, in place, to save memory."""
    image.view(-1, image.shape[2]).addmm_(pixels.to(image).flatten(0, 1), gain.to(image))


def _to(part: Any, device: torch.device) -> Any:
    """A structure of tensors on another device."""
    if isinstance(part, Tensor):
        return part.to(device)
    if isinstance(part, dict):
        return {key: _to(value, device) for key, value in part.items()}
    if isinstance(part, list):
        return [_to(value, device) for value in part]
    if isinstance(part, tuple):  # named
        return type(part)(*_to(list(part), device))
    return replace(part, **_to(vars(part), device))
