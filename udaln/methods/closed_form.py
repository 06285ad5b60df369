"""The default: PSF and SRF estimated in closed form, and the affine regression of the LR-HSI on the LR-MSI."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import ClassVar

import torch
from torch import Tensor, nn

from udaln.estimation.regression import affine_regression
from udaln.methods.base import Method, Model, SpectralMap, StageRecord, Training
from udaln.physics.border import agreeing_lr_pixels, tolerance_of
from udaln.physics.degradation import Degradation
from udaln.physics.observation import degraded
from udaln.scene import Scene


class AffineMap(SpectralMap):
    """Each band as a weighted sum of the MSI bands and a constant."""

    def __init__(self, degradation: Degradation) -> None:
        super().__init__(degradation)
        bands, msi_bands = degradation.support.shape
        self.affine = nn.Linear(msi_bands, bands)

    def forward(self, pixels: Tensor) -> Tensor:
        """MSI pixels (N, c) to spectra (N, C)."""
        spectra: Tensor = self.affine(pixels)
        return spectra


@dataclass
class Settings:
    """The closed form has none."""

    name: str = "closed_form"


class ClosedForm(Method):
    """Linear regression of the LR-HSI on the HR-MSI seen through the PSF; the consistency step does the rest."""

    name: ClassVar[str] = "closed_form"
    Settings = Settings

    def model(self, degradation: Degradation) -> AffineMap:
        """An affine map."""
        return AffineMap(degradation)

    @torch.no_grad()
    def fit(self, model: Model, scene: Scene, training: Training) -> Sequence[StageRecord]:
        """Solve the regression."""
        assert isinstance(model, AffineMap)
        began = monotonic()
        psf = model.degradation.psf
        used = agreeing_lr_pixels(model.degradation, scene, tolerance_of(model.degradation, scene))
        lr_msi = degraded(scene, scene.hr_msi.double() / scene.msi_unit, psf)[used]
        weights, constants = affine_regression(lr_msi, scene.lr_hsi.flatten(0, 1)[used] / scene.unit)
        model.affine.weight.copy_(weights.T)
        model.affine.bias.copy_(constants)
        return [StageRecord("spectral", 0, monotonic() - began)]
