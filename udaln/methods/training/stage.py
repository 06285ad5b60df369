"""What all stages have in common: a start, many optimisation steps in a call of Lightning, what a checkpoint keeps."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.amp import GradScaler
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from udaln.errors import InputError
from udaln.methods.training.losses import LOSSES, Loss
from udaln.methods.training.optimizers import make_optimizer
from udaln.methods.training.schedule import DECAYS, Init, Schedule
from udaln.methods.training.share import Share
from udaln.methods.training.steps import M, Steps
from udaln.physics.blocks import Blocks, blocks_of

MIN_DECREASE = 1e-3  # relative decrease of the loss that counts
PIXELS_OF_A_STEP = 2000  # whose mapping takes about as long as all else in a step, on a CPU
PROGRESS = ("steps_done", "started", "converged", "loss", "best_loss", "best_at")  # what a checkpoint keeps of a stage


class Stage(Steps[M]):
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

    def __init__(self, model: M, schedule: Schedule, steps_per_call: int, seed: int = 0) -> None:
        super().__init__(model, schedule, seed)
        self.automatic_optimization = False
        self.error = self.check_parts(schedule)
        self.steps_per_call = steps_per_call
        self.started = self.converged = False
        self.loss: Tensor | None = None  # of the last call: of its last step, or the mean of steps on random blocks
        self.best_loss, self.best_at = math.inf, 0  # of a call's mean loss, and the step at its end

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
            self.loss = torch.stack(list(terms.values())).sum()
            self.log("loss", self.loss, logger=False)  # for callbacks, in every stage
            self._check_convergence(self.loss)
        self.log_dict(logged)
        self.log("step", float(self.global_steps_done))

    def _tell_steps(self, *, in_call: bool) -> None:
        """Let Lightning's counters, which callbacks and loggers go by, count optimisation steps."""
        loop = self.trainer.fit_loop.epoch_loop
        loop.manual_optimization.optim_step_progress.total.completed = self.global_steps_done
        loop._batches_that_stepped = self.global_steps_done - in_call  # Lightning adds one at the end of a call

    def _check_convergence(self, total: Tensor) -> None:
        """Keep the lowest loss so far; end the stage when it has not fallen for ``patience`` steps."""
        if self.schedule.patience is None:
            return
        loss = float(total)
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
