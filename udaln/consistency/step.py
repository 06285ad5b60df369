"""The consistency step: a model's image made consistent with both images of the pair."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

import torch
from torch import Tensor

from udaln.consistency import denoising, kriging
from udaln.consistency.refinement import (
    MAX_GAP,
    Prediction,
    Refinement,
    Smoothed,
    add_product,
    predict,
)
from udaln.consistency.tiles import tiled_part
from udaln.estimation.psf import lr_offset
from udaln.methods.base import Estimate, Model
from udaln.physics.border import agreeing_lr_pixels
from udaln.physics.interpolation import KERNEL_RADIUS, interpolate
from udaln.physics.observation import degraded
from udaln.physics.part import Box, Part
from udaln.physics.windows import degrade
from udaln.scene import Scene


@torch.no_grad()
def consistent(
    model: Model,
    refinement: Refinement,
    scene: Scene,
    part: Part | None = None,
    progress: Callable[[float], None] | None = None,
    *,
    prediction: Prediction | None = None,
    with_deviation: bool = False,
) -> Estimate:
    """The fused image of a pair, or of the wanted rectangle of a part of it, made consistent with both images.

    `fit_refinement` describes the method.

    Args:
        model: Fitted, on the device of the scene.
        refinement: Of the pair.
        scene: The pair, or the rectangle of it that `required_part` asks for.
        part: Where the scene lies in the pair, and what is wanted of it; all of the pair if none.
        progress: Called with the share of the work that is done.
        prediction: For the scene, as `fit_and_predict` gives it; its image is overwritten. It is calculated if None.
        with_deviation: Also calculate the standard deviation of the image's error.
    """
    psf = model.degradation.psf
    part = part or Part.whole(*scene.lr_hsi.shape[:2])
    fused, parts = prediction or predict(model, refinement, scene)
    near = part.around(_interpolation_margin(psf, scene) + _psf_margin(psf, scene))
    valid = agreeing_lr_pixels(model.degradation, scene, refinement.tolerance, MAX_GAP)
    kriged = kriged_residual(
        model, refinement, scene, fused, parts, valid, near, progress, with_variance=with_deviation
    )
    lr_box, box = part.inside(near.wanted), part.inside(near.wanted, scene.scale)
    fused = fused[box].contiguous()
    spectra = refinement.covariance.spectra
    add_product(fused, kriged.mean, spectra * refinement.correction_weight)
    residual = scene.lr_hsi[lr_box].double() - degrade(fused, psf, scene.scale, scene.shift)
    valid = valid.view(scene.lr_hsi.shape[:2])[lr_box]
    weight = refinement.residual_weight * refinement.correction_weight
    residual = torch.where(valid[..., None], residual * weight, 0).to(fused)
    wanted = Part(part.sides, near.wanted, part.wanted).inside(part.wanted, scene.scale)
    image = fused[wanted] + interpolate(residual, scene.scale, lr_offset(psf, scene))[wanted]
    if kriged.variance is None:
        return _with_interpolated(Estimate(image), refinement, scene, part)
    total = torch.zeros_like(image)
    add_product(total, kriged.mean[wanted], spectra * (1 - refinement.correction_weight))
    total = total.square()  # of what was not corrected
    add_product(total, kriged.variance[wanted], spectra.square())
    noise_variance = (1 - refinement.texture_share.to(parts.smooth)) * parts.variance
    add_product(total, noise_variance[box][wanted], refinement.slope.square())
    estimate = Estimate(image, (total + refinement.hidden_variance.to(total)).sqrt())
    return _with_interpolated(estimate, refinement, scene, part)


def _with_interpolated(estimate: Estimate, refinement: Refinement, scene: Scene, part: Part) -> Estimate:
    """The estimate with bands of the interpolated LR-HSI where the HR-MSI does not help."""
    bands = refinement.interpolated
    if not bands.any():
        return estimate
    wanted = part.inside(part.wanted, scene.scale)
    # the PSF does not tell the place of the LR-HSI if the images are unrelated
    estimate.image[..., bands] = interpolate(scene.lr_hsi[..., bands].float(), scene.scale, scene.shift)[wanted]
    if estimate.deviation is not None:
        spread = scene.lr_hsi[..., bands].flatten(0, 1).std(0)  # at most
        estimate.deviation[..., bands] = spread.to(estimate.deviation)
    return estimate


def kriged_residual(
    model: Model,
    refinement: Refinement,
    scene: Scene,
    fused: Tensor,
    parts: Smoothed,
    valid: Tensor,
    part: Part,
    progress: Callable[[float], None] | None = None,
    *,
    with_variance: bool = False,
) -> kriging.Prediction:
    """The HR residual of an uncorrected image, kriged from the valid LR pixels; arguments as of `krige`."""
    psf = model.degradation.psf
    return kriging.krige(
        refinement.covariance,
        scene.lr_hsi.flatten(0, 1)[valid] - degraded(scene, fused, psf)[valid],
        valid,
        parts.smooth,
        psf,
        scene.shift,
        part,
        progress,
        gaps=None if scene.hr_valid is None else ~scene.hr_valid,
        with_variance=with_variance,
    )


def required_part(model: Model, refinement: Refinement, scene: Scene, sides: tuple[int, int], wanted: Box) -> Part:
    """What has to be read of a pair for a window of it, so that the window equals that of the whole result.

    Args:
        model: Fitted.
        refinement: Of the pair.
        scene: Of the pair; its scale factor and its shift count.
        sides: Rows and columns of the pair [LR pixels].
        wanted: The window [LR pixels].
    """
    psf = model.degradation.psf
    margin = _interpolation_margin(psf, scene) + _psf_margin(psf, scene)
    hr_margin = denoising.RADIUS + ceil(float(refinement.displacement.abs().max())) + KERNEL_RADIUS
    return tiled_part(sides, wanted, margin, margin + ceil(hr_margin / scene.scale) + model.margin)


def _interpolation_margin(psf: Tensor, scene: Scene) -> int:
    """Largest distance from an HR pixel of the LR pixels that it is interpolated from [LR pixels]."""
    return KERNEL_RADIUS + ceil(max(map(abs, lr_offset(psf, scene))) / scene.scale)


def _psf_margin(psf: Tensor, scene: Scene) -> int:
    """Half-width of the PSF's window beyond the LR pixel, with its shift [LR pixels]."""
    return ceil(((len(psf) - scene.scale + 1) // 2 + max(map(abs, scene.shift))) / scene.scale)
