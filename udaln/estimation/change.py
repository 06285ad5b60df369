"""Ground that has changed between the two images: LR pixels that the HR-MSI contradicts."""

from __future__ import annotations

import numpy as np
import torch
from scipy.optimize import nnls
from torch import Tensor
from torch.nn.functional import max_pool2d

from udaln.estimation.outliers import outlying
from udaln.physics.border import both_ways, centre_and_spread
from udaln.physics.degradation import Degradation
from udaln.physics.observation import usable_lr_pixels
from udaln.scene import Scene

GROUPS = 10  # of LR pixels with about the same detail around them
FEWEST = 100  # LR pixels that tell how far they may differ
BEYOND_DETAIL = 0.3  # variance of the differences that is change, in units of that of the detail around them
MOST = 0.4  # share of the LR pixels that may have changed; the others tell the degradation
ROUNDING = 1e-5  # difference that is rounding error [root mean square of a band]


@torch.no_grad()
def changed_lr_pixels(degradation: Degradation, scene: Scene, *, expected: bool = False) -> Tensor | None:
    """Which LR pixels show other ground than the HR-MSI, h×w bool; None if none are known to.

    The difference SpeDnet(Y) − SpaDnet(Z) of an LR pixel is noise and, if PSF and place are not quite right, a share of
    the detail around it: of the largest difference to the eight LR pixels next to it. Both parts are estimated
    robustly. An LR pixel that differs by more than chance allows may have changed. But what a wrong PSF does to LR
    pixels is small beside their detail. So those that differ have to differ by more.

    Args:
        degradation: Of the pair, as it was estimated, on the CPU.
        scene: The pair, aligned, on the CPU.
        expected: Whether LR pixels that differ beyond chance have changed in any case.
    """
    usable = usable_lr_pixels(scene, degradation.psf)
    if usable.sum() < FEWEST:
        return None
    seen, lr_msi = both_ways(degradation, scene)
    sides = scene.lr_hsi.shape[:2]
    detail = torch.minimum(*(_largest_step(way.view(*sides, -1)).flatten(0, 1) for way in (seen, lr_msi)))[usable]
    difference = (seen - lr_msi)[usable]
    difference = difference - centre_and_spread(difference)[0]
    level = lr_msi[usable].square().mean(0).clamp(min=torch.finfo(torch.float32).tiny)
    variance = _variance(difference, detail, ROUNDING**2 * level)
    flagged = outlying((difference.square() / variance).mean(1), lr_msi.shape[1])
    excess, power = ((part / level).sum(1)[flagged].sum() for part in (difference.square(), detail.square()))
    if not flagged.any() or flagged.double().mean() > MOST or (excess < BEYOND_DETAIL * power and not expected):
        return None
    changed = torch.zeros_like(usable)
    changed[usable] = flagged
    return changed.view(sides)


def _largest_step(image: Tensor) -> Tensor:
    """The largest difference of each pixel to the eight next to it, h×w×B."""
    planes = image.movedim(-1, 0)[None]
    high, low = max_pool2d(planes, 3, 1, 1), -max_pool2d(-planes, 3, 1, 1)
    step: Tensor = torch.maximum(high - planes, planes - low)[0].movedim(0, -1)
    return step


def _variance(difference: Tensor, detail: Tensor, rounding: Tensor) -> Tensor:
    """Variance of differences n×c without change: a constant, and a share of the squared detail, n×c.

    Rounding errors, of a variance c, are part of it.
    """
    variance = torch.empty_like(difference)
    for band, (errors, steps) in enumerate(zip(difference.T, detail.T, strict=True)):
        groups = torch.tensor_split(steps.argsort(), GROUPS)
        spread = np.array([float(centre_and_spread(errors[group][:, None])[1] ** 2) for group in groups])
        power = np.array([float(steps[group].square().median()) for group in groups])
        design = np.stack([np.ones(GROUPS), power], 1)
        weight = 1 / np.maximum(spread, max(1e-3 * spread.max(), float(rounding[band])))
        (constant, share), _ = nnls(design * weight[:, None], spread * weight)
        variance[:, band] = constant + share * steps.square()
    return variance + rounding
