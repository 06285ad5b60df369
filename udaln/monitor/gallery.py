"""The callback that writes pictures of a run to TensorBoard."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.loggers import TensorBoardLogger
from torch import Tensor

from udaln.methods.training.stage import Stage
from udaln.physics.degradation import Degradation
from udaln.pictures import cards
from udaln.pictures.spectra import Points
from udaln.scene import Scene


class Gallery(Callback):
    """Draws the pair once, and sensors, fused image and errors every so many steps and at the end of each stage.

    Args:
        scene: The scene, on the CPU.
        every: Optimisation steps after which the pictures are drawn anew within a stage.
        points: HR rows and columns of the spectra; if None, the purest pixels.
    """

    def __init__(self, scene: Scene, every: int, points: Points | None = None) -> None:
        self.scene = scene
        self.every = every
        self.points = points
        self._inputs_shown = False
        self._drawn_at = 0  # step

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Draw the pictures if it is time."""
        assert isinstance(pl_module, Stage)
        if pl_module.global_steps_done - self._drawn_at >= self.every and not pl_module.finished:
            self._show_stage(trainer, pl_module)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw the pictures of the stage."""
        assert isinstance(pl_module, Stage)
        self._show_stage(trainer, pl_module)

    def _show_stage(self, trainer: Trainer, stage: Stage[Any]) -> None:
        if trainer.is_global_zero:
            assert isinstance(trainer.logger, TensorBoardLogger)
            fused = stage.model.fuse(self.scene.to(stage.device)).image.cpu() if stage.gives_image else None
            self.show(trainer.logger, stage.model.degradation, fused, stage.global_steps_done)

    def show(self, logger: TensorBoardLogger, degradation: Degradation, complete: Tensor | None, step: int) -> None:
        """Draw the pictures.

        Args:
            logger: Where they are written.
            degradation: The current estimate.
            complete: The fused image, H×W×C, on the CPU, with finite values in gaps, too; None before there is one.
            step: Optimisation steps so far.
        """
        degradation, scene = deepcopy(degradation).cpu(), self.scene
        groups = {
            "4 pair": {} if self._inputs_shown else cards.inputs(scene),
            "5 sensors": cards.sensors(degradation, scene),
        }
        if complete is not None:
            fused = torch.where(scene.valid[..., None], complete, torch.nan)
            groups |= {
                "1 fused": cards.fused_in_colour(scene, fused),
                "2 spectra": cards.spectra(scene, fused, self.points),
                "3 errors": cards.errors(degradation, scene, fused, complete),
            }
        for group, figures in groups.items():
            for name, figure in figures.items():
                logger.experiment.add_figure(f"{group}/{name}", figure, step)
        self._inputs_shown, self._drawn_at = True, step
