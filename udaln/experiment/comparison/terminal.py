"""A table of runs on the terminal."""

from __future__ import annotations

import sys

from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from udaln.experiment.comparison.table import Table
from udaln.experiment.comparison.texts import is_number_column

WIDE = 240  # columns of an output that is no terminal and has no width


def print_table(table: Table) -> None:
    """Print a table on standard output; the best figures are bold."""
    rich = RichTable(box=box.SIMPLE_HEAD)
    for heading, number in zip(table.headings, is_number_column(table), strict=True):
        rich.add_column(Text(heading), justify="right" if number else "left", overflow="fold", no_wrap=number)
    before = None
    for row in table.rows:
        if before is not None and table.scene(row) != table.scene(before):
            rich.add_section()
        texts = zip(table.texts(row), table.is_best(row), strict=True)
        rich.add_row(*(Text(text, style="bold" if best else "") for text, best in texts))
        before = row
    Console(width=None if sys.stdout.isatty() else WIDE).print(rich)
