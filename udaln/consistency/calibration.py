"""How much of the correction by the LR-HSI to make, by LR pixels that were held out."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from udaln.consistency.refinement import MAX_GAP, Refinement
from udaln.consistency.step import kriged_residual, uncorrected
from udaln.estimation.noise import pooled_share
from udaln.methods.base import Model
from udaln.physics.observation import degraded, usable_lr_pixels
from udaln.physics.part import Part
from udaln.scene import Scene

SPACING = 3  # of the LR pixels that are held out together, along rows and columns
MAX_SIDE = 48  # of the part of a scene in which LR pixels are held out [LR pixels]
FEWEST = 16  # LR pixels that tell anything
SIGNIFICANT = 2.0  # standard errors by which a weight must be below ``LARGEST``
LARGEST = 0.95  # weight below 1


@torch.no_grad()
def calibrated(model: Model, refinement: Refinement, scene: Scene) -> Refinement:
    """A copy whose correction by the LR-HSI is reduced where it promises more than it keeps.

    The correction assumes that PSF, SRF and noise are those of the sensors. If they are not, as for an LR-HSI that was
    resampled, it amplifies errors. So LR pixels are held out, and the correction there is predicted from the others.
    The regression of their residual on the prediction has a slope of 1 if the correction is right, and less if it is
    exaggerated. The slopes of the bands are pooled by a random-effects model. A weight that differs little
    from 1, or by chance, is 1.

    Args:
        model: Fitted, on the device of the scene.
        refinement: Of the pair.
        scene: The pair, or a sample of it.
    """
    scene = _middle(scene)
    psf = model.degradation.psf
    fused, parts = uncorrected(model, refinement, scene)
    usable = usable_lr_pixels(scene, psf)
    valid = usable_lr_pixels(scene, psf, max_invalid=MAX_GAP)
    residual = scene.lr_hsi.flatten(0, 1).double() - degraded(scene, fused.double(), psf)
    rows, columns = scene.lr_hsi.shape[:2]
    down, across = torch.arange(rows)[:, None] % SPACING, torch.arange(columns) % SPACING
    truths, predictions = [], []
    for first in range(SPACING):
        held = ((down + first) % SPACING == across).flatten().to(valid)
        kriged = kriged_residual(
            model, refinement, scene, fused, parts, valid & ~held, Part.whole(rows, columns)
        )
        predicted = kriged.mean.double() @ refinement.covariance.spectra
        truths.append(residual[held & usable])
        predictions.append(degraded(scene, predicted, psf)[held & usable])
    truth, prediction = torch.cat(truths), torch.cat(predictions)
    if len(truth) < FEWEST:
        return refinement
    power = prediction.square().sum(0).clamp(min=torch.finfo(torch.float64).tiny)
    slope = (prediction * truth).sum(0) / power
    error = ((truth - slope * prediction).square().sum(0) / len(truth) / power).sqrt()
    share, share_error = pooled_share(slope, error)
    weight = torch.where(share + SIGNIFICANT * share_error < LARGEST, share.clamp(0, 1), 1.0)
    return replace(refinement, correction_weight=weight)


def _middle(scene: Scene) -> Scene:
    """The middle of a scene, if it is large."""
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
        partial=True,
    )
