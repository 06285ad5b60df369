"""The monitor of a run: figures and pictures in TensorBoard, and a row of figures for each stage."""

from __future__ import annotations

from typing import Any

from pytorch_lightning.loggers import TensorBoardLogger

from udaln.methods.base import Model, StageRecord
from udaln.monitor.figure_log import FigureLog
from udaln.monitor.gallery import Gallery
from udaln.monitor.progress import StageProgress
from udaln.scene import Scene


class RunMonitor:
    """Records the stages of a run.

    Args:
        scene: The scene.
        logger: Where figures and pictures are written.

    Attributes:
        rows: The rows of ``stages.csv`` so far.
        steps: Optimisation steps so far.
        fuse_seconds: How long the fitted model took to fuse, with the step that follows it.
    """

    def __init__(self, scene: Scene, logger: TensorBoardLogger) -> None:
        self.logger = logger
        self.figure_log, self.gallery = FigureLog(scene), Gallery(scene)
        self.rows: list[dict[str, Any]] = []
        self.steps = 0
        self.fuse_seconds = 0.0

    @property
    def callbacks(self) -> list[Any]:
        """The callbacks for stages on Lightning."""
        return [self.figure_log, self.gallery, StageProgress()]

    def on_stage(self, record: StageRecord, model: Model, gives_image: bool) -> None:
        """Record a finished stage, with figures and pictures unless the callbacks have made them already."""
        self.steps += record.steps
        if record.name not in self.figure_log.stage_ends:
            self.figure_log.log(record.name, model, self.logger, self.steps, gives_image=gives_image)
            image = model.fuse(self.gallery.scene).image if gives_image else None
            self.gallery.show(self.logger, model.degradation, image, self.steps)
        self.add_row(record, self.figure_log.stage_ends[record.name])

    def add_row(self, record: StageRecord, figures: dict[str, float]) -> None:
        """Add the row of ``stages.csv`` for a stage."""
        self.rows.append({"stage": record.name, "steps": record.steps, "seconds": round(record.seconds, 3)} | figures)
