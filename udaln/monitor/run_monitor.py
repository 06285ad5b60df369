"""The monitor of a run: figures, pictures and text in TensorBoard, and a row of figures for each stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pytorch_lightning.loggers import Logger, TensorBoardLogger
from torch import Tensor

from udaln.methods.base import Model, StageRecord
from udaln.monitor import board
from udaln.monitor.figure_log import FigureLog
from udaln.monitor.gallery import Gallery
from udaln.monitor.progress import StageProgress
from udaln.pictures.spectra import Points
from udaln.scene import Scene


class RunMonitor:
    """Records the stages of a run.

    Args:
        scene: The scene.
        logger: Where figures are written and, if it is TensorBoard's, pictures and texts; None for nowhere.
        settings: The settings by which runs are compared; none if they are on the board already.
        texts: What is told of the run, in Markdown, by title.
        pictures: Optimisation steps after which the pictures are drawn anew within a stage; None for no pictures.
        points: HR rows and columns of the spectra; if None, the purest pixels.
        again: How much is trained after the stages, as a fraction of their work, for the time left.
        metrics: Metrics of one's own by their names.

    Attributes:
        rows: The rows of ``stages.csv`` so far.
        steps: Optimisation steps so far; a stage without any counts as one.
        fuse_seconds: How long the fitted model took to fuse, with the step that follows it.
    """

    def __init__(
        self,
        scene: Scene,
        logger: Logger | None,
        settings: Mapping[str, Any],
        texts: Mapping[str, str],
        *,
        pictures: int | None,
        points: Points | None = None,
        again: float = 0.0,
        metrics: Sequence[str] = (),
    ) -> None:
        self.logger = logger
        self.board = logger if isinstance(logger, TensorBoardLogger) else None
        self.figure_log = FigureLog(scene, metrics)
        self.gallery = None if self.board is None or pictures is None else Gallery(scene, pictures, points)
        self._progress = StageProgress(again=again)
        self.rows: list[dict[str, Any]] = []
        self.steps = 0
        self.fuse_seconds = 0.0
        if self.board is not None:
            self._session = board.Session(self.board.experiment, settings)
            if settings:
                self._session.start()
            for title, text in texts.items():
                self.board.experiment.add_text(title, text)
        elif logger is not None and settings:
            logger.log_hyperparams(dict(settings))

    @property
    def callbacks(self) -> list[Any]:
        """The callbacks for stages on Lightning."""
        return [self.figure_log, *([self.gallery] if self.gallery else []), self._progress]

    def on_stage(self, record: StageRecord, model: Model, gives_image: bool) -> None:
        """Record a finished stage, with figures and pictures unless the callbacks have made them already."""
        self.steps += max(1, record.steps)
        if record.name not in self.figure_log.stage_ends:
            self.figure_log.log(record.name, model, self.logger, self.steps, gives_image=gives_image)
            if self.board is not None and self.gallery is not None:
                image = model.fuse(self.gallery.scene).image if gives_image else None
                self.gallery.show(self.board, model.degradation, image, self.steps)
        self._add_row(record, self.figure_log.stage_ends[record.name])

    def on_refined(self, seconds: float, model: Model, complete: Tensor, figures: Mapping[str, float]) -> None:
        """Record the consistency step.

        Args:
            seconds: Time that it took.
            model: The fitted method.
            complete: The fused image, H×W×C, with finite values in gaps, too.
            figures: Of the fused image.
        """
        self.steps += 1
        self._add_row(StageRecord("refine", 0, seconds), figures)
        self._log(figures)
        if self.board is not None and self.gallery is not None:
            self.gallery.show(self.board, model.degradation, complete, self.steps)

    def finish(self, figures: Mapping[str, float], texts: Mapping[str, str]) -> None:
        """Log what is known at the end of the run, and mark it as done on the HPARAMS page.

        Args:
            figures: All that are known.
            texts: What is told of the result, in Markdown, by title.
        """
        new = {name: value for name, value in figures.items() if name not in self.rows[-1]}
        self._log(new)
        if self.board is not None:
            for title, text in texts.items():
                self.board.experiment.add_text(title, text, self.steps)
            board.add_layout(self.board.experiment, trained=any(row["steps"] for row in self.rows))
            self._session.end()
        if self.logger is not None:
            self.logger.finalize("success")

    def _log(self, figures: Mapping[str, float]) -> None:
        if self.logger is not None:
            self.logger.log_metrics(board.cards(figures), self.steps)

    def _add_row(self, record: StageRecord, figures: Mapping[str, float]) -> None:
        """Add the row of ``stages.csv`` for a stage."""
        self.rows.append({"stage": record.name, "steps": record.steps, "seconds": round(record.seconds, 3), **figures})
