"""A method outside of udaln: ridge regression of the LR-HSI on the LR-MSI. ``plugins=[toy_regression] method=toy``."""

from dataclasses import dataclass

import torch

from udaln.methods.base import Method, SpectralMap
from udaln.methods.registry import register
from udaln.physics.blocks import blocks_of


class Ridge(SpectralMap):
    def __init__(self, degradation):
        super().__init__(degradation)
        bands, msi_bands = degradation.support.shape
        self.register_buffer("weights", torch.zeros(msi_bands + 1, bands))

    def forward(self, pixels):
        return torch.cat([pixels, torch.ones_like(pixels[:, :1])], 1) @ self.weights


@dataclass
class Settings:
    name: str = "toy"
    ridge: float = 1e-6


@register
class Toy(Method):
    name, Settings = "toy", Settings

    def model(self, degradation):
        return Ridge(degradation)

    def fit(self, model, scene, training):
        lr_msi, lr_hsi = blocks_of(scene, model.degradation.kernel_size).spectral_pairs(model.degradation.psf)
        x = torch.cat([lr_msi, torch.ones_like(lr_msi[:, :1])], 1)
        penalty = self.settings.ridge * torch.eye(x.shape[1]).to(x)
        model.weights.copy_(torch.linalg.solve(x.T @ x + penalty, x.T @ lr_hsi))
