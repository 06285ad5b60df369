"""Terminal and log. Both use standard error, through the console that draws the progress bars."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.logging import RichHandler
from rich.table import Table

console = Console(stderr=True)


def print_columns(rows: Sequence[Mapping[str, object]], heading: str) -> None:
    """Print a table of figures with a column for each row.

    Args:
        rows: Figures by name.
        heading: The key of the rows that holds the title of the column.
    """
    table = Table(*("", *(str(row[heading]) for row in rows)))
    for name in dict.fromkeys(name for row in rows for name in row if name != heading):
        values = [row.get(name, "") for row in rows]
        table.add_row(name, *(f"{value:.5g}" if isinstance(value, float) else str(value) for value in values))
    console.print(table)


@contextmanager
def quiet_terminal() -> Iterator[None]:
    """Show nothing of a run on the terminal; its log file is complete all the same."""
    before, console.quiet = console.quiet, True
    try:
        yield
    finally:
        console.quiet = before


@contextmanager
def run_log(path: Path) -> Iterator[logging.Logger]:
    """Log to the terminal and, in more detail, to a file, which is appended to."""
    logger = logging.getLogger("udaln")
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    file = logging.FileHandler(path, encoding="utf-8")
    file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    terminal = RichHandler(logging.INFO, console=console, show_path=False, show_level=False, highlighter=None)
    for handler in (file, terminal):
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
