"""The affine regression of the LR-HSI on the LR-MSI as a model."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from udaln.estimation.regression import affine_regression
from udaln.methods.base import SpectralMap
from udaln.methods.lr_pairs import lr_pairs
from udaln.physics.degradation import Degradation
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

    def regress(self, scene: Scene) -> None:
        """Fit it to a pair by least squares."""
        set_affine(self.affine, *affine_regression(*lr_pairs(self.degradation, scene)))


@torch.no_grad()
def set_affine(layer: nn.Linear, weights: Tensor, constants: Tensor) -> None:
    """Set a layer in place.

    Args:
        layer: From a to b features.
        weights: a×b.
        constants: b.
    """
    layer.weight.copy_(weights.T)
    layer.bias.copy_(constants)
