"""The picture of quality against time: a line per row of the table, through the ends of the stages."""

from __future__ import annotations

import io
from collections.abc import Sequence

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Picture
from matplotlib.ticker import LogLocator, NullFormatter

from udaln.experiment.comparison.figures import Figure, figure
from udaln.experiment.comparison.run_folder import RunFolder
from udaln.experiment.comparison.settings import SCENE, titles
from udaln.experiment.comparison.table import Row, Table

PANELS = 6  # scenes that are drawn at most
_WIDTH, _HEIGHT = 5.6, 4.2  # of a panel [inches]
_MARKERS = "osD^vPX*<>"
_QUALITY = ("psnr", "hqnr", "check_psnr")  # the first that a run has is drawn


def quality_against_time(table: Table) -> str:
    """Draw the picture as SVG, a panel per scene; empty if no run has a figure to draw.

    A panel has the figure of its scene: PSNR where there is a truth, otherwise HQNR.
    """
    scenes: dict[str, list[Row]] = {}
    for row in table.rows:
        if any(_points(run, key) for run in row.runs for key in _QUALITY):
            scenes.setdefault(str(table.scene(row)), []).append(row)
    shown = list(scenes.values())[:PANELS]
    if not shown:
        return ""
    across = min(len(shown), 2)
    down = -(-len(shown) // across)
    with mpl.rc_context({"svg.fonttype": "path", "svg.hashsalt": "udaln", "font.size": 9}):
        picture = Picture((_WIDTH * across, _HEIGHT * down), layout="constrained")
        for axes, rows in zip(picture.subplots(down, across, squeeze=False).flat, shown, strict=False):
            _panel(axes, table, rows, with_title=len(scenes) > 1)
        for axes in picture.axes[len(shown) :]:
            axes.set_visible(False)
        text = io.StringIO()
        picture.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()[text.getvalue().index("<svg") :]


def _panel(axes: Axes, table: Table, rows: Sequence[Row], *, with_title: bool) -> None:
    key = next(key for key in _QUALITY for row in rows if any(_points(run, key) for run in row.runs))
    column = figure(key)
    seconds = [point[0] for row in rows for run in row.runs for point in _points(run, key)]
    for place, row in enumerate(rows):
        lines = [points for run in row.runs if (points := _points(run, key))]
        for number, points in enumerate(lines):
            axes.plot(
                *zip(*points, strict=True),
                color=f"C{place % 10}",
                marker=_MARKERS[place % len(_MARKERS)],
                markersize=5,
                linewidth=1.2,
                alpha=0.85,
                label=_label(table, row) if number == 0 else None,
            )
    if seconds and min(seconds) > 0 and max(seconds) > 5 * min(seconds):
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("time since the start of the fit [s]")
    axes.set_ylabel(_heading(column))
    axes.grid(alpha=0.3)
    if with_title:
        axes.set_title(_scene_title(table, rows[0]))
    if axes.lines:
        axes.legend(fontsize=8, loc="best", framealpha=0.8)


def _points(run: RunFolder, key: str) -> list[tuple[float, float]]:
    """Seconds since the start and the figure, at the end of each stage that has it."""
    elapsed, points = 0.0, []
    for stage in run.stages:
        seconds, value = stage.get("seconds"), stage.get(key)
        elapsed += seconds if isinstance(seconds, float) else 0.0
        if isinstance(value, float) and abs(value) != float("inf"):
            points.append((elapsed, value))
    return points


def _heading(column: Figure) -> str:
    return column.heading + {1: ", higher is better", -1: ", lower is better", 0: ""}[column.better]


def _label(table: Table, row: Row) -> str:
    """The settings of a row that do not belong to its scene."""
    own = [text for key, text in zip(table.keys, table.names(row), strict=False) if not key.startswith(SCENE)]
    return _plain(" ".join(own if own else table.names(row)))


def _scene_title(table: Table, row: Row) -> str:
    """The settings of a row's scene: its name, and what else differs."""
    named = zip(table.keys, titles(table.keys), table.names(row), strict=False)
    parts = [
        text if key.endswith(".name") else f"{title} {text}" for key, title, text in named if key.startswith(SCENE)
    ]
    return _plain(", ".join(parts))


def _plain(text: str) -> str:
    """A text as a label: short, without mathematics."""
    shown = text if len(text) <= 60 else f"…{text[-59:]}"
    return shown.replace("$", r"\$")
