"""The table of a set of runs: repetitions joined, mean and standard deviation, the best of each scene."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from udaln.errors import InputError
from udaln.experiment.comparison import settings
from udaln.experiment.comparison.figures import IF_THEY_DIFFER, WITH_TRUTH, WITHOUT_TRUTH, Figure, all_keys, figure
from udaln.experiment.comparison.literature import published
from udaln.experiment.comparison.run_folder import RunFolder


@dataclass(frozen=True)
class Cell:
    """A figure of the runs of one row.

    Attributes:
        mean: Over the runs; a word if it is one; None if there is no value.
        deviation: Sample standard deviation; None unless there are at least two numbers.
        best: Whether it is the best of its scene.
    """

    mean: Any = None
    deviation: float | None = None
    best: bool = False

    def text(self, column: Figure) -> str:
        """The cell as it is shown: mean, and ± deviation if there is one."""
        text = column.text(self.mean)
        if self.deviation is None or not text:
            return text
        digits = len(text.partition(".")[2])
        exact = column.text(float(self.deviation)) if "e" in text else f"{self.deviation:.{digits}f}"
        return f"{text} ± {exact}"


@dataclass(frozen=True)
class Row:
    """The runs of the same settings, apart from seeds.

    Attributes:
        values: Of the settings that tell the rows apart.
        runs: The runs; none if the figures are published ones.
        status: How many are finished and what became of the others; empty if all are finished.
        cells: By the keys of the figures.
    """

    values: tuple[Any, ...]
    runs: tuple[RunFolder, ...]
    status: str
    cells: dict[str, Cell]


@dataclass(frozen=True)
class Table:
    """A table of runs.

    Attributes:
        keys: The settings that tell the rows apart.
        columns: The figures that are shown.
        rows: The rows, grouped by scene.
    """

    keys: tuple[str, ...]
    columns: tuple[Figure, ...]
    rows: tuple[Row, ...]

    @property
    def headings(self) -> list[str]:
        """The titles of all columns: settings, number of runs, status, figures."""
        names = settings.titles(self.keys) if self.keys else ["run"]
        return [
            *names,
            *(["runs"] if self.repeated else []),
            *(["status"] if self.incomplete else []),
            *(column.heading for column in self.columns),
        ]

    @property
    def repeated(self) -> bool:
        """Whether a row has more than one run."""
        return any(len(row.runs) > 1 for row in self.rows)

    @property
    def incomplete(self) -> bool:
        """Whether a run is not finished."""
        return any(row.status for row in self.rows)

    def names(self, row: Row) -> list[str]:
        """The values of a row's settings as texts; the name of its folder if the rows do not differ in any setting."""
        return [settings.value_text(value) for value in row.values] if self.keys else [row.runs[0].path.resolve().name]

    def texts(self, row: Row) -> list[str]:
        """A row as texts, in the order of the headings."""
        return [
            *self.names(row),
            *([str(len(row.runs) or "")] if self.repeated else []),
            *([row.status] if self.incomplete else []),
            *(row.cells[column.key].text(column) for column in self.columns),
        ]

    def is_best(self, row: Row) -> list[bool]:
        """Which of a row's texts are the best of their scene."""
        before = len(self.headings) - len(self.columns)
        return [*[False] * before, *(row.cells[column.key].best for column in self.columns)]

    def scene(self, row: Row) -> tuple[str, ...]:
        """The values of a row that belong to the scene, as texts."""
        named = zip(self.keys, row.values, strict=True)
        return tuple(settings.value_text(value) for key, value in named if key.startswith(settings.SCENE))


def make_table(runs: Sequence[RunFolder], columns: Sequence[str] | None = None) -> Table:
    """Make the table of a set of runs, with the figures that are published of their scenes.

    Args:
        runs: At least one.
        columns: Keys of ``metrics.json``; ``all`` alone for every figure that a run has. None for a choice that suits
            the runs: figures against the truth, or those that need none.

    Raises:
        InputError: If no run has one of the columns.
    """
    known = [run for run in runs if run.settings]
    from_papers = list(published(run.settings for run in known))
    keys = settings.varying([*(run.settings for run in known), *(values for values, _ in from_papers)])
    if not keys and 1 < len(known) == len(runs):
        keys = ["method.name"]  # repetitions of one run
    groups: dict[tuple[Any, ...], list[RunFolder]] = {}
    for run in runs:
        values = tuple(run.settings.get(key) for key in keys)
        # runs without settings, and all runs if nothing differs but the seeds and there are no seeds, stay apart
        label = tuple(map(settings.value_text, values)) if run.settings else (str(run.path),)
        groups.setdefault(label, []).append(run)
    shown = _columns(runs, columns)
    rows = [_row(tuple(group[0].settings.get(key) for key in keys), group) for group in groups.values()]
    for found, figures in from_papers:
        cells = _Cells({key: Cell(value) for key, value in figures.items()})
        rows.append(Row(tuple(found.get(key) for key in keys), (), "", cells))
    table = Table(tuple(keys), tuple(shown), tuple(rows))
    return _marked(_by_scene(table))


