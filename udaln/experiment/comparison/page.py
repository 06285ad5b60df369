"""``report.html``: a table of runs as one file, which needs nothing beside it."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from datetime import datetime
from html import escape
from importlib import resources
from pathlib import Path
from string import Template

from PIL import Image, UnidentifiedImageError

import udaln
from udaln.experiment.comparison import settings
from udaln.experiment.comparison.chart import quality_against_time
from udaln.experiment.comparison.run_folder import RunFolder
from udaln.experiment.comparison.table import Row, Table
from udaln.experiment.comparison.texts import is_number_column
from udaln.experiment.run_files import OVERVIEW

WIDTH, WIDTH_OF_MANY, MANY = 1100, 640, 24  # of an embedded picture [pixels], and from how many runs on it is smaller
PICTURES = 200  # that are embedded at most


def html_page(table: Table, complete: Table, title: str) -> str:
    """Make the page.

    Args:
        table: The figures that matter most.
        complete: The same runs with all figures.
        title: Of the page.
    """
    runs = [run for row in table.rows for run in row.runs]
    finished = sum(run.finished for run in runs)
    template = Template((resources.files("udaln.experiment.comparison") / "page.html").read_text(encoding="utf-8"))
    chart = quality_against_time(table)
    parts = {
        "title": escape(title),
        "summary": escape(
            f"{len(runs)} runs, {finished} finished" if finished < len(runs) else f"{len(runs)} runs, all finished"
        ),
        "made": escape(f"udaln {udaln.__version__}, {datetime.now():%Y-%m-%d %H:%M}"),
        "table": html_table(table),
        "chart": f"<section><h2>Quality against time</h2>{chart}</section>" if chart else "",
        "complete": html_table(complete),
        "pictures": _pictures(table),
        "differing": _differing(runs),
        "settings": _settings(runs),
    }
    return template.substitute(parts)


def html_table(table: Table) -> str:
    """A table whose columns sort when their heading is clicked; the values to sort by are exact."""
    numbers = is_number_column(table)
    head = "".join(
        f'<th scope="col"{_css("number" if number else "")}><button>{escape(heading)}</button></th>'
        for heading, number in zip(table.headings, numbers, strict=True)
    )
    lines = []
    for row in table.rows:
        kinds = ["number" if number else "" for number in numbers]
        if table.incomplete:
            kinds[len(kinds) - len(table.columns) - 1] = "status"
        cells = zip(table.texts(row), _sort_values(table, row), kinds, table.is_best(row), strict=True)
        line = "".join(
            f'<td{_css(kind, "best" if best else "")} data-value="{escape(value)}">{escape(text)}</td>'
            for text, value, kind, best in cells
        )
        failed = any(not run.finished for run in row.runs)
        lines.append(f"<tr{_css('incomplete' if failed else '')}>{line}</tr>")
    return _sorting(head, lines)


def _sorting(head: str, rows: Sequence[str]) -> str:
    table = f'<table class="sorts"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
    return f'<div class="wide">{table}</div>'


def _css(*names: str) -> str:
    chosen = " ".join(name for name in names if name)
    return f' class="{chosen}"' if chosen else ""


def _sort_values(table: Table, row: Row) -> list[str]:
    names = [str(value) for value in row.values] if table.keys else table.names(row)
    cells = [row.cells[column.key].mean for column in table.columns]
    figures = ["" if value is None else str(value) for value in cells]
    count = [str(len(row.runs))] if table.repeated else []
    return [*names, *count, *([row.status] if table.incomplete else []), *figures]


def _pictures(table: Table) -> str:
    """The overview of the first finished run of each row, with the row's settings as its caption."""
    with_picture = [
        (row, run)
        for row in table.rows
        if (run := next((run for run in row.runs if (run.path / OVERVIEW).exists()), None)) is not None
    ]
    width = WIDTH if len(with_picture) < MANY else WIDTH_OF_MANY
    cards = []
    for row, run in with_picture[:PICTURES]:
        source = thumbnail(run.path / OVERVIEW, width)
        if source is None:
            continue
        names = ", ".join(
            f"{name} {text}" for name, text in zip(settings.titles(table.keys), table.names(row), strict=False)
        )
        told = [
            f"{column.title} {text}" for column in table.columns[:3] if (text := row.cells[column.key].text(column))
        ]
        caption = f"<strong>{escape(names or run.path.resolve().name)}</strong><br>{escape(', '.join(told))}"
        cards.append(
            f'<figure><a class="zoom" href="#"><img alt="{escape(names)}" src="{source}"></a>'
            f"<figcaption>{caption}<br><small>{escape(str(run.path))}</small></figcaption></figure>"
        )
    if not cards:
        return ""
    left_out = len(with_picture) - len(with_picture[:PICTURES])
    note = f"<p>{left_out} more pictures are not shown.</p>" if left_out else ""
    return (
        "<section><h2>Pictures</h2><p>One run of each row. A click enlarges the picture.</p>"
        f'<div class="cards">{"".join(cards)}</div>{note}</section>'
    )


def thumbnail(path: Path, width: int) -> str | None:
    """A picture, reduced, as a data URL; None if it cannot be read.

    Args:
        path: The picture.
        width: Of the result at most [pixels].
    """
    try:
        with Image.open(path) as picture:
            reduced = picture.convert("RGB")
            reduced.thumbnail((width, 4 * width))
    except (OSError, UnidentifiedImageError):
        return None
    data = io.BytesIO()
    reduced.save(data, "WEBP", quality=80)
    return f"data:image/webp;base64,{base64.b64encode(data.getvalue()).decode()}"


def _differing(runs: Sequence[RunFolder]) -> str:
    """A table of every run and each setting that is not the same in all."""
    known = [run for run in runs if run.settings]
    keys = settings.all_varying([run.settings for run in known])
    head = "".join(f"<th><button>{escape(key)}</button></th>" for key in ["run", "status", *keys])
    lines = []
    for run in runs:
        values = [str(run.path), f"{run.status.value}{': ' if run.reason else ''}{run.reason}"]
        values += [settings.value_text(run.settings.get(key)) for key in keys]
        cells = "".join(f'<td data-value="{escape(value)}">{escape(value)}</td>' for value in values)
        lines.append(f"<tr>{cells}</tr>")
    return _sorting(head, lines)


def _settings(runs: Sequence[RunFolder]) -> str:
    """A table of the settings that all runs share."""
    shared = settings.constant([run.settings for run in runs if run.settings])
    lines = "".join(
        f"<tr><td>{escape(key)}</td><td>{escape(settings.value_text(value))}</td></tr>" for key, value in shared.items()
    )
    return f"<table>{lines}</table>"
