"""How much of the correction by the LR-HSI to make, by LR pixels that were held out."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from udaln.consistency.refinement import MAX_GAP, Prediction, Refinement, predict
from udaln.consistency.step import kriged_residual
from udaln.estimation.noise import pooled_share
from udaln.methods.base import Model
from udaln.physics.border import agreeing_lr_pixels
from udaln.physics.interpolation import mean_of_neighbours
from udaln.physics.observation import degraded, usable_lr_pixels
from udaln.physics.part import Part
from udaln.scene import Scene

SPACING = 3  # of the LR pixels that are held out together, along rows and columns
MAX_SIDE = 48  # of the part of a scene in which LR pixels are held out [LR pixels]
FEWEST = 16  # LR pixels that tell anything
SIGNIFICANT = 3.0  # standard errors by which a weight must be below ``LARGEST``, or errors must differ
LARGEST = 0.95  # weight below 1
BEST_BANDS = 0.1  # share of the bands, those that the HR-MSI helps most, of which the worst is looked at
# Error of the image before the correction, relative to a band's standard deviation, up to which the HR-MSI helps, even
# if the neighbours predict better: the LR pixels of a resampled LR-HSI repeat each other.
HELPS = 0.5
# Error of a fused image at held-out LR pixels, without their noise, relative to that of the mean of their neighbours,
# from which on it is not worth its risk: its errors between the LR pixels, which the LR-HSI does not show, may be
# larger.
NO_HELP = 0.75


class HeldOut(NamedTuple):
    """How well held-out LR pixels are predicted: root mean square errors as shares of a band's standard deviation.

    Attributes:
        fused: Of the fused image seen through the PSF, median of the bands.
        uncorrected: The same without the correction by the LR-HSI.
        interpolated: Of the mean of the neighbouring LR pixels.
        no_help: Whether the fused image predicts hardly better than the neighbours, or worse, even in its best bands.
        bands_interpolated: Number of the bands that the neighbours predict better.
    """

    fused: float
    uncorrected: float
    interpolated: float
    no_help: bool
    bands_interpolated: int = 0


@torch.no_grad()
def calibrated(
    model: Model, refinement: Refinement, scene: Scene, prediction: Prediction | None = None
) -> tuple[Refinement, HeldOut | None]:
    """A copy whose correction by the LR-HSI is reduced where it promises more than it keeps.

    The correction assumes that PSF, SRF and noise are those of the sensors. If they are not, as for an LR-HSI that was
    resampled, it amplifies errors. So LR pixels are held out, and the correction there is predicted from the others.
    The regression of their residual on the prediction has a slope of 1 if the correction is right, and less if it is
    exaggerated. The slopes of the bands are pooled by a random-effects model. A weight that differs little from 1, or
    by chance, is 1. A band that the neighbouring LR pixels predict better is interpolated; all bands are if the image
    helps none of them much. Not so if the image before the correction explains most of a band.

    Args:
        model: Fitted, on the device of the scene.
        refinement: Of the pair.
        scene: The pair, or a sample of it.
        prediction: For the scene, as `fit_and_predict` gives it; it is calculated if None.

    Returns:
        The copy, and how well the held-out LR pixels were predicted; None if there are too few.
    """
    if max(scene.lr_hsi.shape[:2]) > MAX_SIDE:
        scene, prediction = _middle(scene), None
    residual, correction, neighbours = _held_out(model, refinement, scene, prediction)
    if len(residual) < FEWEST:
        return refinement, None
    power = correction.square().sum(0).clamp(min=torch.finfo(torch.float64).tiny)
    slope = (correction * residual).sum(0) / power
    error = ((residual - slope * correction).square().sum(0) / len(residual) / power).sqrt()
    share, share_error = pooled_share(slope, error)
    weight = torch.where(share + SIGNIFICANT * share_error < LARGEST, share.clamp(0, 1), 1.0)
    variance = scene.lr_hsi.flatten(0, 1).double().var(0).clamp(min=torch.finfo(torch.float64).tiny)
    fused, alone, interpolated = (
        part.square() / variance for part in (residual - weight * correction, residual, neighbours)
    )
    difference = fused - interpolated
    by_chance = SIGNIFICANT * difference.std(0) / len(difference) ** 0.5
    fused, alone, interpolated = (part.mean(0) for part in (fused, alone, interpolated))
    noise = refinement.noise.lr_hsi.square() / variance  # of the LR pixel itself, which nothing predicts
    excess = (fused - noise).clamp(min=0) / (interpolated - noise).clamp(min=torch.finfo(torch.float64).tiny)
    no_help = float(excess.sqrt().quantile(BEST_BANDS)) > NO_HELP and float(alone.median()) > HELPS**2
    bands = ((fused - interpolated > by_chance) & (alone > HELPS**2)) | no_help
    errors = [float(part.median().sqrt()) for part in (fused, alone, interpolated)]
    held_out = HeldOut(errors[0], errors[1], errors[2], no_help, int(bands.sum()))
    return replace(refinement, correction_weight=weight, interpolated=bands), held_out


def _held_out(
    model: Model, refinement: Refinement, scene: Scene, prediction: Prediction | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Residual before the correction, its prediction, and difference from the neighbours, n×C each, of n LR pixels."""
    psf = model.degradation.psf
    fused, parts = prediction or predict(model, refinement, scene)
    usable = usable_lr_pixels(scene, psf)
    valid = agreeing_lr_pixels(model.degradation, scene, refinement.tolerance, MAX_GAP)
    lr_hsi = scene.lr_hsi.double()
    residual = lr_hsi.flatten(0, 1) - degraded(scene, fused.double(), psf)
    rows, columns = lr_hsi.shape[:2]
    down, across = (torch.arange(side, device=valid.device) % SPACING for side in (rows, columns))
    found: list[tuple[Tensor, ...]] = []
    for first in range(SPACING):
        held = ((down[:, None] + first) % SPACING == across).flatten()
        part = Part.whole(rows, columns)
        kriged = kriged_residual(model, refinement, scene, fused, parts, valid & ~held, part)
        predicted = degraded(scene, kriged.mean.double() @ refinement.covariance.spectra, psf)
        neighbours = mean_of_neighbours(lr_hsi, (valid & ~held).view(rows, columns)).flatten(0, 1)
        used = held & usable & neighbours.isfinite().all(1)
        found.append((residual[used], predicted[used], (lr_hsi.flatten(0, 1) - neighbours)[used]))
    residuals, predictions, differences = (torch.cat(parts) for parts in zip(*found, strict=True))
    return residuals, predictions, differences


def _middle(scene: Scene) -> Scene:
    """The middle of a large scene."""
    starts = [max(0, (side - MAX_SIDE) // 2) for side in scene.lr_hsi.shape[:2]]
    low = tuple(slice(start, start + MAX_SIDE) for start in starts)
    high = tuple(slice(scene.scale * start, scene.scale * (start + MAX_SIDE)) for start in starts)
    lr_valid, hr_valid = scene.lr_valid, scene.hr_valid
    return replace(
        scene,
        lr_hsi=scene.lr_hsi[low],
        hr_msi=scene.hr_msi[high],
        lr_valid=None if lr_valid is None else lr_valid[low],
        hr_valid=None if hr_valid is None else hr_valid[high],
        lr_gaps=None if scene.lr_gaps is None else scene.lr_gaps[low],
        lr_changed=None if scene.lr_changed is None else scene.lr_changed[low],
        partial=True,
    )
