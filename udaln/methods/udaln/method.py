"""UDALN (Li et al., IEEE GRSL 2022) as a method: three networks trained in three stages on Lightning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from udaln.methods.base import Method, Model, StageRecord, Training
from udaln.methods.training.fit import fit_stages
from udaln.methods.training.schedule import Init
from udaln.methods.training.stage import Stage
from udaln.methods.udaln import settings as options
from udaln.methods.udaln.model import UdalnModel
from udaln.methods.udaln.stages import STAGES
from udaln.physics.degradation import Degradation
from udaln.scene import Scene


class Udaln(Method):
    """SpaDnet and SpeDnet, then SpeUnet, then all three together; ``stages=`` says how long each stage trains."""

    name: ClassVar[str] = "udaln"
    Settings = options.Settings
    Stages = options.Stages
    needs_degradation: ClassVar[bool] = False
    settings: options.Settings
    stages: options.Stages

    @property
    def tells_instruments_apart(self) -> bool:
        """Where stage 1 starts from its solution in closed form."""
        stage = self.stages.degradation
        return stage is not None and stage.init is not Init.none

    def check(self, devices: int = 1) -> None:
        """Refuse settings that cannot be carried out."""
        options.check(self.settings, self.stages, devices)

    def model(self, degradation: Degradation) -> UdalnModel:
        """The three networks."""
        return UdalnModel(degradation, self.settings.network)

    def fit(self, model: Model, scene: Scene, training: Training) -> Sequence[StageRecord]:
        """Train the stages in turn; where the checkpoint exists, the fit goes on from there."""
        assert isinstance(model, UdalnModel)
        stages = self.trained_stages(model, training.every, training.seed)
        return fit_stages(model, stages, scene, training, weigh=self.stages.weigh)

    def trained_stages(self, model: UdalnModel, steps_per_call: int, seed: int) -> list[Stage[UdalnModel]]:
        """The stages that have something to do; the seed is of the blocks drawn."""
        schedules = {stage: getattr(self.stages, stage.name) for stage in STAGES}
        acting = {stage: schedule for stage, schedule in schedules.items() if schedule and schedule.acts}
        built = [stage(model, schedule, steps_per_call, seed) for stage, schedule in acting.items()]
        return [stage for stage in built if stage.parameters_by_name()]
