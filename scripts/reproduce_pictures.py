"""The comparison of methods as pictures."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from statistics import median

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter
from reproduce_plan import CONDITIONS, DEFAULT, Case

from udaln.experiment.comparison.run_folder import RunFolder

PANELS = {"psnr": "PSNR less that of the default [dB]", "sam": "SAM / default's", "ergas": "ERGAS / default's"}
LIMITS = {"psnr": 6.0, "sam": 2.0, "ergas": 2.0}  # at which the colours end: dB, and factors
MARKERS = "osD^v<>P*"  # their number and that of the colours, 10, have no divisor in common

Runs = Mapping[Case, RunFolder]


def draw_figures(runs: Runs) -> Figure:
    """Draw PSNR, SAM and ERGAS of the blind methods beside those of the default, for each pair."""
    blind = {case: run for case, run in runs.items() if not case.given}
    pairs = [pair for pair in dict.fromkeys(case.pair for case in blind) if Case(*pair, DEFAULT) in blind]
    methods = [name for name in dict.fromkeys(case.method for case in blind) if name != DEFAULT]
    picture = Figure(figsize=(13, 1.5 + 0.85 * len(methods)), layout="constrained")
    for axes, (key, heading) in zip(picture.subplots(len(PANELS), 1, sharex=True), PANELS.items(), strict=True):
        values = np.full((len(methods), len(pairs)), np.nan)
        for column, pair in enumerate(pairs):
            own = blind[Case(*pair, DEFAULT)].metrics[key]
            for row, method in enumerate(methods):
                if (run := blind.get(Case(*pair, method))) is not None:
                    values[row, column] = run.metrics[key] - own if key == "psnr" else run.metrics[key] / own
        _heat(axes, values, key)
        axes.set_title(heading, fontsize=10)
        axes.set_yticks(range(len(methods)), methods)
        axes.set_xticks(range(len(pairs)), [_short(case_pair) for case_pair in pairs], rotation=60, ha="right")
    return picture


def draw_times(runs: Runs) -> Figure:
    """Draw the median PSNR, less that of the default, against the median time of each blind method."""
    picture = Figure(figsize=(8, 5), layout="constrained")
    axes = picture.subplots()
    points = []
    for method in dict.fromkeys(case.method for case in runs):
        shared = [
            case for case in runs if case.method == method and not case.given and Case(*case.pair, DEFAULT) in runs
        ]
        if not shared:
            continue
        margin = median(runs[case].metrics["psnr"] - runs[Case(*case.pair, DEFAULT)].metrics["psnr"] for case in shared)
        seconds = median(runs[case].metrics["seconds"] for case in shared)
        points.append((seconds, margin, method))
    for (seconds, margin, method), marker in zip(
        sorted(points, key=lambda point: -point[1]), cycle(MARKERS), strict=False
    ):
        (point,) = axes.plot(seconds, margin, marker, label=method)
        if method == DEFAULT:
            point.set(color="black", markersize=9)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8)
    axes.set_xscale("log")
    axes.margins(x=0.12)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("time of the fit and of fusing, median of the pairs [s]")
    axes.set_ylabel("PSNR less that of the default, median of the pairs [dB]")
    axes.grid(alpha=0.3)
    return picture


def _heat(axes: Axes, values: np.ndarray, key: str) -> None:
    """Colours, blue where a method is better than the default, and numbers."""
    towards = values if key == "psnr" else -np.log(values)
    limit = LIMITS[key] if key == "psnr" else np.log(LIMITS[key])
    axes.imshow(towards, "RdBu", vmin=-limit, vmax=limit, aspect="auto")
    for row, column in np.argwhere(np.isfinite(values)):
        colour = "white" if abs(towards[row, column]) > 0.6 * limit else "black"
        text = f"{values[row, column]:+.1f}" if key == "psnr" else f"{values[row, column]:.2f}"
        axes.text(column, row, text, ha="center", va="center", fontsize=7, color=colour)


def _short(pair: tuple[str, int, str]) -> str:
    scene, factor, condition = pair
    return f"{scene.partition('_')[0]} ×{factor}{CONDITIONS[condition].label}"
