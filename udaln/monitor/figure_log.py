"""The callback that computes and logs the figures during training, and keeps those of the end of each stage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.loggers import Logger

from udaln.methods.base import Model
from udaln.methods.training.stage import Stage
from udaln.metrics.figures import figures
from udaln.monitor.board import cards
from udaln.scene import Scene


class FigureLog(Callback):
    """Computes and logs the figures. The truth is used for reporting only.

    For a stage on Lightning it does so every ``Stage.steps_per_call`` steps, for any other stage at its end, by `log`.

    Attributes:
        stage_ends: The figures at the end of each stage, by its name; with the ``loss`` of a stage that is trained.

    Args:
        scene: The scene.
        metrics: Metrics of one's own by their names.
    """

    def __init__(self, scene: Scene, metrics: Sequence[str] = ()) -> None:
        self.scene = scene
        self.metrics = metrics
        self.stage_ends: dict[str, dict[str, float]] = {}

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Move the scene to the device of the model."""
        self.scene = self.scene.to(trainer.strategy.root_device)

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: object) -> None:
        """Log the figures; Lightning writes them together with the losses."""
        assert isinstance(pl_module, Stage)
        values = self._figures(pl_module.name, pl_module.model, gives_image=pl_module.gives_image)
        if pl_module.loss is not None:
            values["loss"] = float(pl_module.loss)
        pl_module.log_dict(cards(values))

    def log(self, stage: str, model: Model, logger: Logger | None, step: int, *, gives_image: bool) -> None:
        """Log the figures at the end of a stage that did not run on Lightning.

        Args:
            stage: Its name.
            model: After the stage, on the device of the scene.
            logger: Where they are logged; None for nowhere.
            step: Optimisation steps so far.
            gives_image: Whether the model can fuse after this stage.
        """
        values = self._figures(stage, model, gives_image=gives_image)
        if logger is not None:
            logger.log_metrics(cards(values), step)

    def _figures(self, stage: str, model: Model, *, gives_image: bool) -> dict[str, float]:
        fused = model.fuse(self.scene).image if gives_image else None
        self.stage_ends[stage] = figures(model.degradation, self.scene, fused, self.metrics)
        return self.stage_ends[stage]

    def state_dict(self) -> dict[str, Any]:
        """The figures of the stages so far, for a checkpoint."""
        return {"stage_ends": self.stage_ends}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the state that ``state_dict`` returned."""
        self.stage_ends = state_dict["stage_ends"]
