"""The network of ZSL: interpolated coefficients of few principal spectra, corrected by the HR-MSI."""

from __future__ import annotations

from itertools import pairwise
from math import ceil

import torch
from torch import Tensor, nn

from udaln.methods.base import Estimate, Model
from udaln.methods.classical.resampling import interpolation_margin, upsampled
from udaln.physics.degradation import Degradation
from udaln.scene import Scene

LAYERS = 4  # 3×3 convolutions, which reach as many HR pixels far


class CoefficientNetwork(nn.Module):
    """Convolutions, each of which also sees the MSI; the result is added to the interpolated coefficients."""

    def __init__(self, dimensions: int, msi_bands: int, channels: int) -> None:
        super().__init__()
        widths = [dimensions, *[channels] * (LAYERS - 1), dimensions]
        self.layers = nn.ModuleList(
            nn.Conv2d(narrow + msi_bands, wide, 3, padding=1, padding_mode="replicate")
            for narrow, wide in pairwise(widths)
        )

    def forward(self, coefficients: Tensor, msi: Tensor) -> Tensor:
        """Interpolated coefficients (N, p, H, W) and MSI (N, c, H, W) to coefficients (N, p, H, W)."""
        signal = coefficients
        for layer in self.layers[:-1]:
            signal = torch.relu(layer(torch.cat([signal, msi], 1)))
        corrected: Tensor = coefficients + self.layers[-1](torch.cat([signal, msi], 1))
        return corrected.float()


class ZeroShot(Model):
    """The network and the subspace.

    Args:
        degradation: Of the pair.
        dimensions: Of the subspace; never more than the LR-HSI has bands.
        channels: Of each layer but the last.

    Attributes:
        subspace: E, C×p float32.
        network: Of the coefficients.
    """

    subspace: Tensor

    def __init__(self, degradation: Degradation, dimensions: int, channels: int) -> None:
        super().__init__(degradation)
        self.channels = channels
        bands, msi_bands = degradation.support.shape
        dimensions = min(dimensions, bands)
        self.register_buffer("subspace", torch.ones(bands, dimensions))
        self.network = CoefficientNetwork(dimensions, msi_bands, channels)

    @property
    def margin(self) -> int:
        """LR pixels that interpolation and convolutions reach."""
        return interpolation_margin(self.degradation) + ceil(LAYERS / self.degradation.scale)

    @property
    def pixel_bytes(self) -> int:
        """Input and output of a layer, and its input with the MSI and its border."""
        return 4 * 5 * (self.channels + self.degradation.support.shape[1])

    @torch.no_grad()
    def fuse(self, scene: Scene) -> Estimate:
        """Correct the interpolated coefficients."""
        degradation, device = self.degradation, scene.lr_hsi.device
        with torch.autocast(device.type, enabled=False):
            coefficients = (scene.lr_hsi.double() / degradation.unit).float() @ self.subspace
            msi = (scene.hr_msi.double() / degradation.msi_unit).float()
            inputs = [image.movedim(2, 0)[None] for image in (upsampled(coefficients, scene, degradation), msi)]
            fused = self.network(*inputs)[0].movedim(0, 2) @ self.subspace.T
        return Estimate(fused * degradation.unit.float())
