"""Stages whose networks have learning rates of their own, and weights that are put back into bounds after each step."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

import torch
from torch import nn
from torch.optim import Adam
from torch.optim.lr_scheduler import LambdaLR

from udaln.methods.base import Model
from udaln.methods.training.stage import Stage
from udaln.physics.degradation import Degradation

M = TypeVar("M", bound=Model)


class ConstrainedStage(Stage[M]):
    """A stage with several learning rates and bounds.

    Attributes:
        weight_decay: Of Adam: what is added to the gradient, times the weight.
    """

    weight_decay: ClassVar[float] = 0.0

    @abstractmethod
    def rates(self) -> Mapping[nn.Module, float]:
        """The networks that this stage trains, each with its learning rate relative to that of the schedule."""

    @abstractmethod
    def constrain(self) -> None:
        """Put the weights back into their bounds, in place."""

    def trained(self) -> list[nn.Module]:
        """The networks of ``rates``."""
        return list(self.rates())

    def configure_optimizers(self) -> Any:
        """One Adam with a group of parameters for each network; ``constrain`` follows each of its steps."""
        groups = [
            {"params": [p for p in network.parameters() if p.requires_grad], "lr": rate * self.schedule.lr}
            for network, rate in self.rates().items()
        ]
        filled = [group for group in groups if group["params"]]
        optimizer = Adam(filled, lr=self.schedule.lr, weight_decay=self.weight_decay, fused=True)
        optimizer.register_step_post_hook(lambda *_: self.constrain())
        return {"optimizer": optimizer, "lr_scheduler": LambdaLR(optimizer, self.schedule.factor)}


@torch.no_grad()
def constrain_sensors(degradation: Degradation) -> None:
    """Keep what is learned of PSF and SRF physical, in place: the PSF's weights from 0 to 1, the SRF's not negative."""
    for weight, largest in ((degradation.spad.weight, 1.0), (degradation.sped.weight, None)):
        if weight.requires_grad:
            weight.clamp_(0, largest)
