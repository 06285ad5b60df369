"""The measurements of ``benchmark.py``: a step, Lightning's overhead, time to quality, cost by scene size."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from math import ceil
from multiprocessing import get_context
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import torch
from plain_loop import PlainLoop
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.loggers import TensorBoardLogger
from torch import Tensor
from torch.amp import GradScaler

from udaln.experiment.fusion import FusionOptions, align, fit, fused
from udaln.experiment.presets import method_preset
from udaln.experiment.schema import Refine
from udaln.methods.base import Method, Model, StageRecord, Training
from udaln.methods.registry import names
from udaln.methods.training.chain import StageChain
from udaln.methods.training.data import SceneData
from udaln.methods.training.schedule import Init, Schedule
from udaln.methods.training.stage import Stage
from udaln.methods.training.trainer import make_trainer, quiet_lightning
from udaln.methods.udaln.method import Udaln
from udaln.methods.udaln.model import UdalnModel
from udaln.metrics import psnr, sam
from udaln.physics.blocks import Blocks, blocks_of
from udaln.physics.instruments import Instruments
from udaln.scene import Scene

STEPS_PER_CALL = 100  # the default of monitor.every
ENDLESS = 10**9  # steps: the time of a step is the same anywhere in the schedule
NOISE = 40, 45  # dB, of LR-HSI and HR-MSI in scenes of any size, as real images have noise
BLOCKS = 256  # blocks per step of the paper's stages, if they sample
Stepper = Callable[[int], object]
T = TypeVar("T")


def against_plain_loop(scene: Scene, rounds: int, milliseconds: float) -> dict[str, dict[str, float]]:
    """By stage: ms per step of the plain loop and of udaln, from the same weights; last, over the whole schedule."""
    rows: dict[str, dict[str, float]] = {}
    total = {"plain": 0.0, "ours": 0.0}
    for stage in stages_of(udaln("paper"), scene):
        steps = stage.schedule.steps
        stage.schedule = Schedule(stage.schedule.lr, ENDLESS, ENDLESS)
        plain = PlainLoop(stage.model, scene)
        ours = our_stepper(stage, blocks_of(scene, stage.model.degradation.kernel_size))
        steppers = {"plain": plain.stepper(stage.name, stage.schedule.lr), "ours": ours}
        times = in_turn(steppers, rounds, milliseconds)
        rows[stage.name] = times | {"ratio": times["plain"] / times["ours"], "steps": steps}
        for name in total:
            total[name] += times[name] * steps
    whole = sum(row["steps"] for row in rows.values())
    mean = {name: value / whole for name, value in total.items()}
    return rows | {"whole schedule": mean | {"ratio": total["plain"] / total["ours"], "steps": whole}}


def udaln(stages: str) -> Udaln:
    """UDALN with the stages of a file of ``conf/stages``."""
    method, _ = method_preset(stages=stages)
    assert isinstance(method, Udaln)
    return method


def chosen(name: str) -> tuple[Method, bool]:
    """A method by its name or by that of its stages, and whether the consistency step follows."""
    method, refine = method_preset(name) if name in names() else method_preset(stages=name)
    return method, refine is Refine.consistent


def stages_of(method: Udaln, scene: Scene) -> list[Stage[UdalnModel]]:
    """The stages, with untrained networks for a scene."""
    _, degradation = align(scene, options(method))
    return method.trained_stages(method.model(degradation), STEPS_PER_CALL, seed=0)


def options(method: Method, *, refine: bool = False) -> FusionOptions:
    """Options of a method for two images of one camera."""
    return FusionOptions(method, refine=refine, instruments=Instruments(), progress=False)


def our_stepper(stage: Stage[Any], blocks: Blocks) -> Stepper:
    """Return a function that runs steps of a stage as ``training_step`` does, without Lightning."""
    made = stage.configure_optimizers()
    scaler = GradScaler(enabled=False)

    def run(steps: int) -> None:
        stage.optimise(blocks, steps, made["optimizer"], made["lr_scheduler"], scaler)
        stage.steps_done += steps  # it determines the sampled blocks

    return run


def in_turn(steppers: Mapping[str, Stepper], rounds: int, milliseconds: float) -> dict[str, float]:
    """Median ms per step of each. They are measured in turn, in several rounds, as machines are shared."""
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
    """Wall time of a number of steps [s]."""
    start = time.perf_counter()
    run(steps)
    return time.perf_counter() - start


def shortened(method: Udaln, share: float) -> Udaln:
    """A method with only a share of the steps of each stage."""

    def less(schedule: Schedule | None) -> Schedule | None:
        if schedule is None or not schedule.steps:
            return schedule
        steps, constant = (max(1, round(share * n)) for n in (schedule.steps, schedule.constant_until))
        return replace(schedule, steps=steps, constant_until=constant)

    stages = method.stages
    degradation, spectral, joint = map(less, (stages.degradation, stages.spectral, stages.joint))
    return Udaln(method.settings, replace(stages, degradation=degradation, spectral=spectral, joint=joint))


def lightning_cost(scene: Scene, rounds: int, share: float) -> dict[str, float]:
    """Seconds of stages 1 and 2, without and with Lightning, TensorBoard and checkpoints; the overhead in per cent."""
    method = shortened(udaln("no_joint"), share)
    times: dict[str, list[float]] = {"bare": [], "Lightning": []}
    for _ in range(rounds):
        bare = stages_of(method, scene)
        blocks = blocks_of(scene, scene.scale)
        times["bare"].append(sum(seconds(our_stepper(stage, blocks), stage.schedule.steps) for stage in bare))
        with TemporaryDirectory() as folder:
            chain = StageChain(stages_of(method, scene), Path(folder) / "resume.ckpt")
            trainer = make_trainer(chain, "cpu", "32-true", logger=TensorBoardLogger(folder))
            data = SceneData(scene, scene.scale)
            start = time.perf_counter()
            chain.run(trainer, data)
            times["Lightning"].append(time.perf_counter() - start)
    extra = median(with_it / without - 1 for without, with_it in zip(*times.values(), strict=True))
    return {name: median(values) for name, values in times.items()} | {"extra_percent": 100 * extra}


class Course(Callback):
    """PSNR and SAM over the seconds of training; the time of the evaluation is not counted.

    They are evaluated if there is a reference, from stage 2 on: after the first and the last call of a stage, and every
    ``every`` steps.
    """

    def __init__(self, scene: Scene, every: int) -> None:
        self.scene, self.every = scene, every
        self.points: list[dict[str, float]] = []
        self.training = self.aside = self._since = 0.0  # s
        self._looked = 0  # step

    def on_fit_start(self, *_: object) -> None:
        """Start the clock."""
        self._since, self._looked = time.perf_counter(), -self.every

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: object) -> None:
        """Stop the clock for an evaluation if one is due."""
        assert isinstance(pl_module, Stage)
        self.training += time.perf_counter() - self._since
        due = pl_module.finished or pl_module.steps_done - self._looked >= self.every
        if due and pl_module.gives_image:
            self._looked = pl_module.steps_done
            self.look(lambda: pl_module.model.fuse(self.scene).image)
        self._since = time.perf_counter()

    def look(self, fused: Callable[[], Tensor]) -> None:
        """Evaluate the current image."""
        began, truth = time.perf_counter(), self.scene.truth.image
        if truth is not None:
            image = fused()
            point = {"seconds": self.training, "psnr": float(psnr(truth, image)), "sam": float(sam(truth, image))}
            self.points.append(point)
        self.aside += time.perf_counter() - began


def course(scene: Scene, method: Method, refine: bool, seed: int, every: int) -> dict[str, Any]:
    """Fuse a scene as ``udaln.fuse`` does.

    Returns:
        ``points``: seconds of training, PSNR and SAM; ``training``: seconds of the stages, their closed forms and the
        consistency step; ``whole``: seconds from the scene to the fused image.
    """
    began = time.perf_counter()
    watch, chosen = Course(scene, every), options(method, refine=refine)
    training = Training(seed, "cpu", every=min(every, STEPS_PER_CALL), callbacks=[watch])

    def on_stage(record: StageRecord, model: Model, gives_image: bool) -> None:
        if method.needs_degradation:  # otherwise the callback has measured it
            watch.training += record.seconds
            if gives_image:
                watch.look(lambda: model.fuse(scene).image)

    _, degradation = align(scene, chosen)
    model = fit(scene, degradation, chosen, training, on_stage)
    if refine:
        start = time.perf_counter()
        image = fused(scene, model, chosen, torch.device("cpu")).estimate.image
        watch.training += time.perf_counter() - start
        watch.look(lambda: image)
    whole = time.perf_counter() - began - watch.aside
    return {"points": watch.points, "training": watch.training, "whole": whole}


def reached(points: Sequence[Mapping[str, float]], target: Mapping[str, float]) -> float | None:
    """Seconds of training until both PSNR and SAM reach the target; none if they never do."""
    good = (point for point in points if point["psnr"] >= target["psnr"] and point["sam"] <= target["sam"])
    return next((point["seconds"] for point in good), None)


def tiled(scene: Scene, side: int) -> Scene:
    """A noisy scene of ``side``² HR pixels (rounded down to whole LR pixels), from copies of a small one."""
    r, generator = scene.scale, torch.Generator().manual_seed(0)
    images = []
    for image, pixels, snr in zip((scene.lr_hsi, scene.hr_msi), (side // r, side // r * r), NOISE, strict=True):
        copies = ceil(pixels / image.shape[0])
        wide = image.float().tile(copies, copies, 1)[:pixels, :pixels]
        level = wide.square().mean((0, 1)).sqrt() * 10 ** (-snr / 20)
        images.append(torch.randn(wide.shape, generator=generator).mul_(level).add_(wide))
    return Scene(images[0], images[1], scene.support)


def sampling_stages(scene: Scene) -> dict[str, Stage[UdalnModel]]:
    """The stages with sampled blocks: those of ``stages=sampled``, and those of ``stages=paper`` with sampling."""
    stages = {}
    for name, blocks in (("sampled", None), ("paper", BLOCKS)):
        for stage in stages_of(udaln(name), scene):
            schedule = stage.schedule
            stage.schedule = replace(schedule, steps=ENDLESS, constant_until=ENDLESS, blocks=blocks or schedule.blocks)
            if schedule.steps and stage.schedule.blocks:
                stages[f"{name} {stage.name}"] = stage
    return stages


def step_against_size(scene: Scene, sides: Sequence[int], rounds: int, milliseconds: float) -> dict[str, list[float]]:
    """By stage: ms per step on scenes of several sizes, measured in turn."""
    steppers: dict[str, Stepper] = {}
    for side in sides:
        large = tiled(scene, side)
        blocks = blocks_of(large, large.scale)
        for name, stage in sampling_stages(large).items():
            if stage.schedule.init is Init.regression:
                stage.start(blocks)
            steppers[f"{name} {side}"] = our_stepper(stage, blocks)
    times = in_turn(steppers, rounds, milliseconds)
    return {name: [times[f"{name} {side}"] for side in sides] for name in sampling_stages(tiled(scene, sides[0]))}


def cost_of_fusion(scene: Scene, side: int, threads: int) -> dict[str, float]:
    """Seconds of training, and peak memory [MB] above that after all imports; call it in a process of its own."""
    torch.set_num_threads(threads)
    quiet_lightning()
    bare = peak_memory()
    found = course(tiled(scene, side), *chosen("closed_form"), seed=0, every=ENDLESS)
    return {"seconds": found["training"], "megabytes": peak_memory() - bare}


def in_fresh_process(run: Callable[..., T], *arguments: object) -> T:
    """Call a function in a new process and return its result."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(run, *arguments).result()


def peak_memory() -> float:
    """Peak memory of this process [MB]."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux, whose ru_maxrss may be the parent's
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) * 1024 / 1e6
    return getrusage(RUSAGE_SELF).ru_maxrss / 1e6  # bytes on macOS
