"""The networks of CUCaNet: two autoencoders that unmix, and the attention of the HR-MSI's to the LR-HSI."""

from __future__ import annotations

from math import ceil

import torch
from torch import Tensor, nn

from udaln.methods.base import Estimate, Model
from udaln.methods.deep.unmixing import Endmembers
from udaln.physics.degradation import Degradation, SpaDnet
from udaln.scene import Scene

SLOPE = 0.2  # of LeakyReLU
FEATURES = 512  # that both encoders give
REACH = 3  # HR pixels around one that its abundances depend on: convolutions of 5×5 and 3×3


def hsi_features(bands: int) -> nn.Sequential:
    """Layers from LR-HSI pixels (N, C) to features (N, F)."""
    return nn.Sequential(
        nn.Linear(bands, 128),
        nn.LeakyReLU(SLOPE),
        nn.Linear(128, 256),
        nn.LeakyReLU(SLOPE),
        nn.Linear(256, FEATURES),
        nn.LeakyReLU(SLOPE),
    )


def msi_features(msi_bands: int) -> nn.Sequential:
    """Layers from an HR-MSI, 1×c×H×W, to features, 1×F×H×W."""
    return nn.Sequential(
        nn.Conv2d(msi_bands, 128, 5, padding=2),
        nn.LeakyReLU(SLOPE),
        nn.Conv2d(128, 256, 3, padding=1),
        nn.LeakyReLU(SLOPE),
        nn.Conv2d(256, FEATURES, 1),
        nn.LeakyReLU(SLOPE),
    )


class CrossAttentionAutoencoders(Model):
    """Both autoencoders, and what passes between them.

    Args:
        degradation: Of the pair.
        endmembers: Their number.

    Attributes:
        spectral_map: That of the scene that the model is fitted to, F.
    """

    spectral_map: Tensor

    def __init__(self, degradation: Degradation, endmembers: int) -> None:
        super().__init__(degradation)
        bands, msi_bands = degradation.support.shape
        self.hsi_features, self.msi_features = hsi_features(bands), msi_features(msi_bands)
        self.hsi_abundances = nn.Linear(2 * FEATURES, endmembers)
        self.msi_abundances = nn.Linear(2 * FEATURES, endmembers)
        self.endmembers, self.msi_endmembers = Endmembers(endmembers, bands), Endmembers(endmembers, msi_bands)
        self.spatial_attention = nn.Conv2d(FEATURES, 1, 3, padding=1)
        self.attention_psf = SpaDnet(degradation.kernel_size)
        self.register_buffer("spectral_map", torch.full((FEATURES,), 1 / FEATURES))

    @property
    def margin(self) -> int:
        """LR pixels that the convolutions reach."""
        return ceil(REACH / self.degradation.scale)

    @property
    def pixel_bytes(self) -> int:
        """Memory for each HR pixel: features, twice, and what convolutions unfold."""
        return 4 * 4 * FEATURES

    def features(self, hr_msi: Tensor) -> Tensor:
        """An HR-MSI, H×W×c in network units, to features, H×W×F."""
        features: Tensor = self.msi_features(hr_msi.permute(2, 0, 1)[None])
        return features[0].permute(1, 2, 0)

    def abundances(self, features: Tensor, spectral_map: Tensor) -> Tensor:
        """Features of the HR-MSI, H×W×F, to abundances, H×W×p, from 0 to 1."""
        joined: Tensor = self.msi_abundances(torch.cat([features, features * spectral_map], -1))
        return joined.clamp(0, 1)

    @torch.no_grad()
    def fuse(self, scene: Scene) -> Estimate:
        """Unmix the HR-MSI and mix its abundances, in full precision."""
        hr_msi = scene.hr_msi.float() / self.degradation.msi_unit.float()
        with torch.autocast(hr_msi.device.type, enabled=False):
            spectra = self.endmembers(self.abundances(self.features(hr_msi), self.spectral_map))
        return Estimate(spectra * self.degradation.unit.float())
