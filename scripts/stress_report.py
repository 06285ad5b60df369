"""The battery's results as a section of a document, and as a picture."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import median

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from stress_blurs import KERNELS
from stress_cases import BASE, FACTORS, FAULTS, NOISES, SCALES, SCENES, SENSORS, SIZES
from stress_rows import FIGURES, YARDSTICKS

Row = Mapping[str, str]

WORST = 20  # rows in the table of silent failures
LIMIT_DB = 4.0  # at which the colours end
MARGINS = (-20, -5, -2, -1, 0, 1, 2, 5)  # on the axis of margins [dB]
FIGURE_TITLES = "default: dB / SAM ° / ERGAS", "best yardstick in each", "margin [dB]"
LEVELS: dict[str, Sequence[object]] = {
    "scene": SCENES,
    "blur": tuple(KERNELS),
    "size": SIZES,
    "shifted": (False, True),
    "sensor": SENSORS,
    "scale": SCALES,
    "noise": NOISES,
}


def fused(rows: Iterable[Row], fault: str | None = "none") -> list[Row]:
    """The rows without an error, of one fault or, if it is None, of all."""
    return [row for row in rows if not row["error"] and fault in (None, row["fault"])]


def silent(row: Row) -> bool:
    """Whether the result is behind a yardstick and the fusion does not show it."""
    return row["behind"] == "True" and row["warned"] == "False"


def section(rows: Sequence[Row], total: int, picture: str) -> str:
    """All tables.

    Args:
        rows: The table on disk.
        total: How many cases the battery has with all scenes.
        picture: Name of the file of the picture, beside the document.
    """
    regular, errors = fused(rows), [row for row in rows if row["error"]]
    seconds = [float(row["seconds"]) for row in rows if row["seconds"]]
    time = f", {median(seconds):.1f} s each (median)" if seconds else ""
    parts = [
        f"![dB of the default beyond the best yardstick]({picture})",
        f"{len(rows)} of {total} cases are measured{time}. {_counts(regular)} Errors: {len(errors)}.",
        _by_level(regular),
        "The faults:\n\n" + _by_fault(fused(rows, None)),
        f"The largest silent failures, at most {WORST}:\n\n" + _worst(regular),
    ]
    if errors:
        parts.append(_table(["error", "case"], [[row["error"].replace("|", "/"), row["name"]] for row in errors]))
    return "\n\n".join(parts) + "\n"


def _counts(rows: Sequence[Row]) -> str:
    behind, unsaid = sum(row["behind"] == "True" for row in rows), sum(map(silent, rows))
    return f"Of the {len(rows)} without a fault, {behind} are behind a yardstick, {unsaid} of these silently."


def _by_level(rows: Sequence[Row]) -> str:
    lines = []
    for factor, levels in LEVELS.items():
        for level in levels:
            chosen = [row for row in rows if row[factor] == str(level)]
            if chosen:
                margins = [float(row["margin"]) for row in chosen]
                behind, unsaid = sum(row["behind"] == "True" for row in chosen), sum(map(silent, chosen))
                figures = f"{median(margins):+.2f}", f"{min(margins):+.2f}", str(behind), str(unsaid)
                lines.append([factor, str(level), str(len(chosen)), *figures])
    return _table(["factor", "level", "cases", "median [dB]", "worst [dB]", "behind", "silently"], lines)


def _by_fault(rows: Sequence[Row]) -> str:
    lines = []
    for row in sorted(rows, key=lambda row: (row["fault"], row["scene"])):
        if row["fault"] in FAULTS:
            lines.append([row["fault"], row["scene"], *_figures(row), "yes" if row["warned"] == "True" else "no"])
    return _table(["fault", "scene", *FIGURE_TITLES, "shown by the fusion"], lines)


def _figures(row: Row) -> tuple[str, str, str]:
    """The default's figures, the best of the yardsticks', and the margin."""
    own = [float(row[figure]) for figure in FIGURES]
    others = [[float(row[f"{name}_{figure}"]) for name in YARDSTICKS if row[f"{name}_psnr"]] for figure in FIGURES]
    best = [max(others[0]), *map(min, others[1:])]
    texts = [" / ".join(f"{value:.2f}" for value in values) for values in (own, best)]
    return texts[0], texts[1], f"{float(row['margin']):+.2f}"


def _worst(rows: Sequence[Row]) -> str:
    failures = sorted(filter(silent, rows), key=lambda row: float(row["margin"]))[:WORST]
    return _table(["case", *FIGURE_TITLES], [[row["name"], *_figures(row)] for row in failures])


def _table(titles: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rows = [titles, ["---"] * len(titles), *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def draw(rows: Sequence[Row]) -> Figure:
    """Draw the three planes of the design and the random sample."""
    figure = Figure(figsize=(13, 9), layout="constrained")
    axes = figure.subplot_mosaic([["blurs", "scales"], ["blurs", "noises"], ["blurs", "sample"]], width_ratios=[1, 1.1])
    regular = fused(rows)
    extents = [(size, shifted) for shifted in (False, True) for size in SIZES]
    titles = [f"{size:g} r{', shifted' if shifted else ''}" for size, shifted in extents]
    columns = [{"size": size, "shifted": shifted} for size, shifted in extents]
    _heat(axes["blurs"], regular, [{"blur": name} for name in KERNELS], columns, (list(KERNELS), titles))
    sensors = [{"sensor": sensor} for sensor in SENSORS]
    names = [f"{name} bands" if name.isdigit() else name for name in SENSORS]
    _heat(axes["scales"], regular, sensors, [{"scale": r} for r in SCALES], (names, [f"×{r}" for r in SCALES]))
    _heat(axes["noises"], regular, sensors, [{"noise": noise} for noise in NOISES], (names, list(NOISES)))
    _scatter(axes["sample"], regular)
    title = "PSNR of the default less that of the best yardstick [dB], median of the scenes"
    figure.suptitle(f"{title}\n● n: n scenes behind a yardstick silently")
    return figure


def _heat(
    axis: Axes,
    rows: Sequence[Row],
    down: Sequence[Mapping[str, object]],
    right: Sequence[Mapping[str, object]],
    labels: tuple[Sequence[str], Sequence[str]],
) -> None:
    """Colours and numbers of a plane, whose other factors are those of the base case."""
    values = np.full((len(down), len(right)), np.nan)
    for i, vertical in enumerate(down):
        for j, horizontal in enumerate(right):
            levels = (
                {name: getattr(BASE, name) for name in FACTORS if name != "scene"} | dict(vertical) | dict(horizontal)
            )
            chosen = [row for row in rows if all(row[name] == str(level) for name, level in levels.items())]
            if chosen:
                values[i, j] = median(float(row["margin"]) for row in chosen)
                unsaid = sum(map(silent, chosen))
                text = f"{values[i, j]:+.1f}" + (f"  ● {unsaid}" if unsaid else "")
                colour = "white" if abs(values[i, j]) > 0.6 * LIMIT_DB else "black"
                axis.text(j, i, text, ha="center", va="center", fontsize=8, color=colour)
    axis.imshow(values, "RdBu", vmin=-LIMIT_DB, vmax=LIMIT_DB, aspect="auto")
    axis.set_yticks(range(len(down)), labels[0])
    axis.set_xticks(range(len(right)), labels[1], rotation=0 if len(labels[1][0]) < 6 else 20)


def _scatter(axis: Axes, rows: Sequence[Row]) -> None:
    """All cases: the margin against the PSNR of the best yardstick."""
    margins = np.array([float(row["margin"]) for row in rows])
    best = np.array([float(row["psnr"]) for row in rows]) - margins
    unsaid = np.array([silent(row) for row in rows], bool)
    axis.scatter(best[~unsaid], margins[~unsaid], 8, "C0", label="ahead, or shown by the fusion")
    axis.scatter(best[unsaid], margins[unsaid], 12, "C3", label="silent failure")
    axis.axhline(0, color="grey", linestyle=":")
    axis.set(xlabel="best yardstick [dB], all cases without a fault", ylabel="margin [dB]")
    axis.set_yscale("symlog", linthresh=1)
    axis.set_yticks(MARGINS, [f"{margin:+d}" for margin in MARGINS])
    axis.legend()
