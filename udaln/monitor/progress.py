"""Progress bars on the terminal."""

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
    """A progress bar for each stage, in optimisation steps, on standard error; nothing if that is no terminal."""

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
        """Advance the bar and show the loss."""
        assert isinstance(pl_module, Stage)
        terms = [v for k, v in trainer.callback_metrics.items() if k.startswith(pl_module.name) and k[-3:] != "/lr"]
        loss = f"loss {sum(map(float, terms)):.2e}" if terms else ""
        self._progress.update(self._task, completed=pl_module.steps_done, loss=loss)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop updating the finished bar."""
        self._progress.stop()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Stop the bar, so that the error starts on a line of its own."""
        self._progress.stop()


@contextmanager
def progress_bar(name: str, *, shown: bool = True) -> Iterator[Callable[[float], None]]:
    """Show a progress bar of work without steps, on standard error; nothing if that is no terminal.

    Args:
        name: Of the work.
        shown: Whether it is shown at all.

    Yields:
        A function to call with the fraction of the work done.
    """
    columns = (TextColumn("{task.description:<12}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not (shown and console.is_terminal)) as progress:
        task = progress.add_task(name, total=1.0)
        yield lambda fraction: progress.update(task, completed=fraction)
