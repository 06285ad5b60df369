"""The callback that shows TensorBoard the pictures of a run."""

from __future__ import annotations

from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.loggers import TensorBoardLogger
from torch import Tensor

from udaln import pictures
from udaln.networks import FusionNetworks
from udaln.scene import Scene
from udaln.stages import Stage


class Gallery(Callback):
    """At the end of each stage: true-colour images, and the PSF and SRF learned against the true ones.

    Args:
        scene: The scene, on the CPU.
    """

    def __init__(self, scene: Scene) -> None:
        self.scene = scene

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw them."""
        assert isinstance(pl_module, Stage) and isinstance(trainer.logger, TensorBoardLogger)
        networks = pl_module.networks
        trained = networks.speu in pl_module.trained()
        fused = networks.fuse(self.scene.hr_msi.to(pl_module.device)).cpu() if trained else None
        self.show(trainer.logger, networks, fused, pl_module.global_steps_done)

    def show(self, logger: TensorBoardLogger, networks: FusionNetworks, fused: Tensor | None, step: int) -> None:
        """Draw them at a step.

        Args:
            logger: Where.
            networks: The three networks.
            fused: The fused image, H×W×C, on the CPU; none while SpeUnet is untrained.
            step: The step.
        """
        writer = logger.experiment
        for name, picture in pictures.images(self.scene, fused).items():
            writer.add_image(f"images/{name}", picture, step, dataformats="HWC")
        writer.add_figure("degradation", pictures.degradation(networks, self.scene), step)
