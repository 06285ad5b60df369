"""What the three stages have in common: many optimisation steps a call, one Adam, one schedule."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from pytorch_lightning import LightningModule
from torch import Tensor, nn
from torch.amp import GradScaler
from torch.optim import Adam
from torch.optim.lr_scheduler import LambdaLR

from udaln.networks import FusionNetworks
from udaln.scene import Blocks


@dataclass
class Schedule:
    """How long and how fast a stage trains.

    Attributes:
        lr: Adam's learning rate at the start.
        steps: N, optimisation steps.
        constant_until: d, the step from which the rate falls linearly towards 0 at step N.
    """

    lr: float
    steps: int
    constant_until: int

    def factor(self, done: int) -> float:
        """What the learning rate is multiplied with after ``done`` finished steps (Li et al. 2022)."""
        return 1 - max(0, done - (self.constant_until - 1)) / (self.steps - self.constant_until + 1)


class Stage(LightningModule, ABC):
    """One training stage: its loss, its optimizer and its schedule.

    A step is far cheaper than a turn of Lightning's loop, so one ``training_step`` runs ``steps_per_call`` of them; the
    stage counts its own steps, since Lightning's ``global_step`` does not see them.

    Args:
        networks: The three networks, shared by all stages.
        schedule: Learning rate and number of steps.
        steps_per_call: Optimisation steps per ``training_step``.
    """

    name: ClassVar[str]

    def __init__(self, networks: FusionNetworks, schedule: Schedule, steps_per_call: int) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.networks = networks
        self.schedule = schedule
        self.steps_per_call = steps_per_call
        self.steps_done = 0
        self.first_step = 0  # optimisation steps of the stages before this one

    @abstractmethod
    def trained(self) -> list[nn.Module]:
        """The networks that this stage trains."""

    @abstractmethod
    def losses(self, blocks: Blocks) -> dict[str, Tensor]:
        """The terms whose sum a step minimises."""

    @property
    def calls(self) -> int:
        """``training_step`` calls that are left; one, which does nothing, if the stage is finished."""
        return max(1, -(-(self.schedule.steps - self.steps_done) // self.steps_per_call))

    @property
    def global_steps_done(self) -> int:
        """Optimisation steps since the start of the first stage: the step axis of the logs."""
        return self.first_step + self.steps_done

    def parameters_by_name(self) -> dict[str, nn.Parameter]:
        """What this stage's optimizer holds, by its name in the bundle of networks."""
        mine = {id(p) for network in self.trained() for p in network.parameters()}
        return {name: p for name, p in self.networks.learned() if id(p) in mine}

    def configure_optimizers(self) -> Any:
        """One Adam and its schedule; the stage steps both itself."""
        optimizer = Adam(self.parameters_by_name().values(), lr=self.schedule.lr, fused=True)
        return {"optimizer": optimizer, "lr_scheduler": LambdaLR(optimizer, self.schedule.factor)}

    def optimise(
        self, blocks: Blocks, steps: int, optimizer: Adam, scheduler: LambdaLR, scaler: GradScaler
    ) -> dict[str, Tensor]:
        """Run optimisation steps, without Lightning's wrappers, which cost as much as a step.

        Args:
            blocks: The whole scene.
            steps: How many.
            optimizer: Over ``parameters_by_name``.
            scheduler: Of its learning rate, stepped with it.
            scaler: Of the gradients, which float16 would round to zero; disabled at any other precision.

        Returns:
            The last step's losses by name.
        """
        terms: dict[str, Tensor] = {}
        for _ in range(steps):
            optimizer.zero_grad()
            terms = self.losses(blocks)
            torch.autograd.backward(scaler.scale(torch.stack(list(terms.values())).sum()))
            scaler.step(optimizer)
            scaler.update()
            scheduler.step()
            torch.clear_autocast_cache()  # autocast keeps its copies of the weights until the call ends
        return {name: value.detach() for name, value in terms.items()}

    def training_step(self, blocks: Blocks, _: int) -> None:
        """Run the next ``steps_per_call`` steps and log the last one's losses."""
        optimizer = self.optimizers(use_pl_optimizer=False)
        scheduler = self.lr_schedulers()
        assert isinstance(optimizer, Adam) and isinstance(scheduler, LambdaLR)
        scaler = getattr(self.trainer.precision_plugin, "scaler", None) or GradScaler(enabled=False)
        steps = min(self.steps_per_call, self.schedule.steps - self.steps_done)
        terms = self.optimise(blocks, steps, optimizer, scheduler, scaler)
        self.steps_done += steps
        logged: dict[str, Any] = {f"{self.name}/{term}": value for term, value in terms.items()}
        logged[f"{self.name}/lr"] = scheduler.get_last_lr()[0]
        self.log_dict(logged)
        self.log("step", float(self.global_steps_done))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the step count."""
        checkpoint["steps_done"] = self.steps_done

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on from the step count."""
        self.steps_done = checkpoint["steps_done"]
