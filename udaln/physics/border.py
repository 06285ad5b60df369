"""LR pixels at the border: their PSF reaches beyond the image, onto ground of which only the LR-HSI tells.

Beyond the image its border pixels are repeated. Where that is close to the truth, SpeDnet(Y) and SpaDnet(Z) differ no
more than elsewhere, and the LR pixel can be used.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from udaln.physics.degradation import Degradation
from udaln.physics.observation import MAX_INVALID, degraded, inside, usable_lr_pixels
from udaln.scene import Scene

MAX_BEYOND = 0.75  # share of a PSF that may lie beyond the image
DEVIATES = 3.0  # robust standard deviations beyond which an LR pixel at the border does not agree
MAD_PER_STD = 0.6745  # median absolute deviation of the normal distribution [standard deviations]
ROUNDING = 1e-6  # difference that is rounding error [root mean square of a band]
FEWEST = 30  # LR pixels inside the image that tell how far the others may differ


def centre_and_spread(difference: Tensor) -> tuple[Tensor, Tensor]:
    """Median and robust standard deviation, c each, of differences, N×c."""
    centre = difference.median(0).values
    return centre, (difference - centre).abs().median(0).values / MAD_PER_STD


class Tolerance(NamedTuple):
    """The difference SpeDnet(Y) − SpaDnet(Z) of LR pixels inside the image.

    Attributes:
        centre: Median, c float64.
        limit: Largest distance from it of LR pixels that agree, c float64.
    """

    centre: Tensor
    limit: Tensor

    @classmethod
    def of(cls, difference: Tensor, lr_msi: Tensor) -> Tolerance:
        """That of the differences of some LR pixels, N×c float64; rounding errors of the LR-MSI, N×c, are none."""
        centre, spread = centre_and_spread(difference)
        return cls(centre, torch.maximum(DEVIATES * spread, ROUNDING * lr_msi.square().mean(0).sqrt()))

    def contains(self, difference: Tensor) -> Tensor:
        """Which of the differences, N×c, are within it in all bands, N bool."""
        return ((difference - self.centre).abs() <= self.limit).all(1)


def inner_lr_pixels(scene: Scene, psf: Tensor, max_invalid: float = MAX_INVALID) -> Tensor:
    """The LR pixels whose PSF does not reach beyond the image, N bool; all that can be used if these are too few."""
    usable = usable_lr_pixels(scene, psf, max_invalid)
    inner = usable & inside(scene, psf)
    return inner if inner.sum() >= FEWEST else usable


@torch.no_grad()
def tolerance_of(degradation: Degradation, scene: Scene) -> Tolerance:
    """The tolerance of a pair, or of a sample of it, in the radiometry of the LR-HSI."""
    inner = inner_lr_pixels(scene, degradation.psf)
    seen, lr_msi = both_ways(degradation, scene)
    return Tolerance.of((seen - lr_msi)[inner], lr_msi[inner])


@torch.no_grad()
def agreeing_lr_pixels(
    degradation: Degradation, scene: Scene, tolerance: Tolerance, max_invalid: float = MAX_INVALID
) -> Tensor:
    """Which LR pixels, N bool, can be used: those inside the image, and those at its border that agree with Z.

    Args:
        degradation: Of the pair.
        scene: The pair.
        tolerance: Of the pair, from `tolerance_of`.
        max_invalid: Share of the PSF that may lie on HR pixels that are not valid.
    """
    seen, lr_msi = both_ways(degradation, scene)
    return inside_or_agreeing(scene, degradation.psf, seen - lr_msi, tolerance, max_invalid)


def inside_or_agreeing(
    scene: Scene, psf: Tensor, difference: Tensor, tolerance: Tolerance, max_invalid: float = MAX_INVALID
) -> Tensor:
    """`agreeing_lr_pixels`, N bool, given the difference SpeDnet(Y) − SpaDnet(Z), N×c, in units of the tolerance."""
    near = usable_lr_pixels(scene, psf, max_invalid, MAX_BEYOND)
    return near & (inner_lr_pixels(scene, psf, max_invalid) | tolerance.contains(difference))


def both_ways(degradation: Degradation, scene: Scene) -> tuple[Tensor, Tensor]:
    """SpeDnet(Y) and SpaDnet(Z) at all LR pixels, in the radiometry of the LR-HSI, N×c float64 each."""
    hr_msi = degradation.matched(scene.hr_msi.double())
    return scene.lr_hsi.flatten(0, 1).double() @ degradation.srf, degraded(scene, hr_msi, degradation.psf)
