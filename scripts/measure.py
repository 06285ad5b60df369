"""What ``benchmark.py`` measures: a step, Lightning's cost, time to quality, and cost against scene size."""

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

STEPS_PER_CALL = 100  # as monitor.every has it
ENDLESS = 10**9  # steps: a step's time is the same wherever in the schedule
NOISE = 40, 45  # dB, of the LR-HSI and the HR-MSI of scenes of any size: real images have some
BLOCKS = 256  # a step of the paper's stages sees, where they are made to sample
Stepper = Callable[[int], object]
T = TypeVar("T")


def against_plain_loop(scene: Scene, rounds: int, milliseconds: float) -> dict[str, dict[str, float]]:
    """By stage: ms per step of the plain loop and of ours, from the same weights; all over the whole schedule last."""
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
    """UDALN with a file of ``conf/stages``."""
    method, _ = method_preset(stages=stages)
    assert isinstance(method, Udaln)
    return method


def chosen(name: str) -> tuple[Method, bool]:
    """A method by its name or that of its stages, and whether the consistency step follows."""
    method, refine = method_preset(name) if name in names() else method_preset(stages=name)
    return method, refine is Refine.consistent


def stages_of(method: Udaln, scene: Scene) -> list[Stage[UdalnModel]]:
    """The stages of untrained networks for a scene."""
    _, degradation = align(scene, options(method))
    return method.trained_stages(method.model(degradation), STEPS_PER_CALL, seed=0)


def options(method: Method, *, refine: bool = False) -> FusionOptions:
    """A method on two images of one camera."""
    return FusionOptions(method, refine=refine, instruments=Instruments(), progress=False)


def our_stepper(stage: Stage[Any], blocks: Blocks) -> Stepper:
    """Runs so many steps of a stage as ``training_step`` does, without Lightning."""
    made = stage.configure_optimizers()
    scaler = GradScaler(enabled=False)

    def run(steps: int) -> None:
        stage.optimise(blocks, steps, made["optimizer"], made["lr_scheduler"], scaler)
        stage.steps_done += steps  # the blocks drawn follow from it

    return run


def in_turn(steppers: Mapping[str, Stepper], rounds: int, milliseconds: float) -> dict[str, float]:
    """Median ms per step of each, measured in turn, round after round: machines are shared."""
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
    """Wall time of so many steps."""
    start = time.perf_counter()
    run(steps)
    return time.perf_counter() - start


def shortened(method: Udaln, share: float) -> Udaln:
    """A method whose stages take only a share of their steps."""

    def less(schedule: Schedule | None) -> Schedule | None:
        if schedule is None or not schedule.steps:
            return schedule
        steps, constant = (max(1, round(share * n)) for n in (schedule.steps, schedule.constant_until))
        return replace(schedule, steps=steps, constant_until=constant)

    stages = method.stages
    degradation, spectral, joint = map(less, (stages.degradation, stages.spectral, stages.joint))
    return Udaln(method.settings, replace(stages, degradation=degradation, spectral=spectral, joint=joint))


def lightning_cost(scene: Scene, rounds: int, share: float) -> dict[str, float]:
    """Seconds of stages 1 and 2, bare and under Lightning with TensorBoard and checkpoints; the extra in per cent."""
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
    """PSNR and SAM against the seconds in training; taking them does not count as training.

    They are taken where there is a reference, from stage 2 on, after a stage's first call and last and each ``every``.
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
        """Stop the clock for a look where one is due."""
        assert isinstance(pl_module, Stage)
        self.training += time.perf_counter() - self._since
        due = pl_module.finished or pl_module.steps_done - self._looked >= self.every
        if due and pl_module.gives_image:
            self._looked = pl_module.steps_done
            self.look(lambda: pl_module.model.fuse(self.scene).image)
        self._since = time.perf_counter()

    def look(self, fused: Callable[[], Tensor]) -> None:
        """Take the figures of the image as it is now."""
        began, truth = time.perf_counter(), self.scene.truth.image
        if truth is not None:
            image = fused()
            point = {"seconds": self.training, "psnr": float(psnr(truth, image)), "sam": float(sam(truth, image))}
            self.points.append(point)
        self.aside += time.perf_counter() - began


def course(scene: Scene, method: Method, refine: bool, seed: int, every: int) -> dict[str, Any]:
    """Fuse a scene as ``udaln.fuse`` does.

    Returns:
        ``points``: seconds in training, PSNR and SAM; ``training``: seconds in the stages, their closed forms and
        ``refine``; ``whole``: seconds from the scene to the fused image.
    """
    began = time.perf_counter()
    watch, chosen = Course(scene, every), options(method, refine=refine)
    training = Training(seed, "cpu", every=min(every, STEPS_PER_CALL), callbacks=[watch])

    def on_stage(record: StageRecord, model: Model, gives_image: bool) -> None:
        if method.needs_degradation:  # else the callback has watched
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
    """Seconds in training until PSNR and SAM are both at least as good as the target; none if they never are."""
    good = (point for point in points if point["psnr"] >= target["psnr"] and point["sam"] <= target["sam"])
    return next((point["seconds"] for point in good), None)


def tiled(scene: Scene, side: int) -> Scene:
    """A noisy scene of ``side``² HR pixels (rounded down to whole LR pixels), of copies of a small one."""
    r, generator = scene.scale, torch.Generator().manual_seed(0)
    images = []
    for image, pixels, snr in zip((scene.lr_hsi, scene.hr_msi), (side // r, side // r * r), NOISE, strict=True):
        copies = ceil(pixels / image.shape[0])
        wide = image.float().tile(copies, copies, 1)[:pixels, :pixels]
        level = wide.square().mean((0, 1)).sqrt() * 10 ** (-snr / 20)
        images.append(torch.randn(wide.shape, generator=generator).mul_(level).add_(wide))
    return Scene(images[0], images[1], scene.support)


def sampling_stages(scene: Scene) -> dict[str, Stage[UdalnModel]]:
    """The stages that see a few blocks a step: of ``stages=sampled``, and of ``stages=paper`` made to sample."""
    stages = {}
    for name, blocks in (("sampled", None), ("paper", BLOCKS)):
        for stage in stages_of(udaln(name), scene):
            schedule = stage.schedule
            stage.schedule = replace(schedule, steps=ENDLESS, constant_until=ENDLESS, blocks=blocks or schedule.blocks)
            if schedule.steps and stage.schedule.blocks:
                stages[f"{name} {stage.name}"] = stage
    return stages


def step_against_size(scene: Scene, sides: Sequence[int], rounds: int, milliseconds: float) -> dict[str, list[float]]:
    """By stage: ms per step on a scene of each size, all measured in turn."""
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
    """Seconds in training, and the peak of memory [MB] above that of a process that has only imported; alone in it."""
    torch.set_num_threads(threads)
    quiet_lightning()
    bare = peak_memory()
    found = course(tiled(scene, side), *chosen("closed_form"), seed=0, every=ENDLESS)
    return {"seconds": found["training"], "megabytes": peak_memory() - bare}


def in_fresh_process(run: Callable[..., T], *arguments: object) -> T:
    """What a function returns in a process that has done nothing else."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(run, *arguments).result()


def peak_memory() -> float:
    """The most memory [MB] that this process has held."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux, whose ru_maxrss may be the parent's
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) * 1024 / 1e6
    return getrusage(RUSAGE_SELF).ru_maxrss / 1e6  # bytes on macOS
