#!/usr/bin/env python3
"""Milliseconds a step of ``stages=paper`` against a plain loop, and Lightning's own cost: ``make benchmark``.

Everything is measured in one run, in turn, round after round, and the medians are compared: machines are shared.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import torch
from hydra import compose, initialize_config_module
from plain_loop import PlainLoop
from pytorch_lightning.loggers import TensorBoardLogger
from rich.console import Console
from rich.table import Table
from torch.amp import GradScaler

from udaln.chain import StageChain, make_trainer
from udaln.cli import arguments, one_line_errors
from udaln.config import stages_preset, typed
from udaln.console import quiet_lightning
from udaln.data.load import load_scene
from udaln.data.module import SceneData
from udaln.fusion import build_networks, build_stages
from udaln.results import write_text
from udaln.scene import Scene
from udaln.stages import Schedule, Stage

STEPS_PER_CALL = 100  # as monitor.every has it
ENDLESS = 10**9  # steps: a step's time is the same wherever in the schedule


@dataclass
class Arguments:
    """The synthetic scene's size, how often is measured, and a JSON file for what came out."""

    size: int = 240
    bands: int = 46
    scale: int = 5
    threads: int = 2
    rounds: int = 5
    milliseconds: int = 500  # of one measurement of a step
    share: float = 0.5  # of the schedule that Lightning's cost is measured on
    out: str | None = None


def main() -> None:
    """Measure and print."""
    with one_line_errors():
        given = arguments(Arguments)
        torch.set_num_threads(given.threads)
        quiet_lightning()
        scene = synthetic(given)
        steps = against_plain_loop(scene, given)
        cost = lightning_cost(scene, given)
        size = f"{given.size}×{given.size}×{given.bands}, c = {scene.hr_msi.shape[2]}, ×{given.scale}"
        show(f"{size}, {given.threads} threads", steps, cost)
        if given.out:
            write_text(Path(given.out), json.dumps({"steps": steps, "lightning": cost}, indent=2) + "\n")


def synthetic(given: Arguments) -> Scene:
    """The built-in scene, seen by WorldView-2."""
    with initialize_config_module("udaln.conf", version_base="1.3"):
        sizes = [f"dataset.size={given.size}", f"dataset.bands={given.bands}", f"scale.factor={given.scale}"]
        return load_scene(typed(compose("config", sizes)))


def against_plain_loop(scene: Scene, given: Arguments) -> dict[str, dict[str, float]]:
    """By stage: ms per step of the plain loop and of ours, from the same weights; all over the whole schedule last."""
    paper = stages_preset("paper")
    rows: dict[str, dict[str, float]] = {}
    total = {"plain": 0.0, "ours": 0.0}
    for stage in build_stages(build_networks(scene, paper), paper, STEPS_PER_CALL):
        steps = stage.schedule.steps
        stage.schedule = Schedule(stage.schedule.lr, ENDLESS, ENDLESS)
        plain = PlainLoop(stage.networks, scene)
        steppers = {"plain": plain.stepper(stage.name, stage.schedule.lr), "ours": our_stepper(stage, scene)}
        times = in_turn(steppers, given)
        rows[stage.name] = times | {"ratio": times["plain"] / times["ours"], "steps": steps}
        for name in total:
            total[name] += times[name] * steps
    whole = sum(row["steps"] for row in rows.values())
    mean = {name: value / whole for name, value in total.items()}
    return rows | {"whole schedule": mean | {"ratio": total["plain"] / total["ours"], "steps": whole}}


def our_stepper(stage: Stage, scene: Scene) -> Callable[[int], object]:
    """Runs so many steps of a stage as ``training_step`` does, without Lightning."""
    made = stage.configure_optimizers()
    blocks, scaler = scene.blocks(stage.networks.kernel_size), GradScaler(enabled=False)
    return lambda steps: stage.optimise(blocks, steps, made["optimizer"], made["lr_scheduler"], scaler)


def in_turn(steppers: dict[str, Callable[[int], object]], given: Arguments) -> dict[str, float]:
    """Median ms per step of each, measured in turn."""
    counts: dict[str, int] = {}
    times: dict[str, list[float]] = {name: [] for name in steppers}
    for name, run in steppers.items():
        run(2)  # warm-up
        counts[name] = max(1, round(given.milliseconds / max(seconds(run, 2) * 500, 1e-3)))
    for _ in range(given.rounds):
        for name, run in steppers.items():
            times[name].append(1000 * seconds(run, counts[name]) / counts[name])
    return {name: median(values) for name, values in times.items()}


def seconds(run: Callable[[int], object], steps: int) -> float:
    """Wall time of so many steps."""
    start = time.perf_counter()
    run(steps)
    return time.perf_counter() - start


def lightning_cost(scene: Scene, given: Arguments) -> dict[str, float]:
    """Seconds of stages 1 and 2, bare and under Lightning with TensorBoard and checkpoints; the extra in per cent."""
    stages = stages_preset("no_joint")
    for schedule in (stages.degradation, stages.spectral):
        assert schedule is not None
        schedule.steps, schedule.constant_until = (
            max(1, round(given.share * steps)) for steps in (schedule.steps, schedule.constant_until)
        )
    times: dict[str, list[float]] = {"bare": [], "Lightning": []}
    for _ in range(given.rounds):
        bare = build_stages(build_networks(scene, stages), stages, STEPS_PER_CALL)
        times["bare"].append(sum(seconds(our_stepper(stage, scene), stage.schedule.steps) for stage in bare))
        with TemporaryDirectory() as folder:
            networks = build_networks(scene, stages)
            chain = StageChain(build_stages(networks, stages, STEPS_PER_CALL), Path(folder) / "resume.ckpt")
            trainer = make_trainer(chain, "cpu", "32-true", logger=TensorBoardLogger(folder))
            data = SceneData(scene, networks.kernel_size)
            start = time.perf_counter()
            chain.run(trainer, data)
            times["Lightning"].append(time.perf_counter() - start)
    extra = median(with_it / without - 1 for without, with_it in zip(*times.values(), strict=True))
    return {name: median(values) for name, values in times.items()} | {"extra_percent": 100 * extra}


def show(title: str, steps: dict[str, dict[str, float]], cost: dict[str, float]) -> None:
    """Print both tables."""
    table = Table("stage", "steps", "plain loop [ms]", "ours [ms]", "ratio", title=f"a step, {title}")
    for name, row in steps.items():
        table.add_row(name, f"{row['steps']:.0f}", f"{row['plain']:.3f}", f"{row['ours']:.3f}", f"{row['ratio']:.2f}")
    console = Console()
    console.print(table)
    console.print(
        f"stages 1 and 2: {cost['bare']:.2f} s bare, {cost['Lightning']:.2f} s under Lightning with TensorBoard "
        f"and checkpoints: {cost['extra_percent']:+.1f} %"
    )


if __name__ == "__main__":
    main()
