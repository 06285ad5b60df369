"""MIAE, the model-inspired autoencoder (Liu, Wu, Peng, Zhang, Liu and Fan, IEEE TGRS 60, 2022).

Nonnegative matrix factorisation of the image wanted, X = S · E, is unrolled to a network. The abundances S of an HR
pixel follow from its MSI pixel and from the interpolated LR-HSI, in a few iterations with their own weights. E is the
linear decoder. The network minimises |SpaDnet(X) − Y| and |SpeDnet(X) − Z|, each summed over bands and averaged over
pixels.

Where the publication and its program differ, or do not say it: the iterations follow each other as in the publication.
LeakyReLU follows every layer but the decoder. Abundances are limited to 0…1 after the last iteration.

Other than published: PSF and SRF are udaln's closed-form estimate instead of that of a network trained before. The LR-
HSI is interpolated by bicubic convolution instead of bilinearly. A step sees the whole image, or some of its LR pixels
with the HR pixels under them, instead of patches that overlap; all layers are 1×1 convolutions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from udaln.methods.base import CHUNK, Estimate, Method, Model, StageRecord, Training
from udaln.methods.classical.limits import check_least
from udaln.methods.classical.resampling import interpolation_margin, upsampled
from udaln.methods.deep.constrained import ConstrainedStage
from udaln.methods.deep.unmixing import Endmembers, UnmixingStages, check_unmixing
from udaln.methods.training.data import BlockData
from udaln.methods.training.fit import fit_stages_to
from udaln.physics.blocks import Blocks, blocks_of
from udaln.physics.degradation import Degradation
from udaln.physics.observation import usable_lr_pixels
from udaln.physics.windows import windows
from udaln.scene import Scene

SLOPE = 0.2  # of LeakyReLU


@dataclass
class Settings:
    """The published settings, those of Pavia and KSC for all scenes.

    Attributes:
        endmembers: Their number, and the width of all layers.
        iterations: Of the factorisation.
    """

    name: str = "miae"
    endmembers: int = 80
    iterations: int = 3


class UnrolledFactorisation(nn.Module):
    """A pixel of both images to its abundances.

    Args:
        bands: Of the LR-HSI, C.
        msi_bands: Of the HR-MSI, c.
        endmembers: Their number p.
        iterations: Of the factorisation.
    """

    def __init__(self, bands: int, msi_bands: int, endmembers: int, iterations: int) -> None:
        super().__init__()
        p = endmembers
        self.bands = bands
        self.hsi = nn.Sequential(nn.Linear(bands, p), nn.LeakyReLU(SLOPE), nn.Linear(p, p), nn.LeakyReLU(SLOPE))
        self.msi = nn.Sequential(nn.Linear(msi_bands, p), nn.LeakyReLU(SLOPE))
        self.first = nn.Linear(2 * p, p)
        self.own = nn.ModuleList(nn.Linear(p, p) for _ in range(iterations))
        self.joint = nn.ModuleList(nn.Linear(3 * p, p) for _ in range(iterations))

    def forward(self, pixels: Tensor) -> Tensor:
        """Pixels of the HR-MSI and of the interpolated LR-HSI, (…, c + C), to abundances (…, p)."""
        by_hsi, by_msi = self.hsi(pixels[..., -self.bands :]), self.msi(pixels[..., : -self.bands])
        abundances = leaky_relu(self.first(torch.cat([by_hsi, by_msi], -1)), SLOPE)
        for own, joint in zip(self.own, self.joint, strict=True):
            abundances = leaky_relu(own(abundances), SLOPE)
            abundances = leaky_relu(joint(torch.cat([abundances, by_hsi, by_msi], -1)), SLOPE)
        return abundances.clamp(0, 1)


class ModelInspiredAutoencoder(Model):
    """The unrolled factorisation, and the endmembers.

    Args:
        degradation: Of the pair.
        settings: Of the method.
    """

    def __init__(self, degradation: Degradation, settings: Settings) -> None:
        super().__init__(degradation)
        bands, msi_bands = degradation.support.shape
        count = settings.endmembers
        self.encoder = UnrolledFactorisation(bands, msi_bands, count, settings.iterations)
        self.endmembers = Endmembers(count, bands, start=1 / count)

    @property
    def margin(self) -> int:
        """LR pixels that the interpolation of the LR-HSI reaches."""
        return interpolation_margin(self.degradation)

    @property
    def pixel_bytes(self) -> int:
        """Memory for each HR pixel: both images as the network sees them, and the interpolation on its way there."""
        bands, msi_bands = self.degradation.support.shape
        return 4 * (3 * bands + msi_bands)

    def forward(self, pixels: Tensor) -> Tensor:
        """Pixels of both images, (…, c + C) from `both_images`, to spectra (…, C), in network units."""
        spectra: Tensor = self.endmembers(self.encoder(pixels))
        return torch.minimum(spectra.clamp(min=0), self.endmembers.bound)

    @torch.no_grad()
    def fuse(self, scene: Scene) -> Estimate:
        """Apply the network to each pixel, in full precision."""
        pixels = both_images(scene, self.degradation).flatten(0, 1)
        unit = self.degradation.unit.to(pixels)
        with torch.autocast(pixels.device.type, enabled=False):
            spectra = torch.cat([self(chunk) * unit for chunk in torch.split(pixels, CHUNK)])
        return Estimate(spectra.view(*scene.hr_msi.shape[:2], -1))


def both_images(scene: Scene, degradation: Degradation) -> Tensor:
    """The HR-MSI and the interpolated LR-HSI side by side, H×W×(c + C) float32, in network units."""
    interpolated = upsampled(scene.lr_hsi, scene, degradation)
    hr_msi = scene.hr_msi.float() / degradation.msi_unit.to(interpolated)
    return torch.cat([hr_msi, interpolated / degradation.unit.to(interpolated)], -1)


def blocks_of_both(scene: Scene, degradation: Degradation) -> Blocks:
    """A scene in blocks whose windows hold both images, (N, K, c + C)."""
    side = degradation.kernel_size
    used = usable_lr_pixels(scene, torch.ones(side, side))
    blocks = blocks_of(scene, side, used=used)
    return replace(blocks, windows=windows(both_images(scene, degradation), side, scene.scale, scene.shift, at=used))


class MiaeStage(ConstrainedStage[ModelInspiredAutoencoder]):
    """The network learns to explain both images."""

    name = "unmixing"
    weight_decay = 1e-3

    def rates(self) -> Mapping[nn.Module, float]:
        """All but PSF and SRF, which are known by now."""
        return {self.model.encoder: 1.0, self.model.endmembers: 1.0}

    def constrain(self) -> None:
        """The endmembers."""
        self.model.endmembers.constrain()

    def losses(self, blocks: Blocks) -> dict[str, Tensor]:
        """|SpaDnet(X) − Y| and |SpeDnet(X) − Z|, summed over bands, averaged over pixels."""
        degradation, pixels = self.model.degradation, blocks.windows.transpose(0, 1)
        fused = self.model(pixels)
        hr_msi = pixels[..., : degradation.support.shape[1]]
        return {
            "fused_lr_hsi": (degradation.spad(fused.transpose(0, 1)) - blocks.lr).abs().sum(-1).mean(),
            "hr_msi": (degradation.sped(fused) - hr_msi).abs().sum(-1).mean(),
        }


class Miae(Method):
    """An autoencoder made of the iterations of a factorisation, for a known PSF and SRF."""

    name: ClassVar[str] = "miae"
    Settings = Settings
    Stages = UnmixingStages

    def check(self, devices: int = 1) -> None:
        """Refuse settings that cannot be carried out."""
        check_least(self.settings, endmembers=1, iterations=0)
        check_unmixing(self.stages, devices)

    def model(self, degradation: Degradation) -> ModelInspiredAutoencoder:
        """A network that is not trained yet."""
        return ModelInspiredAutoencoder(degradation, self.settings)

    def fit(self, model: Model, scene: Scene, training: Training) -> Sequence[StageRecord]:
        """Train the network."""
        assert isinstance(model, ModelInspiredAutoencoder)
        blocks = blocks_of_both(scene, model.degradation)
        model.endmembers.limit(blocks)
        stage = MiaeStage(model, self.stages.unmixing, training.every, training.seed)
        return fit_stages_to(BlockData(blocks), model, [stage], training)
