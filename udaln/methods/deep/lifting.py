"""The training that the lifts share: a map from MSI pixels to spectra learns at low resolution, without a PSF."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from udaln.methods.base import SpectralMap
from udaln.methods.deep.warm_up import WarmUp
from udaln.methods.training.losses import mean_error
from udaln.methods.training.schedule import Schedules
from udaln.methods.training.stage import Stage
from udaln.physics.blocks import Blocks


class Lift(SpectralMap):
    """A spectral map by a network.

    Attributes:
        network: What is trained; MSI pixels (N, c) to what the spectra are made of.
    """

    network: nn.Module


class LiftStage(Stage[Lift]):
    """The network maps SpeDnet(Y), the LR-MSI that the SRF makes of the LR-HSI, back to Y."""

    name = "spectral"

    def trained(self) -> list[nn.Module]:
        """The network."""
        return [self.model.network]

    def losses(self, blocks: Blocks) -> dict[str, Tensor]:
        """|X̂(SpeDnet(Y)) − Y|, the mean absolute error."""
        with torch.no_grad():
            lr_msi = self.model.degradation.sped(blocks.lr)
        return {"lr_hsi": mean_error(self.model(lr_msi), blocks.lr, blocks.lr_weight)}


@dataclass
class LiftStages(Schedules):
    """The one stage of a lift.

    Attributes:
        spectral: Its schedule.
    """

    spectral: WarmUp = field(default_factory=WarmUp)
