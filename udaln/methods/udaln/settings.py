"""The settings of UDALN: the SpeUnet, and which stages train for how long."""

from __future__ import annotations

import math
from dataclasses import dataclass

from udaln.errors import InputError
from udaln.methods.training.schedule import Init, Schedule, Schedules
from udaln.methods.udaln.speunet import SPEUNETS

INITS = {
    "degradation": (Init.none, Init.convex, Init.gaussian),
    "spectral": (Init.none, Init.regression),
    "joint": (Init.none,),
}


@dataclass
class Stages(Schedules):
    """A file of ``conf/stages``.

    Attributes:
        degradation: Stage 1, none to leave it out.
        spectral: Stage 2, likewise.
        joint: Stage 3, likewise.
        weigh: Whether errors count the less the noisier a band is.
    """

    degradation: Schedule | None = None
    spectral: Schedule | None = None
    joint: Schedule | None = None
    weigh: bool = False

    @classmethod
    def every(cls) -> Stages:
        """All stages, so that all keys are there."""
        return cls("", 1.0, Schedule(), Schedule(), Schedule())


@dataclass
class Settings:
    """What ``method`` holds.

    Attributes:
        name: Of the method.
        network: The SpeUnet, by its name in `SPEUNETS`.
    """

    name: str = "udaln"
    network: str = "paper"


def check(settings: Settings, stages: Stages, devices: int) -> None:
    """Refuse settings that cannot be carried out.

    Args:
        settings: The network.
        stages: What trains for how long.
        devices: How many devices share each step's blocks.

    Raises:
        InputError: Names the key.
    """
    if settings.network not in SPEUNETS:
        raise InputError(f"method.network: expected one of {', '.join(SPEUNETS)}, got {settings.network!r}")
    schedules: dict[str, Schedule] = {
        name: schedule for name in INITS if (schedule := getattr(stages, name)) is not None
    }
    if not schedules:
        raise InputError("stages: expected at least one of degradation, spectral and joint, got none")
    for name, schedule in schedules.items():
        _check_schedule(f"stages.{name}", schedule, INITS[name])
        _check_shares(f"stages.{name}", schedule, devices)
    spectral, joint = schedules.get("spectral"), schedules.get("joint")
    solved = spectral and spectral.init is Init.regression and settings.network != "paper"
    if not (solved or any(schedule and schedule.steps for schedule in (spectral, joint))):
        raise InputError(
            f"method.network: expected steps in stages.spectral or stages.joint for {settings.network}, got none; "
            "try stages=sampled"
        )


def _check_schedule(key: str, schedule: Schedule, inits: tuple[Init, ...]) -> None:
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


def _check_shares(key: str, schedule: Schedule, devices: int) -> None:
    """Refuse steps that several devices cannot share."""
    if devices > 1 and schedule.steps and (schedule.blocks is None or schedule.blocks < devices):
        got = "null, the whole image" if schedule.blocks is None else schedule.blocks
        raise InputError(f"{key}.blocks: expected at least {devices}, which trainer.devices={devices} share, got {got}")
