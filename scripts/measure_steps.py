"""Time of an optimisation step: against a plain loop, under Lightning, and against the size of the scene."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from benchmark_cases import options, shortened, tiled, udaln_method
from plain_loop import PlainLoop
from pytorch_lightning.loggers import TensorBoardLogger
from torch.amp import GradScaler

from udaln.experiment.preparation import align
from udaln.methods.training.chain import StageChain
from udaln.methods.training.data import SceneData
from udaln.methods.training.schedule import Init, Schedule
from udaln.methods.training.stage import Stage
from udaln.methods.training.trainer import make_trainer
from udaln.methods.udaln.method import Udaln
from udaln.methods.udaln.model import UdalnModel
from udaln.physics.blocks import Blocks, blocks_of
from udaln.scene import Scene

STEPS_PER_CALL = 100  # the default of monitor.every
ENDLESS = 10**9  # steps of a schedule: the time of a step does not depend on its position in the schedule
BLOCKS = 256  # per step, for the stages of stages=paper when they sample
Stepper = Callable[[int], object]  # runs so many steps


def against_plain_loop(scene: Scene, rounds: int, milliseconds: float) -> dict[str, dict[str, float]]:
    """Compare a step of ``stages=paper`` with one of the plain loop, from the same weights.

    Args:
        scene: The scene.
        rounds: Measurements of each.
        milliseconds: Length of one measurement.

    Returns:
        By stage, and for the whole schedule: ms per step ``plain`` and ``ours``, their ``ratio``, and ``steps``.
    """
    rows: dict[str, dict[str, float]] = {}
    total = {"plain": 0.0, "ours": 0.0}
    for stage in untrained_stages(udaln_method("paper"), scene):
        steps = stage.schedule.steps
        stage.schedule = Schedule(stage.schedule.lr, ENDLESS, ENDLESS)
        plain = PlainLoop(stage.model, scene)
        ours = stage_stepper(stage, blocks_of(scene, stage.model.degradation.kernel_size))
        steppers = {"plain": plain.stepper(stage.name, stage.schedule.lr), "ours": ours}
        times = step_times(steppers, rounds, milliseconds)
        rows[stage.name] = times | {"ratio": times["plain"] / times["ours"], "steps": steps}
        for name in total:
            total[name] += times[name] * steps
    all_steps = sum(row["steps"] for row in rows.values())
    mean = {name: value / all_steps for name, value in total.items()}
    return rows | {"whole schedule": mean | {"ratio": total["plain"] / total["ours"], "steps": all_steps}}


def lightning_cost(scene: Scene, rounds: int, fraction: float) -> dict[str, float]:
    """Measure what Lightning with TensorBoard and checkpoints adds to the time of stages 1 and 2.

    Args:
        scene: The scene.
        rounds: Measurements.
        fraction: Of the steps of the schedule that are run.

    Returns:
        Seconds ``bare`` and under ``Lightning``, and ``extra_percent``.
    """
    method = shortened(udaln_method("no_joint"), fraction)
    times: dict[str, list[float]] = {"bare": [], "Lightning": []}
    for _ in range(rounds):
        stages = untrained_stages(method, scene)
        blocks = blocks_of(scene, scene.scale)
        times["bare"].append(sum(seconds(stage_stepper(stage, blocks), stage.schedule.steps) for stage in stages))
        with TemporaryDirectory() as folder:
            chain = StageChain(untrained_stages(method, scene), Path(folder) / "resume.ckpt")
            trainer = make_trainer(chain, "cpu", "32-true", logger=TensorBoardLogger(folder))
            data = SceneData(scene, scene.scale)
            start = time.perf_counter()
            chain.run(trainer, data)
            times["Lightning"].append(time.perf_counter() - start)
    extra = median(with_it / without - 1 for without, with_it in zip(*times.values(), strict=True))
    return {name: median(values) for name, values in times.items()} | {"extra_percent": 100 * extra}


def step_against_size(scene: Scene, sides: Sequence[int], rounds: int, milliseconds: float) -> dict[str, list[float]]:
    """Measure a step on sampled blocks against the size of the scene; all sizes are measured in turn.

    Args:
        scene: A small scene, which is tiled.
        sides: Of the scenes [HR pixels].
        rounds: Measurements of each.
        milliseconds: Length of one measurement.

    Returns:
        By stage, ms per step for each side.
    """
    steppers: dict[str, Stepper] = {}
    for side in sides:
        large = tiled(scene, side)
        blocks = blocks_of(large, large.scale)
        for name, stage in sampling_stages(large).items():
            if stage.schedule.init is Init.regression:
                stage.start(blocks)
            steppers[f"{name} {side}"] = stage_stepper(stage, blocks)
    times = step_times(steppers, rounds, milliseconds)
    return {name: [times[f"{name} {side}"] for side in sides] for name in sampling_stages(tiled(scene, sides[0]))}


def sampling_stages(scene: Scene) -> dict[str, Stage[UdalnModel]]:
    """The stages that use a sample of blocks per step: of ``stages=sampled``, and of ``stages=paper`` changed to it."""
    stages = {}
    for name, blocks in (("sampled", None), ("paper", BLOCKS)):
        for stage in untrained_stages(udaln_method(name), scene):
            schedule = stage.schedule
            stage.schedule = replace(schedule, steps=ENDLESS, constant_until=ENDLESS, blocks=blocks or schedule.blocks)
            if schedule.steps and stage.schedule.blocks:
                stages[f"{name} {stage.name}"] = stage
    return stages


def untrained_stages(method: Udaln, scene: Scene) -> list[Stage[UdalnModel]]:
    """The stages of a method, with untrained networks for a scene."""
    degradation = align(scene, options(method)).degradation
    return method.trained_stages(method.model(degradation), STEPS_PER_CALL, seed=0)


def stage_stepper(stage: Stage[Any], blocks: Blocks) -> Stepper:
    """A function that runs so many steps of a stage as ``training_step`` does, without Lightning."""
    optimisers = stage.configure_optimizers()
    scaler = GradScaler(enabled=False)

    def run(steps: int) -> None:
        stage.optimise(blocks, steps, optimisers["optimizer"], optimisers["lr_scheduler"], scaler)
        stage.steps_done += steps  # determines which blocks are drawn next

    return run


def step_times(steppers: Mapping[str, Stepper], rounds: int, milliseconds: float) -> dict[str, float]:
    """Median ms per step of each, measured in turn, so that other load on the machine affects all alike."""
    counts: dict[str, int] = {}
    times: dict[str, list[float]] = {name: [] for name in steppers}
    for name, run in steppers.items():
        run(2)  # warm-up
        counts[name] = max(1, round(milliseconds / max(seconds(run, 2) * 500, 1e-3)))
    for _ in range(rounds):
        for name, run in steppers.items():
            times[name].append(1000 * seconds(run, counts[name]) / counts[name])
    return {name: median(values) for name, values in times.items()}


def seconds(run: Stepper, steps: int) -> float:
    """Wall-clock time of so many steps [s]."""
    start = time.perf_counter()
    run(steps)
    return time.perf_counter() - start
