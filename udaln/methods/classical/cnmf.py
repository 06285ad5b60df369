"""CNMF, coupled nonnegative matrix factorisation (Yokoya, Yairi and Iwasaki, IEEE TGRS 50(2), 2012).

Both images are unmixed by turns. The LR-HSI gives the endmembers W and the HR-MSI the abundances H of X = W·H:

    Y ≈ W · (H seen through the PSF),   Z ≈ (SRFᵀ·W) · H,   W ≥ 0, H ≥ 0, columns of H about sum to 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from udaln.methods.base import Method, Model, StageRecord, Training
from udaln.methods.classical.limits import check_least
from udaln.methods.classical.nmf import (
    nonnegative_abundances,
    updated_abundances,
    updated_endmembers,
    with_sum_to_one,
)
from udaln.methods.classical.observed import Observed
from udaln.methods.classical.progress import Progress, steps
from udaln.methods.classical.solver import Solver
from udaln.methods.classical.vca import vertex_component_analysis
from udaln.physics.degradation import Degradation
from udaln.physics.interpolation import KERNEL_RADIUS, interpolate
from udaln.physics.windows import degrade
from udaln.scene import Scene

Update = Callable[[Tensor, Tensor, Tensor], Tensor]

POSITIVE = 1e-9  # multiplicative updates leave zeros as they are


@dataclass
class Settings:
    """The published settings.

    The authors' program has more endmembers where the virtual dimensionality of the LR-HSI exceeds ``endmembers``.

    Attributes:
        endmembers: Their number; never more than the LR-HSI has bands.
        inner: Most updates of one unmixing.
        outer: How often the unmixing of both images is repeated with what the other one gave.
        tolerance: Relative decrease of the error at which an unmixing ends.
    """

    name: str = "cnmf"
    endmembers: int = 30
    inner: int = 200
    outer: int = 1
    tolerance: float = 1e-8


class CoupledFactors(Solver):
    """The endmembers; the abundances are found for each scene, each pixel by itself.

    Args:
        degradation: Of the pair.
        settings: Of the method.

    Attributes:
        endmembers: C×p float64, in network units.
        sum_weight: Weight of the sum of the abundances.
    """

    endmembers: Tensor
    sum_weight: Tensor

    def __init__(self, degradation: Degradation, settings: Settings) -> None:
        super().__init__(degradation)
        self.settings = settings
        bands = degradation.support.shape[0]
        count = min(settings.endmembers, bands)
        self.register_buffer("endmembers", torch.ones(bands, count, dtype=torch.float64))
        self.register_buffer("sum_weight", torch.zeros((), dtype=torch.float64))

    @property
    def margin(self) -> int:
        """LR pixels that interpolation reaches."""
        return KERNEL_RADIUS

    def solve(self, pair: Observed, progress: Progress) -> Tensor:
        """Abundances by multiplicative updates from the interpolated abundances of the LR-HSI."""
        y, z = pair.lr_hsi.flatten(0, 1).T, pair.hr_msi.flatten(0, 1).T.clamp(min=0)
        weight = self.sum_weight.item()
        lr = nonnegative_abundances(with_sum_to_one(y, weight), with_sum_to_one(self.endmembers, weight))
        abundances = interpolated_abundances(lr, pair)
        v, w = with_sum_to_one(z, weight), with_sum_to_one(msi_endmembers(self.endmembers, pair), weight)
        most = 2 * self.settings.inner * (self.settings.outer + 1)  # that the fit makes
        for _ in steps(most, progress):
            abundances = updated_abundances(v, w, abundances)
        return (self.endmembers @ abundances).T.reshape(*pair.hr_msi.shape[:2], -1)


class Cnmf(Method):
    """Endmembers and abundances of both images, unmixed by turns."""

    name: ClassVar[str] = "cnmf"
    Settings = Settings

    def check(self, devices: int = 1) -> None:
        """Refuse numbers below their least."""
        check_least(self.settings, endmembers=1, inner=1, outer=0)

    def model(self, degradation: Degradation) -> CoupledFactors:
        """Endmembers that are not known yet."""
        return CoupledFactors(degradation, self.settings)

    @torch.no_grad()
    def fit(self, model: Model, scene: Scene, training: Training) -> Sequence[StageRecord]:
        """Find the endmembers."""
        assert isinstance(model, CoupledFactors)
        pair = Observed.of(scene, model.degradation)
        generator = torch.Generator().manual_seed(training.seed)
        model.sum_weight.fill_(sum_to_one_weight(pair))
        model.endmembers.copy_(
            coupled_endmembers(pair, model.endmembers.shape[1], model.sum_weight.item(), self.settings, generator)
        )
        return []


def coupled_endmembers(
    pair: Observed, count: int, weight: float, settings: Settings, generator: torch.Generator
) -> Tensor:
    """The endmembers W, C×p, of both images unmixed by turns; ``weight``: of the sum of the abundances."""
    y, z = (with_sum_to_one(image.flatten(0, 1).T.clamp(min=0), weight) for image in (pair.lr_hsi, pair.hr_msi))
    w = vertex_component_analysis(pair.lr_hsi.flatten(0, 1), count, generator).clamp(min=POSITIVE)
    lr = nonnegative_abundances(y, with_sum_to_one(w, weight)).clamp(min=POSITIVE)
    w, lr = unmixed(y, w, lr, weight, settings, first=updated_abundances)
    hr = interpolated_abundances(lr, pair)
    for turn in range(settings.outer + 1):
        _, hr = unmixed(z, msi_endmembers(w, pair), hr, weight, settings, first=updated_abundances)
        if turn < settings.outer:
            image = hr.T.reshape(*pair.hr_msi.shape[:2], -1)
            lr = degrade(image, pair.psf, pair.scale, pair.shift).flatten(0, 1).T.clamp(min=POSITIVE)
            w, lr = unmixed(y, w, lr, weight, settings, first=updated_endmembers)
    return w


def unmixed(
    v: Tensor,
    w: Tensor,
    h: Tensor,
    weight: float,
    settings: Settings,
    *,
    first: Callable[[Tensor, Tensor, Tensor], Tensor],
) -> tuple[Tensor, Tensor]:
    """Unmix an image: first one factor is updated alone until it settles, then both in turn.

    Args:
        v: Spectra of the image and a row of ``weight``, (C+1)×N.
        w: Endmembers to begin with, C×p.
        h: Abundances to begin with, p×N.
        weight: Of the sum of the abundances.
        settings: Of the method.
        first: `updated_abundances` or `updated_endmembers`: which factor is updated alone.

    Returns:
        Both factors.
    """
    for alone in (True, False):
        error = torch.inf
        for _ in range(settings.inner):
            if not alone or first is updated_abundances:
                h = updated_abundances(v, with_sum_to_one(w, weight), h)
            if not alone or first is updated_endmembers:
                w = updated_endmembers(v[:-1], w, h)
            before, error = error, (v - with_sum_to_one(w, weight) @ h).square().sum().item()
            if before - error <= settings.tolerance * error:
                break
    return w, h


def msi_endmembers(endmembers: Tensor, pair: Observed) -> Tensor:
    """The endmembers, C×p, seen through the SRF, c×p."""
    return (pair.srf.T @ endmembers).clamp(min=POSITIVE)


def interpolated_abundances(abundances: Tensor, pair: Observed) -> Tensor:
    """Abundances of the LR pixels, p×N, on the HR pixels, p×r²N."""
    image = abundances.T.reshape(*pair.lr_hsi.shape[:2], -1)
    return interpolate(image, pair.scale, pair.shift).flatten(0, 1).T.clamp(min=POSITIVE)


def sum_to_one_weight(pair: Observed) -> float:
    """Weight of the sum of the abundances, which the authors set by the brightness and bands of the HR-MSI."""
    brightness = pair.hr_msi.mean().clamp(min=0).item()
    return float(2 * (brightness / 0.7455) ** 0.5 / pair.hr_msi.shape[2] ** 3)
