"""The callback that writes pictures of a run to TensorBoard."""

from __future__ import annotations

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.loggers import TensorBoardLogger
from torch import Tensor

from udaln import pictures
from udaln.methods.training.stage import Stage
from udaln.physics.degradation import Degradation
from udaln.scene import Scene


class Gallery(Callback):
    """Draws, at the end of each stage, the images in true and in false colour, PSF and SRF, and a few spectra.

    Args:
        scene: The scene, on the CPU.
    """

    def __init__(self, scene: Scene) -> None:
        self.scene = scene

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw the pictures of the stage."""
        assert isinstance(pl_module, Stage) and isinstance(trainer.logger, TensorBoardLogger)
        model, fused = pl_module.model, None
        if pl_module.gives_image:
            fused = model.fuse(self.scene.to(pl_module.device)).image.cpu()
        self.show(trainer.logger, model.degradation, fused, pl_module.global_steps_done)

    def show(self, logger: TensorBoardLogger, degradation: Degradation, fused: Tensor | None, step: int) -> None:
        """Draw the pictures.

        Args:
            logger: Where they are written.
            degradation: The current estimate.
            fused: The fused image, H×W×C, on the CPU; None before there is one.
            step: Optimisation steps so far.
        """
        writer = logger.experiment
        if fused is not None:
            fused = torch.where(self.scene.valid[..., None], fused, torch.nan)
        for colour in pictures.colours(self.scene):
            writer.add_figure(f"images/{colour}", pictures.composites(self.scene, fused, colour), step)
        writer.add_figure("degradation", pictures.degradation(degradation, self.scene), step)
        if fused is not None:
            writer.add_figure("spectra", pictures.spectra(self.scene, fused), step)
