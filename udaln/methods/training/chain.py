"""The chain of stages: one Trainer, one ``fit`` a stage, and what passes from one stage to the next."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Checkpoint, EarlyStopping, Timer
from pytorch_lightning.strategies import DDPStrategy
from torch import Tensor
from torch.optim import Optimizer

from udaln import threads
from udaln.errors import InputError
from udaln.files import atomically, reading
from udaln.methods.training.data import BlockData
from udaln.methods.training.devices import OneMachine, followers, heed_signals
from udaln.methods.training.stage import Stage
from udaln.methods.training.trainer import make_trainer, quiet_lightning
from udaln.physics.blocks import Blocks

State = dict[str, Any]  # of an optimizer, for one parameter


class StageChain(Checkpoint):
    """Trains the stages in turn; a run killed at any point goes on from its last checkpoint.

    It is one of Lightning's checkpoint callbacks: they come last, so that its checkpoint holds what the others noted.

    Networks are shared by the stages, so they carry over by themselves. Adam's moments and step counts do not: a stage
    starts from what earlier stages left for the parameters that it trains (Li et al. 2022, published settings: one Adam
    per network). The same holds for any other optimizer that several stages have in common.

    Args:
        stages: In the order of training.
        checkpoint: File that always holds the latest checkpoint, if runs are to be resumable.
        checkpoint_seconds: Least time between two checkpoints within a stage; one is always written at its end.

    Attributes:
        seconds: Time spent, by stage.
        steps: Steps done, by stage.
    """

    def __init__(
        self, stages: Sequence[Stage[Any]], checkpoint: Path | None = None, checkpoint_seconds: float = 10.0
    ) -> None:
        self.stages = list(stages)
        self.checkpoint = checkpoint
        self.checkpoint_seconds = checkpoint_seconds
        self.seconds: dict[str, float] = {}
        self.steps: dict[str, int] = {}
        self._states: dict[str, dict[str, State]] = {}  # of each parameter by its name, by optimizer
        self._current = 0
        self._last_tick = self._last_saved = 0.0
        steps = 0
        for stage in self.stages:
            stage.first_step = steps
            steps += stage.schedule.steps

    @threads.single()
    def run(self, trainer: Trainer, data: BlockData, resume: bool = False) -> None:
        """Train every stage that is not finished, on all of the trainer's devices.

        Args:
            trainer: Has this callback among its callbacks.
            data: The scene; its blocks are enough for all devices but the first.
            resume: Go on from ``checkpoint`` instead of from the start.

        Raises:
            InputError: If ``resume`` is set and there is no checkpoint to go on from.
            RuntimeError: If the process of another device failed.
        """
        first, restore = (self._stage_of_checkpoint(), self.checkpoint) if resume else (0, None)
        with threads.divided(trainer.num_devices), self._beside(trainer, data, resume):
            self._train(trainer, data, first, restore)

    def _beside(self, trainer: Trainer, data: BlockData, resume: bool) -> AbstractContextManager[None]:
        """The processes of the other devices; those have none of their own."""
        devices = trainer.num_devices
        if devices == 1 or trainer.global_rank > 0:
            return nullcontext()
        assert isinstance(trainer.strategy, DDPStrategy) and isinstance(
            trainer.strategy.cluster_environment, OneMachine
        )
        port = trainer.strategy.cluster_environment.main_port
        given = (trainer.accelerator.name(), str(trainer.precision), devices, port, resume)
        return followers(devices - 1, _train_beside, self.stages, data.blocks, self.checkpoint, *given)

    def _train(self, trainer: Trainer, data: BlockData, first: int, restore: Path | None) -> None:
        for index in range(first, len(self.stages)):
            self._current = index
            stage = self.stages[index]
            assert trainer.fit_loop is not None
            trainer.fit_loop.max_epochs = trainer.current_epoch + stage.calls  # they add up over the fits
            if restore is None:
                _reset_limits(trainer)
            trainer.fit(stage, datamodule=data, ckpt_path=restore, weights_only=True)
            if not stage.finished:
                raise RuntimeError(f"stage {stage.name} ended after {stage.steps_done} of {stage.schedule.steps} steps")
            self._states.setdefault(stage.schedule.optimizer, {}).update(_by_name(stage, trainer.optimizers[0]))
            restore = None

    def _stage_of_checkpoint(self) -> int:
        if self.checkpoint is None or not self.checkpoint.is_file():
            raise InputError(f"resume: expected a checkpoint of an unfinished run, found no {self.checkpoint}")
        with reading(self.checkpoint, key="resume"):
            saved = torch.load(self.checkpoint, map_location="cpu", weights_only=True)
            return int(saved["callbacks"][self.state_key]["current"])

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Hand over the optimizer's state; a checkpoint's own is restored after this and wins."""
        assert isinstance(pl_module, Stage)
        (optimizer,) = (
            trainer.optimizers
        )  # Lightning restores optimizer states by zip and cuts off extra ones in silence
        states = self._states.get(pl_module.schedule.optimizer, {})
        for name, parameter in pl_module.parameters_by_name().items():
            if name in states:
                optimizer.state[parameter] = _to(states[name], parameter)
        self.seconds.setdefault(pl_module.name, 0.0)
        self._last_tick = self._last_saved = time.monotonic()
        if trainer.world_size > 1:
            heed_signals(trainer.global_rank)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Count the time and write the checkpoint when it is due, after all other callbacks."""
        assert isinstance(pl_module, Stage)
        pl_module.converged |= trainer.should_stop  # a callback or the time limit ends the stage
        now = time.monotonic()
        self.seconds[pl_module.name] += now - self._last_tick
        self._last_tick = now
        self.steps[pl_module.name] = pl_module.steps_done
        due = pl_module.finished or now - self._last_saved >= self.checkpoint_seconds
        if self.checkpoint and trainer.strategy.broadcast(due):  # all processes make one, the first writes it
            self._last_saved = now
            with atomically(self.checkpoint) if trainer.is_global_zero else nullcontext(self.checkpoint) as partial:
                trainer.save_checkpoint(partial, weights_only=False)

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Leave out Lightning's loop counters: stages count for themselves; restored, they would end the next early."""
        del checkpoint["loops"]

    def state_dict(self) -> dict[str, Any]:
        """Which stage it is, what the optimizers left in the stages before, and the steps and the time spent."""
        return {"current": self._current, "optimizers": self._states, "seconds": self.seconds, "steps": self.steps}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore what ``state_dict`` returned."""
        self._current, self._states = state_dict["current"], state_dict["optimizers"]
        self.seconds, self.steps = state_dict["seconds"], state_dict["steps"]


def _train_beside(
    rank: int,
    stages: Sequence[Stage[Any]],
    blocks: Blocks,
    checkpoint: Path | None,
    accelerator: str,
    precision: str,
    devices: int,
    port: int,
    resume: bool,
) -> None:
    """Train as the first process does, without a trace: what runs in the process of each further device."""
    quiet_lightning()
    chain = StageChain(stages, checkpoint)
    machine = OneMachine(rank, port)
    trainer = make_trainer(chain, accelerator, precision, devices=devices, machine=machine, logger=False)
    chain.run(trainer, BlockData(blocks), resume=resume)


def _reset_limits(trainer: Trainer) -> None:
    """Let Lightning's early stopping and time limit look at each stage by itself."""
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if isinstance(callback, EarlyStopping):
            callback.wait_count = callback.stopped_epoch = 0
            callback.best_score = torch.tensor(math.inf if callback.mode == "min" else -math.inf)
        elif isinstance(callback, Timer):
            callback._start_time = dict.fromkeys(callback._start_time)
            callback._end_time = dict.fromkeys(callback._end_time)
            callback._offset = 0


def _by_name(stage: Stage[Any], optimizer: Optimizer) -> dict[str, State]:
    return {
        name: {key: _copy(value, "cpu") for key, value in optimizer.state[parameter].items()}
        for name, parameter in stage.parameters_by_name().items()
    }


def _to(state: Mapping[str, Any], parameter: Tensor) -> State:
    return {key: _copy(value, parameter.device) for key, value in state.items()}


def _copy(value: Any, device: torch.device | str) -> Any:
    """A tensor of an optimizer's state on another device; anything else as it is."""
    return value.detach().to(device, copy=True) if isinstance(value, Tensor) else value
