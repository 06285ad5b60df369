"""Terminal and log: results go to standard output; messages and progress bars to standard error."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text


class Terminal(Console):
    """An output of the terminal. If its reader ends, as ``head`` does, the work goes on, and nothing more is said."""

    def say(self, text: str) -> None:
        """Print a text on one line, whatever the width, so that paths can be copied and searched for."""
        self.print(Text(text), soft_wrap=True)

    def on_broken_pipe(self) -> None:
        """Called by `rich` when nobody reads what is printed."""
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), self.file.fileno())


console = Terminal(stderr=True)  # draws the progress bars and writes messages above them
results = Terminal()
sweeps = Terminal(stderr=True)  # what is said of a sweep, whose runs are quiet

RESULT = {"result": True}  # ``extra`` of a record of the log that belongs to the results


def print_columns(rows: Sequence[Mapping[str, object]], heading: str) -> None:
    """Print a table of figures with a column for each row, as a result.

    Args:
        rows: Figures by name, as texts or numbers.
        heading: The key of the rows that holds the title of the column.
    """
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column(Text(heading), no_wrap=True)
    for row in rows:
        table.add_column(Text(str(row[heading])), justify="right", overflow="fold")
    # Text, since [s] would be markup
    for name in dict.fromkeys(name for row in rows for name in row if name != heading):
        values = [row.get(name, "") for row in rows]
        table.add_row(Text(name), *(f"{value:.5g}" if isinstance(value, float) else str(value) for value in values))
    results.print(table)


@contextmanager
def quiet_terminal() -> Iterator[None]:
    """Show nothing of a run on the terminal; its log file is complete all the same."""
    before = console.quiet, results.quiet
    console.quiet = results.quiet = True
    try:
        yield
    finally:
        console.quiet, results.quiet = before


class TerminalHandler(logging.Handler):
    """Shows a log on the terminal. Lines are not broken, so that paths can be copied and searched for."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record: a result as it is, a message with its time."""
        text = record.getMessage()
        if getattr(record, "result", False):
            results.say(text)
            return
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        style = "yellow" if record.levelno >= logging.WARNING else ""
        console.print(Text.assemble((clock, "dim"), " ", (text, style)), soft_wrap=True)


@contextmanager
def run_log(path: Path) -> Iterator[logging.Logger]:
    """Log to the terminal and, in more detail, to a file, which is appended to."""
    logger = logging.getLogger("udaln")
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    file = logging.FileHandler(path, encoding="utf-8")
    file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    for handler in (file, terminal := TerminalHandler(logging.INFO)):
        logger.addHandler(handler)
    try:
        yield logger
    except BaseException as error:
        file.handle(logger.makeRecord("udaln", logging.ERROR, "", 0, f"stopped: {error!r}", (), None))
        raise
    finally:
        for handler in (file, terminal):
            logger.removeHandler(handler)
            handler.close()


def duration(seconds: float) -> str:
    """A time in the units that one would say it in.

    Example:
        >>> duration(45), duration(130), duration(4000)
        ('45 s', '2 min 10 s', '1 h 7 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    hours, minutes = divmod(round(whole / 60), 60)
    return f"{hours} h {minutes} min"
