"""``method=regression``: the affine regression of the LR-HSI on the LR-MSI, applied to the HR-MSI."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from udaln.methods.affine_map import AffineMap
from udaln.methods.base import Method, Model, StageRecord, Training
from udaln.physics.degradation import Degradation
from udaln.scene import Scene


@dataclass
class Settings:
    """The regression has none."""

    name: str = "regression"


class Regression(Method):
    """The same map as of ``closed_form``, which goes on with the consistency step. The LR-MSI is Z seen by the PSF."""

    name: ClassVar[str] = "regression"
    Settings = Settings

    def model(self, degradation: Degradation) -> AffineMap:
        """An affine map."""
        return AffineMap(degradation)

    def fit(self, model: Model, scene: Scene, training: Training) -> Sequence[StageRecord]:
        """Solve the regression."""
        assert isinstance(model, AffineMap)
        model.regress(scene)
        return []
