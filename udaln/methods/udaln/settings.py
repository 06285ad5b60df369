"""The settings of UDALN: the SpeUnet, and which stages train for how long."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Self

from udaln.errors import InputError
from udaln.methods.training.schedule import Init, Schedule, Schedules, check_schedule
from udaln.methods.training.stage import Stage
from udaln.methods.udaln.model import UdalnModel
from udaln.methods.udaln.speunet import SPEUNETS
from udaln.methods.udaln.stages import OWN_STAGES, STAGES


@dataclass
class Stages(Schedules):
    """A file of ``conf/stages``.

    Attributes:
        degradation: Stage 1, none to leave it out.
        spectral: Stage 2, likewise.
        joint: Stage 3, likewise.
        weigh: Whether errors count the less the noisier a band is.
        own: Stages of one's own by their names in `OWN_STAGES`, in the order in which they follow stage 3.
    """

    degradation: Schedule | None = None
    spectral: Schedule | None = None
    joint: Schedule | None = None
    weigh: bool = False
    own: dict[str, Schedule] = field(default_factory=dict)

    def schedules(self) -> dict[type[Stage[UdalnModel]], Schedule]:
        """The schedules of the stages that are not left out, in the order of training."""
        papers = {stage: getattr(self, stage.name) for stage in STAGES}
        own = {_own_stage(name): schedule for name, schedule in self.own.items()}
        return {stage: schedule for stage, schedule in (papers | own).items() if schedule is not None}

    def shortened(self) -> Self:
        """A copy in which every schedule is shortened to the share, those of one's own, too."""
        own = {name: schedule.shortened(self.share) for name, schedule in self.own.items()}
        return replace(super().shortened(), own=own)

    @classmethod
    def every(cls) -> Self:
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
    SPEUNETS.get(settings.network)
    schedules = stages.schedules()
    if not schedules:
        raise InputError("stages: expected at least one of degradation, spectral and joint, got none")
    for stage, schedule in schedules.items():
        check_schedule(f"stages.{stage.name}", schedule, stage.inits, devices)
        stage.check_parts(schedule)
    spectral = stages.spectral
    solved = spectral and spectral.init is Init.regression and settings.network != "paper"
    if not (solved or any(schedule.steps for stage, schedule in schedules.items() if stage.gives_image)):
        raise InputError(
            f"method.network: expected steps in stages.spectral or stages.joint for {settings.network}, got none; "
            "try stages=sampled"
        )


def _own_stage(name: str) -> type[Stage[UdalnModel]]:
    """A stage of one's own by its name."""
    stage = OWN_STAGES.get(name)
    if stage.name != name:
        raise InputError(f"stages.own: expected a stage that is registered by its name, {stage.name}, got {name}")
    return stage
