"""A table of runs on the terminal."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace

from rich import box
from rich.cells import cell_len
from rich.table import Table as RichTable
from rich.text import Text

from udaln.experiment.comparison.settings import titles
from udaln.experiment.comparison.table import Table
from udaln.experiment.comparison.texts import is_number_column
from udaln.monitor.console import Terminal

WIDE = 240  # columns of an output that is no terminal and has no width
_GAP = 3  # columns between two figures


def print_table(table: Table) -> None:
    """Print a table on standard output, in several parts if the terminal is too narrow; the best figures are bold.

    What became of runs that are not finished is told below it.
    """
    terminal = Terminal(width=None if sys.stdout.isatty() else WIDE)
    told = [(row, row.status) for row in table.rows if row.status]
    finished = replace(table, rows=tuple(replace(row, status="") for row in table.rows))
    first = len(finished.headings) - len(finished.columns)
    for part in _parts(finished, first, terminal.width):
        terminal.print(_rich(finished, [*range(first), *part]))
    names = titles(table.keys)
    for row, status in told:
        own = (f"{name}={text}" for name, text in zip(names, table.names(row), strict=False))
        terminal.say(f"{' '.join(own) or table.names(row)[0]}: {status}")


def _parts(table: Table, first: int, width: int) -> list[list[int]]:
    """The figures of each part, by the places of their columns.

    Args:
        table: The table.
        first: The place of the first figure.
        width: Of the terminal [columns].
    """
    lines = [table.headings, *(table.texts(row) for row in table.rows)]
    widths = [max(cell_len(line[place]) for line in lines) + _GAP for place in range(len(table.headings))]
    free = width - sum(widths[:first]) - _GAP
    parts: list[list[int]] = [[]]
    for place in range(first, len(widths)):
        if parts[-1] and sum(widths[each] for each in parts[-1]) + widths[place] > free:
            parts.append([])
        parts[-1].append(place)
    return parts


def _rich(table: Table, places: Sequence[int]) -> RichTable:
    """Some of the columns of a table."""
    numbers = is_number_column(table)
    rich = RichTable(box=box.SIMPLE_HEAD)
    for place in places:
        number = numbers[place]
        heading = Text(table.headings[place])
        rich.add_column(heading, justify="right" if number else "left", overflow="fold", no_wrap=number)
    before = None
    for row in table.rows:
        if before is not None and table.scene(row) != table.scene(before):
            rich.add_section()
        texts, best = table.texts(row), table.is_best(row)
        rich.add_row(*(Text(texts[place], style="bold" if best[place] else "") for place in places))
        before = row
    return rich
