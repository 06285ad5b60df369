"""Whole fusions: quality against time, and time and memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from typing import Any, TypeVar

import torch
from benchmark_cases import method_by_name, options, tiled
from measure_steps import ENDLESS, STEPS_PER_CALL
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor

from udaln.experiment.fusion import fit, fuse_fitted
from udaln.experiment.preparation import align
from udaln.methods.base import Method, Model, StageRecord, Training
from udaln.methods.training.stage import Stage
from udaln.methods.training.trainer import quiet_lightning
from udaln.metrics import psnr, sam
from udaln.scene import Scene

T = TypeVar("T")


class QualityRecorder(Callback):
    """Records PSNR and SAM against the time of training, which does not include the time of recording.

    It records if the scene has a reference, from stage 2 on: after the first call of a stage, then every ``every``
    steps, and at its end.

    Args:
        scene: The scene.
        every: Optimisation steps between two points.

    Attributes:
        points: ``seconds``, ``psnr`` and ``sam``.
        training: Time of training [s].
        recording: Time of recording [s].
    """

    def __init__(self, scene: Scene, every: int) -> None:
        self.scene, self.every = scene, every
        self.points: list[dict[str, float]] = []
        self.training = self.recording = self._resumed = 0.0
        self._recorded_step = 0

    def on_fit_start(self, *_: object) -> None:
        """Start the clock."""
        self._resumed, self._recorded_step = time.perf_counter(), -self.every

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: object) -> None:
        """Stop the clock, and record if a point is due."""
        assert isinstance(pl_module, Stage)
        self.training += time.perf_counter() - self._resumed
        due = pl_module.finished or pl_module.steps_done - self._recorded_step >= self.every
        if due and pl_module.gives_image:
            self._recorded_step = pl_module.steps_done
            self.record(lambda: pl_module.model.fuse(self.scene).image)
        self._resumed = time.perf_counter()

    def record(self, fuse: Callable[[], Tensor]) -> None:
        """Record the quality of the image that a function makes."""
        start, truth = time.perf_counter(), self.scene.truth.image
        if truth is not None:
            image = fuse()
            point = {"seconds": self.training, "psnr": float(psnr(truth, image)), "sam": float(sam(truth, image))}
            self.points.append(point)
        self.recording += time.perf_counter() - start


def quality_course(scene: Scene, method: Method, refine: bool, seed: int, every: int) -> dict[str, Any]:
    """Fuse a scene as ``udaln.fuse`` does, and record the quality on the way.

    Args:
        scene: The scene.
        method: The method.
        refine: Whether the consistency step follows it.
        seed: Of the training.
        every: Optimisation steps between two points.

    Returns:
        ``points`` as of `QualityRecorder`; ``training``: seconds in the stages, closed forms and consistency step;
        ``whole``: seconds from the scene to the fused image.
    """
    start = time.perf_counter()
    recorder, how = QualityRecorder(scene, every), options(method, refine=refine)
    training = Training(seed, "cpu", every=min(every, STEPS_PER_CALL), callbacks=[recorder])

    def on_stage(record: StageRecord, model: Model, gives_image: bool) -> None:
        if method.needs_degradation:  # otherwise the callback has recorded the stage
            recorder.training += record.seconds
            if gives_image:
                recorder.record(lambda: model.fuse(scene).image)

    pair = align(scene, how)
    model = fit(pair, how, training, on_stage)
    if refine:
        refine_start = time.perf_counter()
        image = fuse_fitted(scene, model, how, torch.device("cpu")).estimate.image
        recorder.training += time.perf_counter() - refine_start
        recorder.record(lambda: image)
    whole = time.perf_counter() - start - recorder.recording
    return {"points": recorder.points, "training": recorder.training, "whole": whole}


def time_to_quality(points: Sequence[Mapping[str, float]], target: Mapping[str, float]) -> float | None:
    """Seconds of training until PSNR and SAM are both at least as good as the target; None if they never are."""
    good = (point for point in points if point["psnr"] >= target["psnr"] and point["sam"] <= target["sam"])
    return next((point["seconds"] for point in good), None)


def cost_of_fusion(scene: Scene, side: int, threads: int) -> dict[str, float]:
    """Measure time and memory of ``method=closed_form``; to be called in a process of its own.

    Args:
        scene: A small scene, which is tiled.
        side: Of the scene that is fused [HR pixels].
        threads: Of PyTorch.

    Returns:
        ``seconds`` of training, and ``megabytes`` of peak memory beyond that of a process that has only imported.
    """
    torch.set_num_threads(threads)
    quiet_lightning()
    before = peak_memory()
    course = quality_course(tiled(scene, side), *method_by_name("closed_form"), seed=0, every=ENDLESS)
    return {"seconds": course["training"], "megabytes": peak_memory() - before}


def in_fresh_process(run: Callable[..., T], *arguments: object) -> T:
    """Call a function in a process that has done nothing else."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(run, *arguments).result()


def peak_memory() -> float:
    """Peak memory of this process so far [MB]."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux, where ru_maxrss may be that of the parent
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) * 1024 / 1e6
    return getrusage(RUSAGE_SELF).ru_maxrss / 1e6  # bytes on macOS
