"""Multiresolution analysis: the interpolated LR-HSI gets the spatial detail of a synthetic pan image for each band."""

from __future__ import annotations

from abc import abstractmethod
from enum import Enum

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from udaln.estimation.regression import affine_regression
from udaln.methods.affine_map import set_affine
from udaln.methods.base import Estimate, Model
from udaln.methods.classical.resampling import low_pass_margin, low_passed, upsampled
from udaln.methods.classical.selection import most_correlated
from udaln.methods.lr_pairs import lr_pairs
from udaln.physics.degradation import Degradation
from udaln.scene import Scene

BANDS = 16  # that are fused at a time, to bound memory


class Pan(Enum):
    """The pan image of a band.

    ``synthesized``: the affine regression of the band on all MSI bands; ``selected``: the MSI band most correlated with
    it, with the band's mean and standard deviation. With one PAN band the latter is the classic histogram matching.
    """

    synthesized = "synthesized"
    selected = "selected"


class DetailInjection(Model):
    """A pan image of each band, affine in the MSI bands; a subclass tells the filter and how detail is injected."""

    def __init__(self, degradation: Degradation) -> None:
        super().__init__(degradation)
        bands, msi_bands = degradation.support.shape
        self.pan = nn.Linear(msi_bands, bands)

    @property
    @abstractmethod
    def kernel(self) -> Tensor:
        """The low-pass filter, k×k, summing to 1."""

    @abstractmethod
    def inject(self, interpolated: Tensor, pan: Tensor, low_pass: Tensor) -> Tensor:
        """Interpolated bands with the detail by which their pan images differ from their low-pass versions; H×W×B."""

    @property
    def margin(self) -> int:
        """That of the filter and the interpolation."""
        return low_pass_margin(self.degradation, self.kernel)

    def regress(self, scene: Scene, kind: Pan) -> None:
        """Fit the pan images to a pair.

        Args:
            scene: The pair.
            kind: What is fitted.
        """
        lr_msi, lr_hsi = lr_pairs(self.degradation, scene, self.kernel)
        solve = affine_regression if kind is Pan.synthesized else matched_to_selected
        set_affine(self.pan, *solve(lr_msi, lr_hsi))

    @torch.no_grad()
    def fuse(self, scene: Scene) -> Estimate:
        """Inject the detail, some bands at a time."""
        degradation, kernel = self.degradation, self.kernel
        hr_msi = scene.hr_msi.float() / degradation.msi_unit.float()
        image = hr_msi.new_empty(*hr_msi.shape[:2], scene.lr_hsi.shape[2])
        for start in range(0, image.shape[2], BANDS):
            bands = slice(start, start + BANDS)
            pan = F.linear(hr_msi, self.pan.weight[bands], self.pan.bias[bands]) * degradation.unit.float()
            low_pass = low_passed(pan, kernel, scene, degradation)
            image[..., bands] = self.inject(upsampled(scene.lr_hsi[..., bands], scene, degradation), pan, low_pass)
        return Estimate(image)


def matched_to_selected(lr_msi: Tensor, lr_hsi: Tensor) -> tuple[Tensor, Tensor]:
    """The affine map of the most correlated MSI band to the mean and the standard deviation of each band.

    Args:
        lr_msi: N×c.
        lr_hsi: N×C.

    Returns:
        Weights, c×C, one of each column not zero, and constants, C, float64.
    """
    z, y = lr_msi.double(), lr_hsi.double()
    selected = most_correlated(z, y)
    z_mean, y_mean = z.mean(0)[selected], y.mean(0)
    z_std, y_std = z.std(0, correction=0)[selected], y.std(0, correction=0)
    gains = torch.where(z_std > 0, y_std / z_std, 0)
    weights = z.new_zeros(z.shape[1], y.shape[1])
    weights[selected, torch.arange(y.shape[1])] = gains
    return weights, y_mean - gains * z_mean
