"""Optimisation steps on the blocks of a scene, many in a row, shared among processes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

import torch
from pytorch_lightning import LightningModule
from torch import Tensor, nn
from torch.amp import GradScaler
from torch.nn.utils import clip_grad_norm_
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from udaln.methods.base import Model
from udaln.methods.training.schedule import Schedule
from udaln.methods.training.share import Share
from udaln.physics.blocks import Blocks

M = TypeVar("M", bound=Model)


class Steps(LightningModule, ABC, Generic[M]):
    """What a step trains and minimises, and how steps are taken.

    Args:
        model: What is trained, shared by all stages.
        schedule: Learning rate and number of steps.
        seed: Of the random blocks.
    """

    share = Share()  # of each step's blocks
    _copied: tuple[Blocks, Blocks] | None = None

    def __init__(self, model: M, schedule: Schedule, seed: int = 0) -> None:
        super().__init__()
        self.model = model
        self.schedule = schedule
        self.seed = seed
        self.steps_done = 0
        self.first_step = 0  # optimisation steps of the stages before this one

    @abstractmethod
    def trained(self) -> list[nn.Module]:
        """The networks that this stage trains."""

    @abstractmethod
    def losses(self, blocks: Blocks) -> dict[str, Tensor]:
        """The terms whose sum a step minimises."""

    @property
    def global_steps_done(self) -> int:
        """Optimisation steps since the start of the first stage: the step axis of the logs."""
        return self.first_step + self.steps_done

    def parameters_by_name(self) -> dict[str, nn.Parameter]:
        """What this stage's optimizer holds, by its name in the model."""
        mine = {id(p) for network in self.trained() for p in network.parameters()}
        return {name: p for name, p in self.model.named_parameters() if p.requires_grad and id(p) in mine}

    def optimise(
        self, blocks: Blocks, steps: int, optimizer: Optimizer, scheduler: LambdaLR, scaler: GradScaler
    ) -> dict[str, Tensor]:
        """Run optimisation steps, without Lightning's wrappers, which cost as much as a step.

        Of several processes each takes its share of a step's blocks. All take the same step: its gradient is the sum
        of theirs, each weighted by its share.

        Args:
            blocks: The whole scene.
            steps: How many.
            optimizer: Over ``parameters_by_name``.
            scheduler: Of its learning rate, stepped with it.
            scaler: Of the gradients, which float16 would round to zero; disabled at any other precision.

        Returns:
            The losses by name: the last step's where each sees the whole scene, else their mean.
        """
        seen, drawn = self._blocks_of_steps(len(blocks.lr), steps)
        part = None
        if seen is not None:
            mine = self.share.of(seen)
            part = mine.shape[1] / seen.shape[1] if self.share.ranks > 1 else None
            seen = mine.to(blocks.lr.device)
            blocks = self._by_block(blocks)
        terms: dict[str, Tensor] = {}
        total: dict[str, Tensor] = {}
        for step in range(steps):
            optimizer.zero_grad()
            terms = self.losses(blocks if seen is None else blocks.sample(seen[step]))
            if drawn:
                total = {name: total.get(name, 0) + value.detach() for name, value in terms.items()}
            loss = torch.stack(list(terms.values())).sum()
            torch.autograd.backward(scaler.scale(loss if part is None else part * loss))
            if part is not None:
                self._add_gradients()
            if self.schedule.gradient_clip_val is not None:
                scaler.unscale_(optimizer)
                clip_grad_norm_(self.parameters_by_name().values(), self.schedule.gradient_clip_val)
            scaler.step(optimizer)
            scaler.update()
            scheduler.step()
            torch.clear_autocast_cache()  # autocast keeps its copies of the weights until the call ends
        if drawn:
            terms = {name: value / steps for name, value in total.items()}
        if part is not None and terms:
            shared = self.share.total(part * value.detach() for value in terms.values())
            terms = dict(zip(terms, shared, strict=True))
        return {name: value.detach() for name, value in terms.items()}

    def generator_of_steps(self) -> torch.Generator:
        """For the next steps: it follows from the seed and the steps done, so that a run can be resumed."""
        return torch.Generator().manual_seed(self.seed * 1_000_003 + self.global_steps_done)

    def _add_gradients(self) -> None:
        """Replace every gradient by its sum over all processes."""
        gradients = [p.grad for p in self.parameters_by_name().values() if p.grad is not None]
        for gradient, total in zip(gradients, self.share.total(gradients), strict=True):
            gradient.copy_(total)

    def _by_block(self, blocks: Blocks) -> Blocks:
        """The whole scene in the layout for random blocks: the same at every call, so copied once."""
        if self._copied is None or self._copied[0] is not blocks:
            self._copied = blocks, blocks.by_block()
        return self._copied[1]

    def _blocks_of_steps(self, number: int, steps: int) -> tuple[Tensor | None, bool]:
        """The blocks that all processes use in the next steps, (steps, blocks), and whether they are random.

        Random ones follow from the seed and the steps done, so that a run can be resumed. None where a step uses the
        whole scene at once.
        """
        if self.schedule.blocks is not None and self.schedule.blocks < number:
            return torch.randint(number, (steps, self.schedule.blocks), generator=self.generator_of_steps()), True
        return (torch.arange(number).expand(steps, -1) if self.share.ranks > 1 else None), False
