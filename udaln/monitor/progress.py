"""Progress bars on the terminal and in notebooks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)

from udaln.methods.training.chain import StageChain
from udaln.methods.training.stage import Stage
from udaln.monitor.console import console, duration

NARROW = 90  # columns of a terminal; below, the loss is not shown
NOTEBOOK_SECONDS = 0.3  # between two drawings in a notebook


class NotebookProgress(Progress):
    """Progress bars in the output of a notebook's cell. IPython draws them, so that no widgets are needed."""

    _handle: Any = None
    _drawn = 0.0

    def start(self) -> None:
        """Draw the bars."""
        from IPython.display import display  # is there in a notebook

        self._handle = display(self, display_id=True)

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Set values of a task, and draw the bars if that is due."""
        super().update(*args, **kwargs)
        if self._handle is not None and monotonic() - self._drawn > NOTEBOOK_SECONDS:
            self._draw()

    def stop(self) -> None:
        """Draw the bars for the last time."""
        if self._handle is not None:
            self._draw()

    def _draw(self) -> None:
        self._drawn = monotonic()
        self._handle.update(self)


def _bars(*columns: ProgressColumn) -> Progress | None:
    """Bars where there is somebody to see them: on a terminal or in a notebook; else none."""
    if console.quiet or not (console.is_terminal or console.is_jupyter):
        return None
    name, bar = TextColumn("{task.description:<12}"), BarColumn(40 if console.width >= NARROW else 16)
    kind = NotebookProgress if console.is_jupyter else Progress
    return kind(name, bar, *columns, TimeElapsedColumn(), console=console)


class StageProgress(Callback):
    """A progress bar for each stage, in optimisation steps, with the time that all stages will take from now on.

    The bars are on standard error; there are none if that is no terminal. Stages that are still to come are expected
    to take as long per step as the present one, times the ratio of their `Stage.cost`.

    Args:
        prefix: Of the names of the stages.
        again: How much is trained after these stages, as a fraction of their work.
    """

    def __init__(self, prefix: str = "", again: float = 0.0) -> None:
        self.prefix = prefix
        self.again = again
        self._progress: Progress | None = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Open the stage's bar, unless there is no step left to do."""
        assert isinstance(pl_module, Stage)
        self._start, self._before = monotonic(), pl_module.steps_done
        if pl_module.finished or trainer.global_rank > 0:
            return
        loss = [TextColumn("{task.fields[loss]}")] if console.width >= NARROW else []
        self._progress = _bars(MofNCompleteColumn(), *loss, TextColumn("{task.fields[left]}"))
        if self._progress is not None:
            self._progress.start()
            name, steps = f"{self.prefix}{pl_module.name}", pl_module.schedule.steps
            self._task = self._progress.add_task(name, total=steps, completed=pl_module.steps_done, loss="", left="")

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, _: Any, batch: Any, *__: Any) -> None:
        """Advance the bar; show the loss and the time left."""
        assert isinstance(pl_module, Stage)
        if self._progress is None:
            return
        terms = [v for k, v in trainer.callback_metrics.items() if k.startswith(pl_module.name) and k[-3:] != "/lr"]
        loss = f"loss {sum(map(float, terms)):.2e}" if terms else ""
        left = ""
        if done := pl_module.steps_done - self._before:
            work_done = done * pl_module.cost(blocks := len(batch.lr))
            seconds = (monotonic() - self._start) * self._work_left(trainer, pl_module, blocks) / work_done
            left = f"{duration(seconds)} left"
        self._progress.update(self._task, completed=pl_module.steps_done, loss=loss, left=left)

    def _work_left(self, trainer: Trainer, present: Stage[Any], blocks: int) -> float:
        """The steps of all stages that are still to be done, each times its cost."""
        chains = [callback for callback in trainer.callbacks if isinstance(callback, StageChain)]  # type: ignore[attr-defined]
        stages: list[Stage[Any]] = chains[0].stages if chains else [present]
        work = [stage.schedule.steps * stage.cost(blocks) for stage in stages]
        done = present.steps_done * present.cost(blocks)
        return sum(work[stages.index(present) :]) - done + self.again * sum(work)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Close the bar, so that the next stage does not draw it again."""
        self._close()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Close the bar, so that the error starts on a line of its own."""
        self._close()

    def _close(self) -> None:
        if self._progress is not None:
            self._progress.stop()
        self._progress = None


@contextmanager
def progress_bar(name: str, *, shown: bool = True) -> Iterator[Callable[[float], None]]:
    """Show a progress bar of work without steps, on standard error; nothing if that is no terminal.

    Args:
        name: Of the work.
        shown: Whether it is shown at all.

    Yields:
        A function to call with the fraction of the work done.
    """
    progress = _bars(TaskProgressColumn()) if shown else None
    if progress is None:
        yield lambda fraction: None
        return
    with progress:
        task = progress.add_task(name, total=1.0)
        yield lambda fraction: progress.update(task, completed=fraction)
