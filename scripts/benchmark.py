#!/usr/bin/env python3
"""How fast, in one run on the same threads: ``make benchmark``, or ``scripts/benchmark.py part=quality reference=…``.

* ``steps``: ms per step of ``stages=paper`` against a plain loop;
* ``lightning``: what Lightning adds to it;
* ``quality``: seconds in training until a PSNR and a SAM are reached, which only the reference tells;
* ``size``: ms per step on sampled blocks, and seconds and memory of a fusion, against the size of the scene.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import measure
import torch
from hydra import compose, initialize_config_module
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from omegaconf import OmegaConf
from rich.console import Console
from rich.table import Table

from udaln.errors import InputError
from udaln.experiment.cli import arguments, one_line_errors
from udaln.experiment.config import typed
from udaln.experiment.datasets.simulated import simulated_scene
from udaln.experiment.results import write_picture, write_text
from udaln.methods.training.trainer import quiet_lightning
from udaln.scene import Scene

PARTS = ("steps", "lightning", "quality", "size")
COLOURS = {"closed_form": "C0", "sampled": "C2", "paper": "C3"}
console = Console()


@dataclass
class Arguments:
    """What is measured, on which scene, how long, and where it goes. Lists have commas."""

    part: str = "all"
    size: int = 240  # of the built-in scene
    bands: int = 46
    scale: int = 5
    threads: int = 1  # a run's own steps take one whatever this says
    rounds: int = 5
    milliseconds: int = 500  # of one measurement of a step
    share: float = 0.5  # of the schedule that Lightning's cost is measured on
    reference: str | None = None  # quality: a cube, and its SRF; else the built-in scene of quality_size
    srf: str | None = None
    quality_size: int = 100
    methods: str = "closed_form,paper"  # of method= or of stages=
    paper_share: float = 0.1  # of the steps of stages=paper; 1 is the published schedule
    psnr: float | None = None  # what is to be reached; what stages=paper ends with if not given
    sam: float | None = None
    every: int = 1000  # steps between two looks
    seed: int = 2
    sizes: str = "100,200,500,1000,2000"  # HR pixels a side
    fuse_up_to: int = 500  # of them, whole fusions
    figure: str | None = None  # picture of the curves
    out: str | None = None  # JSON of everything


def main() -> None:
    """Measure, print, write."""
    with one_line_errors():
        given = arguments(Arguments)
        parts = chosen(given.part, PARTS, "part") if given.part != "all" else list(PARTS)
        if given.figure and not {"quality", "size"} & set(parts):
            raise InputError("figure: expected part=quality or part=size, which have curves")
        torch.set_num_threads(given.threads)
        quiet_lightning()
        found: dict[str, Any] = {}
        if "steps" in parts or "lightning" in parts:
            found |= of_a_step(given, parts)
        if "quality" in parts:
            found["quality"] = quality(given)
        if "size" in parts:
            found["size"] = against_size(given)
        if given.figure:
            write_picture(Path(given.figure), drawn(found))
        if given.out:
            settings = {"arguments": vars(given), "torch": torch.__version__}
            write_text(Path(given.out), json.dumps(settings | found, indent=2) + "\n")


def chosen(words: str, allowed: Sequence[str], key: str) -> list[str]:
    """A list with commas, of words that are allowed."""
    listed = words.split(",")
    if unknown := [word for word in listed if word not in allowed]:
        raise InputError(f"{key}: expected some of {', '.join(allowed)}, got {unknown[0]!r}")
    return listed


def numbers(words: str, key: str) -> list[int]:
    """A list with commas, of whole numbers, from the smallest."""
    try:
        return sorted(int(word) for word in words.split(","))
    except ValueError as error:
        raise InputError(f"{key}: expected whole numbers with commas, got {words!r}") from error


def built_in(size: int, bands: int, scale: int, sensor: str = "worldview2") -> Scene:
    """The built-in scene."""
    with initialize_config_module("udaln.conf", version_base="1.3"):
        sizes = [f"dataset.size={size}", f"dataset.bands={bands}", f"scale.factor={scale}", f"sensor={sensor}"]
        return simulated_scene(typed(compose("config", sizes)))


def with_reference(given: Arguments) -> Scene:
    """The scene of the given files, else the built-in one."""
    if given.reference is None:
        return built_in(given.quality_size, given.bands, given.scale)
    with initialize_config_module("udaln.conf", version_base="1.3"):
        composed = compose("config", ["dataset=mat", f"scale.factor={given.scale}"])
    composed.dataset = OmegaConf.merge(composed.dataset, {"reference": given.reference, "srf": given.srf})
    return simulated_scene(typed(composed))


def of_a_step(given: Arguments, parts: Sequence[str]) -> dict[str, Any]:
    """``steps`` and ``lightning``."""
    found: dict[str, Any] = {}
    scene = built_in(given.size, given.bands, given.scale)
    if "steps" in parts:
        found["steps"] = measure.against_plain_loop(scene, given.rounds, given.milliseconds)
        size = f"{given.size}×{given.size}×{given.bands}, c = {scene.hr_msi.shape[2]}, ×{given.scale}"
        title = f"a step of stages=paper, {size}, threads: {given.threads}"
        table = Table("stage", "steps", "plain loop [ms]", "ours [ms]", "ratio", title=title)
        for name, row in found["steps"].items():
            times = (f"{row[key]:.3f}" for key in ("plain", "ours"))
            table.add_row(name, f"{row['steps']:.0f}", *times, f"{row['ratio']:.2f}")
        console.print(table)
    if "lightning" in parts:
        cost = found["lightning"] = measure.lightning_cost(scene, given.rounds, given.share)
        console.print(
            f"stages 1 and 2: {cost['bare']:.2f} s bare, {cost['Lightning']:.2f} s under Lightning with TensorBoard "
            f"and checkpoints: {cost['extra_percent']:+.1f} %"
        )
    return found


def quality(given: Arguments) -> dict[str, Any]:
    """``quality``: the course of each method, and when it reached the target."""
    methods = {name: measure.chosen(name) for name in given.methods.split(",")}
    if "paper" in methods:
        methods["paper"] = measure.shortened(measure.udaln("paper"), given.paper_share), False
    elif given.psnr is None or given.sam is None:
        raise InputError("psnr, sam: expected numbers for methods without paper, got none")
    scene = with_reference(given)
    rows: dict[str, Any] = {
        name: measure.course(scene, *method, given.seed, given.every) for name, method in methods.items()
    }
    wanted = {"psnr": given.psnr, "sam": given.sam}
    target = {key: rows["paper"]["points"][-1][key] if value is None else value for key, value in wanted.items()}
    for row in rows.values():
        row["reached"] = measure.reached(row["points"], target)
    share = "" if given.paper_share == 1 else f"; PAPER'S SCHEDULE SHORTENED to {given.paper_share:.0%}"
    title = f"until {target['psnr']:.2f} dB and {target['sam']:.3f}° in training{share}, threads: {given.threads}"
    show_quality(rows, title)
    return {"target": target, "paper_share": given.paper_share, "methods": rows}


def show_quality(rows: Mapping[str, Any], title: str) -> None:
    """Print when each method got there and how it ended, and how many times less than all of the paper's that is."""
    table = Table("method", "reached [s]", "training [s]", "whole [s]", "PSNR [dB]", "SAM [°]", title=title)
    table.add_column("all of paper / reached")
    for name, row in rows.items():
        end, when = row["points"][-1], row["reached"]
        less = f"{rows['paper']['training'] / when:.0f}×" if when and "paper" in rows else ""
        reached, times = "never" if when is None else f"{when:.3f}", (f"{row[k]:.2f}" for k in ("training", "whole"))
        table.add_row(name, reached, *times, f"{end['psnr']:.2f}", f"{end['sam']:.3f}", less)
    console.print(table)


