#!/usr/bin/env python3
"""Measure speed and memory, all parts with the same threads: ``make benchmark``, or ``benchmark.py part=quality``.

* ``steps``: ms per step of ``stages=paper`` and of a plain loop;
* ``lightning``: the overhead of Lightning;
* ``quality``: seconds of training until a PSNR and a SAM are reached, measured with the reference;
* ``size``: ms per step on sampled blocks, and seconds and memory of a fusion, for several sizes of the scene.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import measure_fusions
import measure_steps
import torch
from benchmark_cases import method_by_name, shortened, simulated_from_files, synthetic_scene, udaln_method
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from udaln.errors import InputError
from udaln.experiment.cli import arguments, one_line_errors
from udaln.experiment.results import write_picture, write_text
from udaln.methods.training.trainer import quiet_lightning

PARTS = ("steps", "lightning", "quality", "size")
COLOURS = {"closed_form": "C0", "sampled": "C2", "paper": "C3"}
console = Console()


@dataclass
class Arguments:
    """What is measured, on which scene, for how long, and where the results go. Lists are separated by commas."""

    part: str = "all"
    size: int = 240  # of the built-in scene [HR pixels]
    bands: int = 46
    scale: int = 5
    threads: int = 1  # a run's own steps take one whatever this says
    rounds: int = 5
    milliseconds: int = 500  # length of one measurement of a step
    share: float = 0.5  # fraction of the schedule on which Lightning's cost is measured
    reference: str | None = None  # quality: a cube, and its SRF; without one the built-in scene of quality_size
    srf: str | None = None
    quality_size: int = 100
    methods: str = "closed_form,paper"  # names of method= or of stages=
    paper_share: float = 0.1  # fraction of the steps of stages=paper; 1 is the published schedule
    psnr: float | None = None  # the target; if None, the result of stages=paper
    sam: float | None = None
    every: int = 1000  # steps between two points
    seed: int = 2
    sizes: str = "100,200,500,1000,2000"  # sides of the scenes [HR pixels]
    fuse_up_to: int = 500  # largest of them that is fused as a whole
    figure: str | None = None  # file for a picture of the curves
    out: str | None = None  # JSON file for all results


def main() -> None:
    """Measure, print and write the results."""
    with one_line_errors():
        args = arguments(Arguments)
        parts = word_list(args.part, PARTS, "part") if args.part != "all" else list(PARTS)
        if args.figure and not {"quality", "size"} & set(parts):
            raise InputError("figure: expected part=quality or part=size, which have curves")
        torch.set_num_threads(args.threads)
        quiet_lightning()
        results: dict[str, Any] = {}
        if "steps" in parts or "lightning" in parts:
            results |= measure_step(args, parts)
        if "quality" in parts:
            results["quality"] = measure_quality(args)
        if "size" in parts:
            results["size"] = measure_size(args)
        if args.figure:
            write_picture(Path(args.figure), draw(results))
        if args.out:
            settings = {"arguments": vars(args), "torch": torch.__version__}
            write_text(Path(args.out), json.dumps(settings | results, indent=2) + "\n")


def word_list(text: str, allowed: Sequence[str], key: str) -> list[str]:
    """Split a list of words at its commas, and check them."""
    words = text.split(",")
    if unknown := [word for word in words if word not in allowed]:
        raise InputError(f"{key}: expected some of {', '.join(allowed)}, got {unknown[0]!r}")
    return words


def number_list(text: str, key: str) -> list[int]:
    """Split a list of whole numbers at its commas, and sort them."""
    try:
        return sorted(int(word) for word in text.split(","))
    except ValueError as error:
        raise InputError(f"{key}: expected whole numbers with commas, got {text!r}") from error


def measure_step(args: Arguments, parts: Sequence[str]) -> dict[str, Any]:
    """Measure ``steps`` and ``lightning``, whichever are in ``parts``."""
    results: dict[str, Any] = {}
    scene = synthetic_scene(args.size, args.bands, args.scale)
    if "steps" in parts:
        results["steps"] = measure_steps.against_plain_loop(scene, args.rounds, args.milliseconds)
        size = f"{args.size}×{args.size}×{args.bands}, c = {scene.hr_msi.shape[2]}, ×{args.scale}"
        title = f"a step of stages=paper, {size}, threads: {args.threads}"
        table = Table("stage", "steps", "plain loop [ms]", "ours [ms]", "ratio", title=title)
        for name, row in results["steps"].items():
            times = (f"{row[key]:.3f}" for key in ("plain", "ours"))
            table.add_row(name, f"{row['steps']:.0f}", *times, f"{row['ratio']:.2f}")
        console.print(table)
    if "lightning" in parts:
        cost = results["lightning"] = measure_steps.lightning_cost(scene, args.rounds, args.share)
        console.print(
            f"stages 1 and 2: {cost['bare']:.2f} s bare, {cost['Lightning']:.2f} s under Lightning with TensorBoard "
            f"and checkpoints: {cost['extra_percent']:+.1f} %"
        )
    return results


def measure_quality(args: Arguments) -> dict[str, Any]:
    """Measure the quality of each method against time, and when it reached the target."""
    methods = {name: method_by_name(name) for name in args.methods.split(",")}
    if "paper" in methods:
        methods["paper"] = shortened(udaln_method("paper"), args.paper_share), False
    elif args.psnr is None or args.sam is None:
        raise InputError("psnr, sam: expected numbers for methods without paper, got none")
    if args.reference is None:
        scene = synthetic_scene(args.quality_size, args.bands, args.scale)
    else:
        scene = simulated_from_files(args.reference, args.srf, args.scale)
    rows: dict[str, Any] = {
        name: measure_fusions.quality_course(scene, *method, args.seed, args.every) for name, method in methods.items()
    }
    targets = {"psnr": args.psnr, "sam": args.sam}
    target = {key: rows["paper"]["points"][-1][key] if value is None else value for key, value in targets.items()}
    for row in rows.values():
        row["reached"] = measure_fusions.time_to_quality(row["points"], target)
    share = "" if args.paper_share == 1 else f"; PAPER'S SCHEDULE SHORTENED to {args.paper_share:.0%}"
    title = f"until {target['psnr']:.2f} dB and {target['sam']:.3f}° in training{share}, threads: {args.threads}"
    show_quality(rows, title)
    return {"target": target, "paper_share": args.paper_share, "methods": rows}


def show_quality(rows: Mapping[str, Any], title: str) -> None:
    """Print when each method reached the target, its final quality, and its speed relative to ``stages=paper``."""
    table = Table("method", "reached [s]", "training [s]", "whole [s]", "PSNR [dB]", "SAM [°]", title=title)
    table.add_column("all of paper / reached")
    for name, row in rows.items():
        end, when = row["points"][-1], row["reached"]
        speedup = f"{rows['paper']['training'] / when:.0f}×" if when and "paper" in rows else ""
        reached, times = "never" if when is None else f"{when:.3f}", (f"{row[k]:.2f}" for k in ("training", "whole"))
        table.add_row(name, reached, *times, f"{end['psnr']:.2f}", f"{end['sam']:.3f}", speedup)
    console.print(table)


def measure_size(args: Arguments) -> dict[str, Any]:
    """Measure a step, and a whole fusion, against the size of the scene, with 32 bands and IKONOS's 4."""
    sides = number_list(args.sizes, "sizes")
    small = synthetic_scene(sides[0] // args.scale * args.scale, 32, args.scale, "ikonos")
    steps = measure_steps.step_against_size(small, sides, args.rounds, args.milliseconds)
    fused = [side for side in sides if side <= args.fuse_up_to]
    costs = [
        measure_fusions.in_fresh_process(measure_fusions.cost_of_fusion, small, side, args.threads) for side in fused
    ]
    results = {"sides": sides, "milliseconds": steps, "fused": fused, "closed_form": costs}
    show_size(results, f"32 bands, c = 4, ×{args.scale}, threads: {args.threads}")
    return results


def show_size(results: Mapping[str, Any], title: str) -> None:
    """Print the time of a step at each size, and time and memory of whole fusions."""
    sides = (f"{side}²" for side in results["sides"])
    table = Table("stage", *sides, f"against {results['sides'][0]}²", title=f"ms a step on sampled blocks, {title}")
    for name, times in results["milliseconds"].items():
        largest = max((ms / times[0] - 1 for ms in times), key=abs)
        table.add_row(name, *(f"{ms:.3f}" for ms in times), f"{largest:+.0%}")
    console.print(table)
    table = Table(
        "HR pixels", "training [s]", "µs an HR pixel", "peak memory [MB]", title=f"method=closed_form, {title}"
    )
    for side, cost in zip(results["fused"], results["closed_form"], strict=True):
        each = 1e6 * cost["seconds"] / side**2
        table.add_row(f"{side}²", f"{cost['seconds']:.1f}", f"{each:.0f}", f"{cost['megabytes']:.0f}")
    console.print(table)
    console.print("Peak memory: of a process that fuses one scene, above what it holds once everything is imported.")


def draw(results: Mapping[str, Any]) -> Figure:
    """Draw the curves of what was measured."""
    rows = [name for name in ("quality", "size") if name in results]
    figure = Figure(figsize=(11, 3.6 * len(rows)), layout="constrained")
    for name, part in zip(rows, figure.subfigures(len(rows), 1, squeeze=False)[:, 0], strict=True):
        {"quality": draw_quality, "size": draw_size}[name](
            results[name], part.subplots(1, 2 if name == "quality" else 3)
        )
    return figure


def draw_quality(results: Mapping[str, Any], axes: Sequence[Axes]) -> None:
    """PSNR and SAM against seconds in training."""
    for axis, key, unit in zip(axes, ("psnr", "sam"), ("PSNR [dB]", "SAM [°]"), strict=True):
        for name, row in results["methods"].items():
            seconds = [point["seconds"] for point in row["points"]]
            values = [point[key] for point in row["points"]]
            axis.plot(seconds, values, ".-", color=COLOURS.get(name), label=name)
        axis.axhline(results["target"][key], color="grey", linestyle=":", label="target")
        axis.set(xscale="log", xlabel="seconds in training", ylabel=unit)
        axis.xaxis.set_major_formatter("{x:g}")
        axis.xaxis.set_minor_formatter("")
        axis.grid(alpha=0.3)
    axes[0].legend()


def draw_size(results: Mapping[str, Any], axes: Sequence[Axes]) -> None:
    """A step, a fusion and its memory against the size of the scene."""
    for name, times in results["milliseconds"].items():
        method, stage = name.split()
        style = {"degradation": ":", "spectral": "--", "joint": "-"}[stage]
        axes[0].plot(results["sides"], times, f".{style}", color=COLOURS[method], label=name)
    axes[0].set(ylabel="a step on sampled blocks [ms]", ylim=(0, None))
    axes[0].legend(fontsize="small")
    for axis, key, unit in zip(axes[1:], ("seconds", "megabytes"), ("training [s]", "peak memory [MB]"), strict=True):
        axis.plot(results["fused"], [cost[key] for cost in results["closed_form"]], ".-", color=COLOURS["closed_form"])
        axis.set(ylabel=f"method=closed_form: {unit}", ylim=(0, None))
    for axis, sides in zip(axes, (results["sides"], results["fused"], results["fused"]), strict=True):
        axis.set(xscale="log", xlabel="side of the scene [HR pixels]")
        axis.set_xticks(sides, map(str, sides))
        axis.minorticks_off()
        axis.grid(alpha=0.3)


if __name__ == "__main__":
    main()
