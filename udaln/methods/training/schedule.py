"""What a stage starts from, how long and how fast it trains."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from enum import Enum
from typing import Any, Self

from udaln.errors import InputError
from udaln.parts import Registry


class Init(Enum):
    """The start of a stage: the networks as they are, or the closed-form solution of stage 1 or stage 2.

    ``convex`` solves stage 1 with a PSF that is a Gaussian and a deviation from it; ``gaussian`` without the deviation.
    """

    none = "none"
    convex = "convex"
    gaussian = "gaussian"
    regression = "regression"


@dataclass
class Schedule:
    """How a stage starts, how long and how fast it trains.

    Attributes:
        init: What it starts from.
        lr: Adam's learning rate at the start.
        steps: N, optimisation steps; 0 leaves it at what it starts from.
        constant_until: d, the step from which the rate falls linearly towards 0 at step N.
        blocks: How many LR pixels, with the HR pixels under them, a step sees, drawn at random; all if not given.
        patience: Stop after so many steps in which the loss has not fallen by 0.1 %; never if not given.
        loss: How errors are measured, by its name in `LOSSES`.
        optimizer: Its name in `OPTIMIZERS`.
        optimizer_settings: Its arguments other than the learning rate.
        decay: How the learning rate falls, by its name in `DECAYS`.
        gradient_clip_val: Largest norm of a step's gradient; longer ones are shortened to it. None for no limit.
    """

    lr: float = 1e-3
    steps: int = 0
    constant_until: int = 1
    init: Init = Init.none
    blocks: int | None = None
    patience: int | None = None
    loss: str = "l1"
    optimizer: str = "Adam"
    optimizer_settings: dict[str, Any] = field(default_factory=dict)
    decay: str = "linear"
    gradient_clip_val: float | None = None

    def shortened(self, share: float) -> Schedule:
        """A copy with a share of the steps, and the rate constant for the same share; at least one step each."""
        if not self.steps:
            return self
        steps, constant_until = (max(1, round(share * number)) for number in (self.steps, self.constant_until))
        return replace(self, steps=steps, constant_until=constant_until)

    @property
    def acts(self) -> bool:
        """Whether anything comes of it."""
        return self.steps > 0 or self.init is not Init.none

    def factor(self, done: int) -> float:
        """What the learning rate is multiplied with after ``done`` finished steps."""
        return DECAYS.get(self.decay)(self, done) if self.steps else 1.0


@dataclass
class Schedules:
    """What the stages of every method have.

    Attributes:
        name: Of the file.
        share: Of the steps of every stage that is trained, in (0, 1].
    """

    name: str = ""
    share: float = 1.0

    @classmethod
    def every(cls) -> Self:
        """All stages, so that all keys are there."""
        return cls()

    def shortened(self) -> Self:
        """A copy in which every schedule is shortened to the share.

        Raises:
            InputError: If the share is not in (0, 1].
        """
        if not 0 < self.share <= 1:
            raise InputError(f"stages.share: expected more than 0 and at most 1, got {self.share:g}")
        parts = {field.name: getattr(self, field.name) for field in fields(self)}
        short: dict[str, Any] = {
            name: part.shortened(self.share) for name, part in parts.items() if isinstance(part, Schedule)
        }
        return replace(self, share=1.0, **short)


DECAYS: Registry[Callable[[Schedule, int], float]] = Registry("decays", "stages.….decay")


@DECAYS.register("constant")
def constant(schedule: Schedule, done: int) -> float:
    """The rate does not fall."""
    return 1.0


@DECAYS.register("linear")
def linear(schedule: Schedule, done: int) -> float:
    """It falls linearly towards 0 at the last step (Li et al. 2022)."""
    return 1 - max(0, done - (schedule.constant_until - 1)) / (schedule.steps - schedule.constant_until + 1)


@DECAYS.register("cosine")
def cosine(schedule: Schedule, done: int) -> float:
    """It falls as half a period of a cosine towards 0 at the last step (Loshchilov and Hutter, ICLR 2017)."""
    return (1 + math.cos(math.pi * (1 - linear(schedule, done)))) / 2


def check_schedule(key: str, schedule: Schedule, inits: Sequence[Init], devices: int = 1) -> None:
    """Refuse a schedule that cannot be carried out.

    Args:
        key: Of the schedule in the configuration, such as ``stages.joint``.
        schedule: What is checked.
        inits: What the stage can start from.
        devices: How many devices share each step's blocks.

    Raises:
        InputError: Names the key.
    """
    if not 0 < schedule.lr < math.inf:
        raise InputError(f"{key}.lr: expected a positive number, got {schedule.lr:g}")
    if schedule.init not in inits:
        raise InputError(f"{key}.init: expected {', '.join(init.name for init in inits)}, got {schedule.init.name}")
    for name, least in (("steps", 0), ("constant_until", 1), ("blocks", 1), ("patience", 1)):
        value = getattr(schedule, name)
        if value is not None and value < least:
            raise InputError(f"{key}.{name}: expected at least {least}, got {value}")
    if schedule.constant_until > max(1, schedule.steps):
        raise InputError(
            f"{key}.constant_until: expected at most the {schedule.steps} steps of the stage, "
            f"got {schedule.constant_until}"
        )
    if devices > 1 and schedule.steps and (schedule.blocks is None or schedule.blocks < devices):
        got = "null, the whole image" if schedule.blocks is None else schedule.blocks
        raise InputError(f"{key}.blocks: expected at least {devices}, which trainer.devices={devices} share, got {got}")
