"""The callback that takes the figures after every call, logs them, and keeps those of each stage's end."""

from __future__ import annotations

from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer

from udaln.methods.udaln import Stage
from udaln.metrics.figures import figures
from udaln.scene import Scene


class FigureLog(Callback):
    """Takes the figures every ``Stage.steps_per_call`` steps; the truth is reported against, never fed back.

    Attributes:
        latest: The last figures taken.
        stage_ends: By stage, the figures at its end.

    Args:
        scene: The scene.
    """

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.latest: dict[str, float] = {}
        self.stage_ends: dict[str, dict[str, float]] = {}

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Bring the scene to where the networks are."""
        self.scene = self.scene.to(trainer.strategy.root_device)

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: object) -> None:
        """Take the figures; Lightning writes them together with the call's losses."""
        assert isinstance(pl_module, Stage)
        networks = pl_module.networks
        fused = networks.fuse(self.scene.hr_msi) if networks.speu in pl_module.trained() else None
        self.latest = figures(networks, self.scene, fused)
        self.stage_ends[pl_module.name] = self.latest
        pl_module.log_dict({f"figures/{name}": value for name, value in self.latest.items()})

    def state_dict(self) -> dict[str, Any]:
        """The figures of the stages so far."""
        return {"stage_ends": self.stage_ends, "latest": self.latest}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore what ``state_dict`` returned."""
        self.stage_ends, self.latest = state_dict["stage_ends"], state_dict["latest"]
