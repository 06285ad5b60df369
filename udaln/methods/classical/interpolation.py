"""``method=interpolation``: the LR-HSI interpolated, without the HR-MSI."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from udaln.methods.base import Estimate, Method, Model, StageRecord, Training
from udaln.methods.classical.resampling import interpolation_margin, upsampled
from udaln.physics.degradation import Degradation
from udaln.scene import Scene


class Interpolated(Model):
    """Bicubic interpolation (Keys, 1981) at the place that the PSF gives the LR-HSI on the HR-MSI."""

    @property
    def margin(self) -> int:
        """That of the interpolation."""
        return interpolation_margin(self.degradation)

    @torch.no_grad()
    def fuse(self, scene: Scene) -> Estimate:
        """The interpolated LR-HSI."""
        return Estimate(upsampled(scene.lr_hsi, scene, self.degradation))


@dataclass
class Settings:
    """The interpolation has none."""

    name: str = "interpolation"


class Interpolation(Method):
    """What a fusion has to beat if it uses the HR-MSI at all. Of the degradation it needs the shift alone."""

    name: ClassVar[str] = "interpolation"
    Settings = Settings

    def model(self, degradation: Degradation) -> Interpolated:
        """Nothing in it is fitted."""
        return Interpolated(degradation)

    def fit(self, model: Model, scene: Scene, training: Training) -> Sequence[StageRecord]:
        """Nothing is fitted."""
        return []
