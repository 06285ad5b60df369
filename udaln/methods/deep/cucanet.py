"""CUCaNet, coupled unmixing with cross-attention (Yao, Hong, Chanussot, Meng, Zhu and Xu, ECCV 2020).

Two autoencoders unmix the LR-HSI and the HR-MSI, each with its own decoder. The encoder of the HR-MSI sees a few
pixels around. A spatial map of the HR-MSI, seen through a second PSF, is multiplied with the features of the LR-HSI; a
spectral map of the LR-HSI is multiplied with the features of the HR-MSI. PSF and SRF are learned at the same time. The
result is X̂ = A_Z · E, where A_Z are the abundances of the HR-MSI and E the endmembers, the decoder of the LR-HSI.

Where the specification leaves it open: features are joined with the same features multiplied by a map. The SRF starts
as a Gaussian over its support and is not negative. The sparsity term is that of the mean abundances over all pixels.

The spectral map is made of a weighted sum over all LR pixels of a scene. These weights belong to the training. The
model keeps the map of the scene that it was fitted to and uses it for any other scene, so that windows equal the
whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss

from udaln.errors import InputError
from udaln.methods.base import Method, Model, StageRecord, Training
from udaln.methods.classical.limits import check_least
from udaln.methods.deep.constrained import ConstrainedStage, constrain_sensors
from udaln.methods.deep.cross_attention import FEATURES, CrossAttentionAutoencoders
from udaln.methods.deep.unmixing import UnmixingStages, check_unmixing, sparsity, sum_to_one
from udaln.methods.training.data import SceneData
from udaln.methods.training.fit import fit_stages_to
from udaln.physics.blocks import Blocks
from udaln.physics.degradation import Degradation
from udaln.physics.observation import usable_lr_pixels
from udaln.physics.windows import windows
from udaln.scene import Scene

MSI_RATE, SHARED_RATE = 0.5, 0.2  # learning rates of the HR-MSI's encoder, and of sensors and attention
IMAGE_WEIGHT, LR_MSI_WEIGHT, SUM_WEIGHT, SPARSITY_WEIGHT = 10.0, 10000.0, 0.01, 0.01  # of the losses


@dataclass
class Settings:
    """The published settings.

    Attributes:
        endmembers: Their number.
    """

    name: str = "cucanet"
    endmembers: int = 128


class CuCaNetStage(ConstrainedStage[CrossAttentionAutoencoders]):
    """All networks, PSF and SRF at once, on the whole scene.

    Args:
        model: What is trained.
        scene: The pair.
        stages: Learning rate and number of steps.
        training: Seed, and steps for each ``training_step``.

    Attributes:
        spectral_attention: The weight of each LR pixel in each feature's sum, and a constant: N → 1, F of them.
    """

    name = "unmixing"
    lr_hsi: Tensor
    hr_msi: Tensor
    used: Tensor

    def __init__(
        self, model: CrossAttentionAutoencoders, scene: Scene, stages: UnmixingStages, training: Training
    ) -> None:
        super().__init__(model, stages.unmixing, training.every, training.seed)
        self.scale, self.shift = scene.scale, scene.shift
        side = model.degradation.kernel_size
        images = {
            "lr_hsi": (scene.lr_hsi.float() / scene.unit).flatten(0, 1),
            "hr_msi": scene.hr_msi.float() / scene.msi_unit,
            "used": usable_lr_pixels(scene, torch.ones(side, side)),
        }
        for name, image in images.items():
            self.register_buffer(name, image, persistent=False)
        pixels = len(self.lr_hsi)
        self.spectral_attention = nn.Conv1d(FEATURES, FEATURES, pixels, groups=FEATURES)

    def parameters_by_name(self) -> dict[str, nn.Parameter]:
        """Those of the model, and the weights of the LR pixels."""
        own = {f"spectral_attention.{name}": p for name, p in self.spectral_attention.named_parameters()}
        return super().parameters_by_name() | own

    def rates(self) -> Mapping[nn.Module, float]:
        """Everything that the model has, and the weights of the LR pixels."""
        model = self.model
        unmixing = (model.hsi_features, model.hsi_abundances, model.endmembers, model.msi_endmembers)
        shared = (model.spatial_attention, self.spectral_attention, model.attention_psf)
        sensors = (model.degradation.spad, model.degradation.sped)
        return (
            dict.fromkeys(unmixing, 1.0)
            | dict.fromkeys((model.msi_features, model.msi_abundances), MSI_RATE)
            | dict.fromkeys((*shared, *sensors), SHARED_RATE)
        )

    @torch.no_grad()
    def constrain(self) -> None:
        """Both decoders, PSF and SRF, and the second PSF."""
        self.model.endmembers.constrain()
        self.model.msi_endmembers.constrain()
        self.model.attention_psf.weight.clamp_(0, 1)
        constrain_sensors(self.model.degradation)

    def losses(self, blocks: Blocks) -> dict[str, Tensor]:
        """The mean absolute errors of both images and of the LR-MSI, and what is asked of abundances."""
        model, spad, sped = self.model, self.model.degradation.spad, self.model.degradation.sped
        lr_abundances, cut = self._abundances()
        abundances = cut.transpose(0, 1)  # K×N×p, in one piece of memory
        hr_msi = blocks.windows.transpose(0, 1)
        fused = model.endmembers(abundances)
        both = (lr_abundances, abundances)
        return {
            "lr_hsi": IMAGE_WEIGHT * l1_loss(model.endmembers(lr_abundances), blocks.lr),
            "hr_msi_unmixed": IMAGE_WEIGHT * l1_loss(model.msi_endmembers(abundances), hr_msi),
            "fused_lr_hsi": IMAGE_WEIGHT * l1_loss(spad(fused.transpose(0, 1)), blocks.lr),
            "hr_msi": IMAGE_WEIGHT * l1_loss(sped(fused), hr_msi),
            "lr_msi": LR_MSI_WEIGHT * l1_loss(sped(blocks.lr), spad(blocks.windows)),
            "sum_to_one": SUM_WEIGHT * torch.stack([sum_to_one(one) for one in both]).sum(),
            "sparsity": SPARSITY_WEIGHT * torch.stack([sparsity(one) for one in both]).sum(),
        }

    def _abundances(self) -> tuple[Tensor, Tensor]:
        """Those of the LR pixels that are used, (N, p), and of the windows under them, (N, K, p)."""
        model, side = self.model, self.model.degradation.kernel_size
        lr_features, features = model.hsi_features(self.lr_hsi), model.features(self.hr_msi)
        logits = model.spatial_attention(features.permute(2, 0, 1)[None])
        spatial_map = torch.softmax(logits.flatten(), 0).view(*features.shape[:2], 1)
        seen = model.attention_psf(windows(spatial_map, side, self.scale, self.shift))
        spectral_map = torch.softmax(self.spectral_attention(lr_features.T)[:, 0], 0)
        model.spectral_map.copy_(spectral_map.detach())
        joined = torch.cat([lr_features, lr_features * seen], -1)
        lr_abundances = model.hsi_abundances(joined[self.used]).clamp(0, 1)
        abundances = model.abundances(features, spectral_map)
        return lr_abundances, windows(abundances, side, self.scale, self.shift, at=self.used)


class CuCaNet(Method):
    """Coupled autoencoders with attention to each other, which learn PSF and SRF themselves."""

    name: ClassVar[str] = "cucanet"
    Settings = Settings
    Stages = UnmixingStages
    needs_degradation: ClassVar[bool] = False

    def check(self, devices: int = 1) -> None:
        """Refuse settings that cannot be carried out; a step needs the whole image, on one device."""
        check_least(self.settings, endmembers=1)
        check_unmixing(self.stages, 1)
        if devices > 1:
            raise InputError(f"trainer.devices: expected 1 for method=cucanet, got {devices}")
        if self.stages.unmixing.blocks is not None:
            raise InputError(
                "stages.unmixing.blocks: expected null for method=cucanet, which needs the whole image, "
                f"got {self.stages.unmixing.blocks}"
            )

    def model(self, degradation: Degradation) -> CrossAttentionAutoencoders:
        """Networks that are not trained yet."""
        return CrossAttentionAutoencoders(degradation, self.settings.endmembers)

    def fit(self, model: Model, scene: Scene, training: Training) -> Sequence[StageRecord]:
        """Train the networks."""
        assert isinstance(model, CrossAttentionAutoencoders)
        data = SceneData(scene, model.degradation.kernel_size)
        for decoder in (model.endmembers, model.msi_endmembers):
            decoder.limit(data.blocks)
        return fit_stages_to(data, model, [CuCaNetStage(model, scene, self.stages, training)], training)
