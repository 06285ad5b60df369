"""A stage whose steps draw at random from more than blocks."""

from __future__ import annotations

import torch

from udaln.errors import InputError
from udaln.methods.deep.warm_up import WarmUp
from udaln.methods.training.stage import Stage
from udaln.methods.training.steps import M
from udaln.physics.blocks import Blocks


class DrawingStage(Stage[M]):
    """A stage that draws what a step sees by itself.

    Attributes:
        generator: For the steps of a call, on the CPU.
    """

    generator: torch.Generator

    def training_step(self, blocks: Blocks, index: int) -> None:
        """Run the next ``steps_per_call`` steps."""
        self.generator = self.generator_of_steps()
        super().training_step(blocks, index)


def check_drawing(key: str, schedule: WarmUp, method: str, devices: int) -> None:
    """Refuse what only stages that train on blocks can do.

    Args:
        key: Of the schedule.
        schedule: What is checked.
        method: Name of the method.
        devices: How many devices are to share the work.

    Raises:
        InputError: Names the key.
    """
    if devices > 1:
        raise InputError(
            f"trainer.devices: expected 1 for method={method}, whose steps cannot be shared, got {devices}"
        )
    if schedule.blocks is not None:
        raise InputError(
            f"{key}.blocks: expected null for method={method}, of which method.batch says what a step sees, "
            f"got {schedule.blocks}"
        )
