"""What the two images still say once the model are trained: the fused image made consistent with both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import ceil
from typing import Any

import torch
from torch import Tensor

from udaln.consistency import denoising as denoise
from udaln.consistency import gains
from udaln.consistency.covariance import CovarianceModel, fit_covariance_model
from udaln.consistency.denoising import Denoiser, fit_denoiser
from udaln.consistency.kriging import krige
from udaln.consistency.tiles import tiled_part
from udaln.estimation.noise import Noise, estimate_noise
from udaln.estimation.psf import centre_shift
from udaln.estimation.regression import affine_regression
from udaln.methods.base import Estimate, Model
from udaln.physics.interpolation import KERNEL_RADIUS, interpolate
from udaln.physics.observation import degraded, usable_lr_pixels
from udaln.physics.part import Box, Part
from udaln.physics.windows import degrade
from udaln.scene import Scene

HIDDEN = 10**-3.5  # share of a band's power that single pixels may hide under the noise
MISSING = 0.5  # share of a PSF that may lie in gaps of the HR-MSI, which the LR-HSI has filled


@dataclass(frozen=True)
class Refinement:
    """What holds for all of a pair: with it any part is refined alone. Images are in the radiometry of the LR-HSI.

    Attributes:
        noise: Of both images.
        denoiser: Of the HR-MSI.
        texture_share: Of what denoising takes away, how much is pixel texture, (c,).
        texture_gain: Spectra of texture given its MSI bands, c×C.
        msi_gain: What is added to each band of what the HR-MSI has more than the map, c×C.
        field: What the residual left is like.
        part_of_scene: How much of what is left after kriging is part of the scene, (C,).
        slope: The regression of the LR-HSI on the HR-MSI, c×C.
        hidden: Variance that nothing shows, alike everywhere, (C,).
    """

    noise: Noise
    denoiser: Denoiser
    texture_share: Tensor
    texture_gain: Tensor
    msi_gain: Tensor
    field: CovarianceModel
    part_of_scene: Tensor
    slope: Tensor
    hidden: Tensor

    def to(self, device: torch.device) -> Refinement:
        """The same on another device."""
        return Refinement(**_to(vars(self), device))


@torch.no_grad()
def fit_refinement(model: Model, scene: Scene) -> Refinement:
    """Learn from a pair, or from a sample of it, what making its fused image consistent takes.

    The result is the posterior mean of the image wanted, given both images, the PSF, the SRF and the model's image:

    1. Noise levels of both images are estimated from the pair.
    2. The HR-MSI is freed of its noise. What is left of it after smoothing is noise and pixel texture, in shares that
       are known; the texture is kept.
    3. The model fuses the smooth part. Texture, as far as can be seen, is independent from band to band: it enters the
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
        model: Fitted, on the device of the scene.
        scene: The pair.
    """
    psf, srf = model.degradation.psf, model.degradation.srf
    hr_msi = _without_gaps(model, scene)
    seen = usable_lr_pixels(scene, psf)
    lr_hsi = scene.lr_hsi.flatten(0, 1)[seen].double()
    lr_msi = degraded(scene, hr_msi.double(), psf)[seen]
    noise = estimate_noise(lr_hsi, lr_msi, hr_msi, psf, srf, scene.hr_valid)
    averaged = psf.square().sum()  # of the variance of single pixels, what is left at low resolution
    texture_variance = torch.minimum(noise.hr_texture**2, srf.square().T @ noise.lr_texture**2 / averaged)
    level = (noise.hr_msi**2 + texture_variance).sqrt()
    share = texture_variance / level.square().clamp(min=torch.finfo(torch.float64).tiny)
    expected = srf.T @ (noise.lr_hsi[:, None] ** 2 * srf) + averaged * torch.diag(noise.hr_msi**2)
    misfit = gains.misfit_covariance(lr_hsi @ srf - lr_msi, expected, lr_msi)

    denoiser = fit_denoiser(hr_msi, level, scene.hr_valid)
    smooth, variance = denoiser(hr_msi)
    uncertain = torch.diag((1 - share) * variance.mean((0, 1), dtype=torch.float64)) + misfit
    texture = (hr_msi - smooth) * share.to(smooth)
    texture_gain = gains.texture_gain(srf, noise)
    fused = _image_from(model, scene, smooth)
    _add(fused, texture, texture_gain)
    residual = lr_hsi - degraded(scene, fused, psf)[seen]
    msi_gain = gains.msi_gain(residual, srf, psf, noise, uncertain)
    _add(fused, smooth + texture - fused @ srf.to(fused), msi_gain)
    slope, _ = affine_regression(lr_msi, lr_hsi)
    blurred = gains.psf_misfit(lr_hsi @ srf - lr_msi, hr_msi.double(), scene, psf, seen) @ slope
    told = usable_lr_pixels(scene, psf, max_invalid=MISSING)
    residual = scene.lr_hsi.flatten(0, 1)[told].double() - degraded(scene, fused, psf)[told]
    field = fit_covariance_model(residual, noise.lr_hsi, blurred.T @ blurred / len(blurred), smooth)
    hidden = torch.minimum(noise.lr_texture**2, field.discarded_variance) / averaged
    hidden = torch.minimum(hidden, HIDDEN * lr_hsi.square().mean(0))
    return Refinement(
        noise=noise,
        denoiser=denoiser,
        texture_share=share,
        texture_gain=texture_gain,
        msi_gain=msi_gain,
        field=field,
        part_of_scene=gains.residual_weight(lr_hsi, noise, averaged),
        slope=slope,
        hidden=hidden + (slope.T @ misfit @ slope).diagonal() / averaged.sqrt(),
    )


@torch.no_grad()
def consistent(
    model: Model,
    refinement: Refinement,
    scene: Scene,
    part: Part | None = None,
    done: Callable[[float], None] | None = None,
    *,
    with_deviation: bool = False,
) -> Estimate:
    """The fused image of a pair, or of what is asked for of a part of it, made consistent with both images.

    Args:
        model: Fitted, on the device of the scene.
        refinement: Of the pair.
        scene: The pair, or the part of it that is read; `part_of` tells how much that is.
        part: Where it lies in the pair and what is asked for; all of it if none.
        done: Told from time to time which share of the work is done.
        with_deviation: Calculate how far off the image may be, too.
    """
    psf, srf, field = model.degradation.psf, model.degradation.srf, refinement.field
    part = part or Part.whole(*scene.lr_hsi.shape[:2])
    hr_msi = _without_gaps(model, scene)
    smooth, variance = refinement.denoiser(hr_msi)
    share = refinement.texture_share.to(smooth)
    texture = (hr_msi - smooth) * share
    fused = _image_from(model, scene, smooth)
    _add(fused, texture, refinement.texture_gain)
    _add(fused, smooth + texture - fused @ srf.to(fused), refinement.msi_gain)
    told = usable_lr_pixels(scene, psf, max_invalid=MISSING)
    residual = scene.lr_hsi.flatten(0, 1)[told] - degraded(scene, fused, psf)[told]
    near = part.around(_taps_reach(psf, scene) + _psf_reach(psf, scene))
    kriged = krige(
        field,
        residual,
        told,
        smooth,
        psf,
        scene.shift,
        near,
        done,
        gaps=None if scene.hr_valid is None else ~scene.hr_valid,
        with_variance=with_deviation,
    )
    lr_box, box = part.inside(near.wanted), part.inside(near.wanted, scene.scale)
    fused = fused[box].contiguous()
    _add(fused, kriged.mean, field.spectra)
    lr_hsi, told = scene.lr_hsi[lr_box].double(), told.view(scene.lr_hsi.shape[:2])[lr_box]
    rest = (lr_hsi - degrade(fused, psf, scene.scale, scene.shift)) * refinement.part_of_scene
    rest = torch.where(told[..., None], rest, 0).to(fused)
    wanted = Part(part.sides, near.wanted, part.wanted).inside(part.wanted, scene.scale)
    image = fused[wanted] + interpolate(rest, scene.scale, _place(psf, scene))[wanted]
    if kriged.variance is None:
        return Estimate(image)
    spread = torch.zeros_like(image)
    _add(spread, kriged.variance[wanted], field.spectra.square())
    _add(spread, ((1 - share) * variance)[box][wanted], refinement.slope.square())
    return Estimate(image, (spread + refinement.hidden.to(spread)).sqrt())


def part_of(model: Model, scene: Scene, sides: tuple[int, int], wanted: Box) -> Part:
    """What has to be read of a pair for a window of it, so that the result is that of the whole pair.

    Args:
        model: Fitted.
        scene: Of the pair; its shift counts.
        sides: Rows and columns of the pair [LR pixels].
        wanted: The window [LR pixels].
    """
    psf = model.degradation.psf
    beyond = _psf_reach(psf, scene) + ceil(denoise.RADIUS / scene.scale) + _taps_reach(psf, scene)  # of what fills gaps
    beyond += model.margin
    return tiled_part(sides, wanted, _taps_reach(psf, scene) + _psf_reach(psf, scene), beyond)


def _taps_reach(psf: Tensor, scene: Scene) -> int:
    """How far from an HR pixel those lie that it is interpolated from [LR pixels]."""
    return KERNEL_RADIUS + ceil(max(map(abs, _place(psf, scene))) / scene.scale)


def _psf_reach(psf: Tensor, scene: Scene) -> int:
    """How far beyond its own place an LR pixel sees [LR pixels]."""
    return ceil(((len(psf) - scene.scale + 1) // 2 + max(map(abs, scene.shift))) / scene.scale)


def _without_gaps(model: Model, scene: Scene) -> Tensor:
    """The HR-MSI in the radiometry of the LR-HSI, which stands in, interpolated, where it holds no data."""
    hr_msi = model.degradation.matched(scene.hr_msi)
    if scene.hr_valid is None:
        return hr_msi
    psf, srf = model.degradation.psf, model.degradation.srf
    seen_of_gaps = interpolate(scene.lr_hsi.double() @ srf, scene.scale, _place(psf, scene)).to(hr_msi)
    return torch.where(scene.hr_valid[..., None], hr_msi, seen_of_gaps)


def _image_from(model: Model, scene: Scene, hr_msi: Tensor) -> Tensor:
    """What a model makes of a scene with another HR-MSI, which is in the radiometry of the LR-HSI."""
    return model.fuse(replace(scene, hr_msi=model.degradation.unmatched(hr_msi), partial=True)).image


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


def _add(image: Tensor, pixels: Tensor, gain: Tensor) -> None:
    """Add pixels, H×W×a, times a×C to an image H×W×C in place: no second one of its size is made."""
    image.view(-1, image.shape[2]).addmm_(pixels.to(image).flatten(0, 1), gain.to(image))


def _place(psf: Tensor, scene: Scene) -> tuple[float, float]:
    """How far the LR-HSI lies off its place on the scene's HR-MSI [HR pixels]."""
    return centre_shift(psf.cpu().numpy(), scene.scale, scene.shift)