def against_size(given: Arguments) -> dict[str, Any]:
    """``size``: 32 bands and IKONOS's 4."""
    sides = numbers(given.sizes, "sizes")
    small = built_in(sides[0] // given.scale * given.scale, 32, given.scale, "ikonos")
    steps = measure.step_against_size(small, sides, given.rounds, given.milliseconds)
    fused = [side for side in sides if side <= given.fuse_up_to]
    costs = [measure.in_fresh_process(measure.cost_of_fusion, small, side, given.threads) for side in fused]
    found = {"sides": sides, "milliseconds": steps, "fused": fused, "closed_form": costs}
    show_size(found, f"32 bands, c = 4, ×{given.scale}, threads: {given.threads}")
    return found


def show_size(found: Mapping[str, Any], title: str) -> None:
    """Print a step's time at each size, and what whole fusions take."""
    sides = (f"{side}²" for side in found["sides"])
    table = Table("stage", *sides, f"against {found['sides'][0]}²", title=f"ms a step on sampled blocks, {title}")
    for name, times in found["milliseconds"].items():
        farthest = max((ms / times[0] - 1 for ms in times), key=abs)
        table.add_row(name, *(f"{ms:.3f}" for ms in times), f"{farthest:+.0%}")
    console.print(table)
    table = Table(
        "HR pixels", "training [s]", "µs an HR pixel", "peak memory [MB]", title=f"method=closed_form, {title}"
    )
    for side, cost in zip(found["fused"], found["closed_form"], strict=True):
        each = 1e6 * cost["seconds"] / side**2
        table.add_row(f"{side}²", f"{cost['seconds']:.1f}", f"{each:.0f}", f"{cost['megabytes']:.0f}")
    console.print(table)
    console.print("Peak memory: of a process that fuses one scene, above what it holds once everything is imported.")


def drawn(found: Mapping[str, Any]) -> Figure:
    """The curves of what was measured."""
    rows = [name for name in ("quality", "size") if name in found]
    figure = Figure(figsize=(11, 3.6 * len(rows)), layout="constrained")
    for name, part in zip(rows, figure.subfigures(len(rows), 1, squeeze=False)[:, 0], strict=True):
        {"quality": draw_quality, "size": draw_size}[name](found[name], part.subplots(1, 2 if name == "quality" else 3))
    return figure


def draw_quality(found: Mapping[str, Any], axes: Sequence[Axes]) -> None:
    """PSNR and SAM against seconds in training."""
    for axis, key, unit in zip(axes, ("psnr", "sam"), ("PSNR [dB]", "SAM [°]"), strict=True):
        for name, row in found["methods"].items():
            seconds = [point["seconds"] for point in row["points"]]
            values = [point[key] for point in row["points"]]
            axis.plot(seconds, values, ".-", color=COLOURS.get(name), label=name)
        axis.axhline(found["target"][key], color="grey", linestyle=":", label="target")
        axis.set(xscale="log", xlabel="seconds in training", ylabel=unit)
        axis.xaxis.set_major_formatter("{x:g}")
        axis.xaxis.set_minor_formatter("")
        axis.grid(alpha=0.3)
    axes[0].legend()


def draw_size(found: Mapping[str, Any], axes: Sequence[Axes]) -> None:
    """A step, a fusion and its memory against the size of the scene."""
    for name, times in found["milliseconds"].items():
        method, stage = name.split()
        style = {"degradation": ":", "spectral": "--", "joint": "-"}[stage]
        axes[0].plot(found["sides"], times, f".{style}", color=COLOURS[method], label=name)
    axes[0].set(ylabel="a step on sampled blocks [ms]", ylim=(0, None))
    axes[0].legend(fontsize="small")
    for axis, key, unit in zip(axes[1:], ("seconds", "megabytes"), ("training [s]", "peak memory [MB]"), strict=True):
        axis.plot(found["fused"], [cost[key] for cost in found["closed_form"]], ".-", color=COLOURS["closed_form"])
        axis.set(ylabel=f"method=closed_form: {unit}", ylim=(0, None))
    for axis, sides in zip(axes, (found["sides"], found["fused"], found["fused"]), strict=True):
        axis.set(xscale="log", xlabel="side of the scene [HR pixels]")
        axis.set_xticks(sides, map(str, sides))
        axis.minorticks_off()
        axis.grid(alpha=0.3)


if __name__ == "__main__":
    main()
