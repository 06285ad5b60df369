"""What a stage starts from, how long and how fast it trains."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from udaln.errors import InputError


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
    """

    lr: float = 1e-3
    steps: int = 0
    constant_until: int = 1
    init: Init = Init.none
    blocks: int | None = None
    patience: int | None = None

    @property
    def acts(self) -> bool:
        """Whether anything comes of it."""
        return self.steps > 0 or self.init is not Init.none

    def factor(self, done: int) -> float:
        """What the learning rate is multiplied with after ``done`` finished steps (Li et al. 2022)."""
        if not self.steps:
            return 1.0
        return 1 - max(0, done - (self.constant_until - 1)) / (self.steps - self.constant_until + 1)


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
