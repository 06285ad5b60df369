"""What all stages have in common: a start, many optimisation steps a call, one optimizer, one schedule."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any, ClassVar, Generic, TypeVar

import torch
from pytorch_lightning import LightningModule
from torch import Tensor, nn
from torch.amp import GradScaler
from torch.nn.utils import clip_grad_norm_
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from udaln.errors import InputError
from udaln.methods.base import Model
from udaln.methods.training.losses import LOSSES, Loss
from udaln.methods.training.optimizers import make_optimizer
from udaln.methods.training.schedule import DECAYS, Init, Schedule
from udaln.methods.training.share import Share
from udaln.physics.blocks import Blocks, blocks_of

MIN_DECREASE = 1e-3  # relative decrease of the loss that counts
PIXELS_OF_A_STEP = 2000  # whose mapping takes about as long as all else in a step, on a CPU
PROGRESS = ("steps_done", "started", "converged", "best_loss", "best_at")  # what a checkpoint keeps of a stage


M = TypeVar("M", bound=Model)


class Stage(LightningModule, ABC, Generic[M]):
    """One training stage: its loss, its optimizer and its schedule.

    An optimisation step takes less time than one turn of Lightning's loop. So one ``training_step`` runs
    ``steps_per_call`` of them: an epoch of Lightning. ``global_step`` counts the optimisation steps.

    A subclass has a ``name``, says what it trains, and computes its ``losses``.

    Args:
        model: What is trained, shared by all stages.
        schedule: Learning rate and number of steps.
        steps_per_call: Optimisation steps per ``training_step``.
        seed: Of the random blocks.

    Attributes:
        error: The loss that the schedule chooses, for ``losses``.

    Raises:
        InputError: If the schedule names a loss, an optimizer or a decay that there is not.
    """

    name: ClassVar[str]
    gives_image: ClassVar[bool] = True  # whether the model fuses once this stage trains
    inits: ClassVar[tuple[Init, ...]] = (Init.none,)  # what it can start from
    chooses_loss: ClassVar[bool] = False  # whether ``losses`` measures errors by ``error``
    share = Share()  # of each step's blocks
    _copied: tuple[Blocks, Blocks] | None = None

    def __init__(self, model: M, schedule: Schedule, steps_per_call: int, seed: int = 0) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.model = model
        self.schedule = schedule
        self.error = self.check_parts(schedule)
        self.steps_per_call = steps_per_call
        self.seed = seed
        self.steps_done = 0
        self.started = self.converged = False
        self.best_loss, self.best_at = math.inf, 0  # of a call's mean loss, and the step at its end
        self.first_step = 0  # optimisation steps of the stages before this one

    @classmethod
    def check_parts(cls, schedule: Schedule) -> Loss:
        """Check that there are the loss, the optimizer and the decay that a schedule names; return the loss."""
        key = f"stages.{cls.name}"
        if schedule.loss != "l1" and not cls.chooses_loss:
            raise InputError(f"{key}.loss: expected l1, since this stage has losses of its own, got {schedule.loss!r}")
        make_optimizer(
            schedule.optimizer, [nn.Parameter(torch.zeros(1))], schedule.lr, schedule.optimizer_settings, key=key
        )
        DECAYS.get(schedule.decay, key=f"{key}.decay")
        return LOSSES.get(schedule.loss, key=f"{key}.loss")

    @abstractmethod
    def trained(self) -> list[nn.Module]:
        """The networks that this stage trains."""

    @abstractmethod
    def losses(self, blocks: Blocks) -> dict[str, Tensor]:
        """The terms whose sum a step minimises."""

    def start(self, blocks: Blocks) -> None:
        """Set the networks to the start that the schedule asks for.

        Args:
            blocks: The whole scene, in the precision of its images.
        """
        assert self.schedule.init is Init.none

    @property
    def block_pixels(self) -> int:
        """Pixels that a step maps for each block, of both images: what the time that it takes depends on."""
        return 1

    def cost(self, blocks: int) -> float:
        """How long a step takes, roughly, relative to a step without any pixel: to tell the time left.

        Args:
            blocks: How many the scene has.
        """
        return 1.0 + self.block_pixels * min(blocks, self.schedule.blocks or blocks) / PIXELS_OF_A_STEP

    @property
    def finished(self) -> bool:
        """Whether there is no step left to do."""
        return self.converged or self.steps_done >= self.schedule.steps

    @property
    def calls(self) -> int:
        """``training_step`` calls that are left, each an epoch; one, which does nothing, if the stage is finished."""
        return max(1, -(-(self.schedule.steps - self.steps_done) // self.steps_per_call))

    @property
    def global_steps_done(self) -> int:
        """Optimisation steps since the start of the first stage: the step axis of the logs."""
        return self.first_step + self.steps_done

    def parameters_by_name(self) -> dict[str, nn.Parameter]:
        """What this stage's optimizer holds, by its name in the model."""
        mine = {id(p) for network in self.trained() for p in network.parameters()}
        return {name: p for name, p in self.model.named_parameters() if p.requires_grad and id(p) in mine}

    def configure_optimizers(self) -> Any:
        """The optimizer and the schedule of its rate; the stage steps both itself."""
        schedule, parameters = self.schedule, self.parameters_by_name().values()
        settings = schedule.optimizer_settings
        optimizer = make_optimizer(schedule.optimizer, parameters, schedule.lr, settings, key=f"stages.{self.name}")
        return {"optimizer": optimizer, "lr_scheduler": LambdaLR(optimizer, self.schedule.factor)}

    def on_train_start(self) -> None:
        """Set the start, unless a checkpoint was restored. Of several processes the first one does so for all."""
        self.share = Share(self.trainer.global_rank, self.trainer.world_size)
        if not self.started and self.schedule.init is not Init.none:
            if self.share.rank == 0:
                assert self.trainer.datamodule is not None  # type: ignore[attr-defined]  # what the chain fits with
                scene = self.trainer.datamodule.scene  # type: ignore[attr-defined]
                self.start(blocks_of(scene, self.model.degradation.kernel_size, scene.hr_msi.dtype))
            if self.share.ranks > 1:
                for value in self.model.state_dict().values():
                    torch.distributed.broadcast(value, 0)
        self.started = True
        self._tell_steps(in_call=False)

    def on_train_batch_start(self, *_: Any) -> int | None:
        """Skip an epoch that is left over once the stage is finished, unless it has had no call yet."""
        return -1 if self.finished and self.steps_done else None

    def on_train_epoch_end(self) -> None:
        """Tell Lightning when the stage is finished, whatever number of epochs it expects."""
        self.trainer.should_stop |= self.finished

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
            generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.global_steps_done)
            return torch.randint(number, (steps, self.schedule.blocks), generator=generator), True
        return (torch.arange(number).expand(steps, -1) if self.share.ranks > 1 else None), False

    def training_step(self, blocks: Blocks, _: int) -> None:
        """Run the next ``steps_per_call`` steps and log the last one's losses."""
        optimizer = self.optimizers(use_pl_optimizer=False)
        scheduler = self.lr_schedulers()
        assert isinstance(optimizer, Optimizer) and isinstance(scheduler, LambdaLR)
        scaler = getattr(self.trainer.precision_plugin, "scaler", None) or GradScaler(enabled=False)
        steps = min(self.steps_per_call, self.schedule.steps - self.steps_done)
        terms = self.optimise(blocks, steps, optimizer, scheduler, scaler)
        self.steps_done += steps
        self._tell_steps(in_call=True)
        logged: dict[str, Any] = {f"{self.name}/{term}": value for term, value in terms.items()}
        if terms:
            logged[f"{self.name}/lr"] = scheduler.get_last_lr()[0]
            self.log("loss", torch.stack(list(terms.values())).sum(), logger=False)  # for callbacks, in every stage
            self._check_convergence(terms)
        self.log_dict(logged)
        self.log("step", float(self.global_steps_done))

    def _tell_steps(self, *, in_call: bool) -> None:
        """Let Lightning's counters, which callbacks and loggers go by, count optimisation steps."""
        loop = self.trainer.fit_loop.epoch_loop
        loop.manual_optimization.optim_step_progress.total.completed = self.global_steps_done
        loop._batches_that_stepped = self.global_steps_done - in_call  # Lightning adds one at the end of a call

    def _check_convergence(self, terms: dict[str, Tensor]) -> None:
        """Keep the lowest loss so far; end the stage when it has not fallen for ``patience`` steps."""
        if self.schedule.patience is None:
            return
        loss = float(torch.stack(list(terms.values())).sum())
        if loss < (1 - MIN_DECREASE) * self.best_loss:
            self.best_loss, self.best_at = loss, self.steps_done
        self.converged = self.steps_done - self.best_at >= self.schedule.patience

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Save the progress."""
        checkpoint["progress"] = {name: getattr(self, name) for name in PROGRESS}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore the progress."""
        for name in PROGRESS:
            setattr(self, name, checkpoint["progress"][name])
