"""What shows the terminal how far a run is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pytorch_lightning import Callback, LightningModule, Trainer
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from udaln.methods.training.stage import Stage
from udaln.monitor.console import console


class StageProgress(Callback):
    """A bar a stage, counting optimisation steps, on standard error; silent where that is no terminal."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("{task.description:<12}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[loss]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Open the stage's bar."""
        assert isinstance(pl_module, Stage)
        self._progress.start()
        steps = pl_module.schedule.steps
        self._task = self._progress.add_task(pl_module.name, total=steps, completed=pl_module.steps_done, loss="")

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: object) -> None:
        """Advance it."""
        assert isinstance(pl_module, Stage)
        terms = [v for k, v in trainer.callback_metrics.items() if k.startswith(pl_module.name) and k[-3:] != "/lr"]
        loss = f"loss {sum(map(float, terms)):.2e}" if terms else ""
        self._progress.update(self._task, completed=pl_module.steps_done, loss=loss)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Leave the finished bar."""
        self._progress.stop()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Give the terminal back."""
        self._progress.stop()


@contextmanager
def share_done(name: str, *, shown: bool = True) -> Iterator[Callable[[float], None]]:
    """A bar of work that has no steps: yields what to tell which share of it is done."""
    columns = (TextColumn("{task.description:<12}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not (shown and console.is_terminal)) as progress:
        task = progress.add_task(name, total=1.0)
        yield lambda share: progress.update(task, completed=share)
