"""``method=regression_residual``: the regression, and what it leaves of the LR-HSI, interpolated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from udaln.estimation.regression import affine_regression
from udaln.methods.affine_map import set_affine
from udaln.methods.base import Method, Model, StageRecord, Training
from udaln.methods.classical.injection import DetailInjection
from udaln.methods.lr_pairs import lr_pairs
from udaln.physics.degradation import Degradation
from udaln.scene import Scene


class RegressionWithResidual(DetailInjection):
    """X̂ = M(Z) + up(Y − P M(Z)), with the regression M, the PSF P and bicubic interpolation.

    Interpolation is linear. This is therefore the injection of detail M(Z) − up(P M(Z)) into up(Y).
    """

    @property
    def kernel(self) -> Tensor:
        """The PSF."""
        return self.degradation.psf

    def inject(self, interpolated: Tensor, pan: Tensor, low_pass: Tensor) -> Tensor:
        """Add the detail."""
        return interpolated + (pan - low_pass)


@dataclass
class Settings:
    """The regression with its residual has none."""

    name: str = "regression_residual"


class RegressionResidual(Method):
    """It differs from ``mtf_glp`` in the filter, which is the PSF itself, and in the use of LR pixels at the border."""

    name: ClassVar[str] = "regression_residual"
    Settings = Settings

    def model(self, degradation: Degradation) -> RegressionWithResidual:
        """An affine map."""
        return RegressionWithResidual(degradation)

    def fit(self, model: Model, scene: Scene, training: Training) -> Sequence[StageRecord]:
        """Solve the regression."""
        assert isinstance(model, RegressionWithResidual)
        set_affine(model.pan, *affine_regression(*lr_pairs(model.degradation, scene)))
        return []
