"""The default: PSF and SRF estimated in closed form, and the affine regression of the LR-HSI on the LR-MSI."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import ClassVar

from udaln.methods.affine_map import AffineMap
from udaln.methods.base import Method, Model, StageRecord, Training
from udaln.physics.degradation import Degradation
from udaln.scene import Scene


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

    def fit(self, model: Model, scene: Scene, training: Training) -> Sequence[StageRecord]:
        """Solve the regression."""
        assert isinstance(model, AffineMap)
        began = monotonic()
        model.regress(scene)
        return [StageRecord("spectral", 0, monotonic() - began)]