def _columns(runs: Sequence[RunFolder], asked: Sequence[str] | None) -> list[Figure]:
    metrics = [run.metrics for run in runs if run.finished]
    own = dict.fromkeys(name for run in runs for name in run.settings.get("metrics") or [])  # metrics
    present = {key for figures in metrics for key, value in figures.items() if value is not None}
    if asked == ["all"]:
        return [figure(key) for key in (*all_keys(), *own) if key in present]
    if asked is not None:
        if metrics and (unknown := [key for key in asked if key not in {key for run in metrics for key in run}]):
            raise InputError(
                f"columns: expected figures of metrics.json, such as psnr, sam, hqnr or seconds, got {unknown[0]}, "
                "which no run has"
            )
        return [figure(key) for key in asked]
    truth = any(WITH_TRUTH[0] in run for run in metrics)
    chosen = [key for key in (WITH_TRUTH if truth else WITHOUT_TRUTH) if key in present]
    if truth and any(WITH_TRUTH[0] not in run for run in metrics):  # real pairs among simulated ones
        chosen[-1:-1] = ["hqnr"] if "hqnr" in present else []
    chosen[-1:-1] = [key for key in own if key in present and key not in chosen]
    chosen += [key for key in IF_THEY_DIFFER if len({str(run.get(key)) for run in metrics}) > 1]
    return [figure(key) for key in chosen]


def _row(values: tuple[Any, ...], runs: Sequence[RunFolder]) -> Row:
    finished = [run for run in runs if run.finished]
    keys = dict.fromkeys(key for run in finished for key in run.metrics)
    cells = {key: _cell([run.metrics.get(key) for run in finished]) for key in keys}
    return Row(values, tuple(runs), _status(runs), _Cells(cells))


class _Cells(dict[str, Cell]):
    """Cells by key; empty where there is none."""

    def __missing__(self, key: str) -> Cell:
        return Cell()


def _cell(values: Sequence[Any]) -> Cell:
    present = [value for value in values if value is not None]
    numbers = [float(value) for value in present if isinstance(value, int | float) and not isinstance(value, bool)]
    if present and len(numbers) == len(present):
        deviation = statistics.stdev(numbers) if len(numbers) > 1 else None
        return Cell(statistics.fmean(numbers) if len(numbers) > 1 else present[0], deviation)
    counts = Counter("yes" if value is True else "no" if value is False else str(value) for value in present)
    return Cell(present[0] if len(counts) == 1 else ", ".join(f"{n}× {value}" for value, n in counts.items()) or None)


def _status(runs: Sequence[RunFolder]) -> str:
    if all(run.finished for run in runs):
        return ""
    if len(runs) == 1:
        return _told(runs[0])
    counts = Counter(_told(run) for run in runs)
    return "; ".join(f"{count} {told}" for told, count in counts.items())


def _told(run: RunFolder) -> str:
    return f"{run.status.value}: {run.reason}" if run.reason else run.status.value


def _by_scene(table: Table) -> Table:
    """The rows of one scene below each other, otherwise in the order in which they came."""
    scenes = list(dict.fromkeys(map(table.scene, table.rows)))
    rows = sorted(table.rows, key=lambda row: scenes.index(table.scene(row)))
    return Table(table.keys, table.columns, tuple(rows))


def _marked(table: Table) -> Table:
    """A copy in which the best figures of each scene with several rows of runs are marked, ties included."""
    marked = []
    for row in table.rows:
        rivals = [other for other in table.rows if row.runs and other.runs and table.scene(other) == table.scene(row)]
        cells = _Cells(row.cells)
        for key, cell in row.cells.items():
            column = figure(key)
            numbers = [other.cells[key].mean for other in rivals if isinstance(other.cells[key].mean, int | float)]
            if column.better and len(numbers) > 1 and isinstance(cell.mean, int | float):
                best = max(numbers, key=lambda value: column.better * value)
                tied = column.text(cell.mean) == column.text(best)
                all_alike = len({column.text(value) for value in numbers}) == 1
                cells[key] = Cell(cell.mean, cell.deviation, best=tied and not all_alike)
        marked.append(Row(row.values, row.runs, row.status, cells))
    return Table(table.keys, table.columns, tuple(marked))
