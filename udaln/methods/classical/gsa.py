"""``method=gsa``: adaptive Gram-Schmidt component substitution, as hypersharpening.

Sources: Aiazzi, Baronti and Selva, IEEE TGRS 45(10), 2007; hypersharpening with bands selected by correlation: Selva,
Aiazzi, Butera, Chiarantini and Baronti, IEEE JSTARS 8(6), 2015; Yokoya, Grohnfeldt and Chanussot, IEEE GRSM 5(2), 2017.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from udaln.estimation.regression import affine_regression
from udaln.methods.affine_map import set_affine
from udaln.methods.base import Estimate, Method, Model, StageRecord, Training
from udaln.methods.classical.resampling import interpolation_margin, upsampled
from udaln.methods.classical.selection import most_correlated
from udaln.methods.lr_pairs import lr_pairs
from udaln.physics.degradation import Degradation
from udaln.scene import Scene

SMALLEST = 1e-6  # singular value of the bands of a group that is no rounding error, relative to the largest


@dataclass
class Settings:
    """GSA has none."""

    name: str = "gsa"


class ComponentSubstitution(Model):
    """X̂_k = up(Y_k) + g_k (Z_j − up(I_j)), where j is the MSI band that band k is assigned to.

    The intensity I_j is the affine regression of MSI band j, seen through the PSF, on the bands that are assigned to
    it. One PAN band has all of them: the classic method.

    Attributes:
        intensity: LR spectra to the intensities, in
            float64: neighbouring bands are alike, and weights of both signs large.
        gains: c×C, g_k = cov(I_j, Y_k) / var(I_j) at (j, k), 0 elsewhere.
    """

    gains: Tensor

    def __init__(self, degradation: Degradation) -> None:
        super().__init__(degradation)
        bands, msi_bands = degradation.support.shape
        self.intensity = nn.Linear(bands, msi_bands, dtype=torch.float64)
        self.register_buffer("gains", torch.zeros(msi_bands, bands))

    @property
    def margin(self) -> int:
        """That of the interpolation."""
        return interpolation_margin(self.degradation)

    @torch.no_grad()
    def regress(self, scene: Scene) -> None:
        """Fit intensities and gains to a pair."""
        lr_msi, lr_hsi = lr_pairs(self.degradation, scene)
        lr_hsi = lr_hsi.double()
        assigned = most_correlated(lr_msi, lr_hsi)
        weights, gains = (lr_msi.new_zeros(shape) for shape in (self.intensity.weight.T.shape, self.gains.shape))
        constants = lr_msi.mean(0)
        for j in set(assigned.tolist()):
            group = assigned == j
            weights[group, j : j + 1], constants[j : j + 1] = affine_regression(
                lr_hsi[:, group], lr_msi[:, j : j + 1], SMALLEST
            )
            intensity = lr_hsi @ weights[:, j]
            deviation = intensity - intensity.mean()
            if (variance := deviation @ deviation) > 0:
                gains[j, group] = deviation @ lr_hsi[:, group] / variance
        set_affine(self.intensity, weights, constants)
        self.gains.copy_(gains)

    @torch.no_grad()
    def fuse(self, scene: Scene) -> Estimate:
        """Substitute the intensities."""
        degradation = self.degradation
        unit, msi_unit = degradation.unit.float(), degradation.msi_unit.float()
        intensity = F.linear(scene.lr_hsi.double() / unit, self.intensity.weight, self.intensity.bias)
        detail = scene.hr_msi.float() / msi_unit - upsampled(intensity, scene, degradation)
        image = upsampled(scene.lr_hsi, scene, degradation)
        return Estimate(image.addcmul_(detail @ self.gains, unit))


class Gsa(Method):
    """Component substitution with intensities that a regression adapts to the pair."""

    name: ClassVar[str] = "gsa"
    Settings = Settings

    def model(self, degradation: Degradation) -> ComponentSubstitution:
        """Intensities and gains."""
        return ComponentSubstitution(degradation)

    def fit(self, model: Model, scene: Scene, training: Training) -> Sequence[StageRecord]:
        """Fit intensities and gains."""
        assert isinstance(model, ComponentSubstitution)
        model.regress(scene)
        return []
