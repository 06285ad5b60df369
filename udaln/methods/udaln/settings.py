"""The settings of UDALN: the SpeUnet, and which stages train for how long."""

from __future__ import annotations

from dataclasses import dataclass

from udaln.errors import InputError
from udaln.methods.training.schedule import Init, Schedule, check_schedule
from udaln.methods.udaln.speunet import SPEUNETS

INITS = {
    "degradation": (Init.none, Init.convex, Init.gaussian),
    "spectral": (Init.none, Init.regression),
    "joint": (Init.none,),
}


@dataclass
class Stages:
    """A file of ``conf/stages``.

    Attributes:
        name: Of the file.
        degradation: Stage 1, none to leave it out.
        spectral: Stage 2, likewise.
        joint: Stage 3, likewise.
        weigh: Whether errors count the less the noisier a band is.
    """

    name: str = ""
    degradation: Schedule | None = None
    spectral: Schedule | None = None
    joint: Schedule | None = None
    weigh: bool = False

    @classmethod
    def every(cls) -> Stages:
        """All stages, so that all keys are there."""
        return cls("", Schedule(), Schedule(), Schedule())


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
        check_schedule(f"stages.{name}", schedule, INITS[name], devices)
    spectral, joint = schedules.get("spectral"), schedules.get("joint")
    solved = spectral and spectral.init is Init.regression and settings.network != "paper"
    if not (solved or any(schedule and schedule.steps for schedule in (spectral, joint))):
        raise InputError(
            f"method.network: expected steps in stages.spectral or stages.joint for {settings.network}, got none; "
            "try stages=sampled"
        )
