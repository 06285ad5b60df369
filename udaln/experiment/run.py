"""One run: configuration → scene → method → image → figures, pictures and files."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from time import monotonic
from typing import Any

import torch
from omegaconf import OmegaConf
from pytorch_lightning.loggers import TensorBoardLogger

from udaln import pictures
from udaln.errors import InputError
from udaln.estimation.instruments import on_grid
from udaln.experiment import report, results
from udaln.experiment.check import reduced_resolution
from udaln.experiment.config import method_of
from udaln.experiment.datasets.pair import open_pair, pair_scene, sampled
from udaln.experiment.datasets.simulated import simulated_scene
from udaln.experiment.fusion import Fusion, FusionOptions, align, fit, fused, with_figures
from udaln.experiment.model_file import save_model
from udaln.experiment.schema import BadBands, Config, PairDataset, PsfShape, Refine, Source
from udaln.experiment.stream import fuse_to_files, fused_bands, output_format
from udaln.io.bad_bands import LeftOut
from udaln.io.pair import Pair
from udaln.io.partial_image import Canvas
from udaln.io.write import check_output, write_image
from udaln.methods.base import Model, StageRecord, Training
from udaln.methods.training.trainer import quiet_lightning, root_device
from udaln.monitor import FigureLog, Gallery, StageProgress
from udaln.monitor.console import print_columns, run_log
from udaln.physics.degradation import Degradation
from udaln.scene import Scene

CONFIG, CHECKPOINT, METRICS = "config.yaml", "resume.ckpt", "metrics.json"
QUICKLOOK = 1200  # pixels of its longer side, at most


def run(config: Config, folder: Path) -> dict[str, Any]:
    """One run, from the scene to the files; goes on from a checkpoint where the folder holds one.

    Args:
        config: The checked configuration.
        folder: Where everything goes.

    Returns:
        The content of ``metrics.json``.

    Raises:
        InputError: If the scene cannot be made as configured, or does not fit the other settings.
    """
    if (folder / METRICS).exists():
        raise InputError(f"hydra.run.dir: expected a folder without a finished run, got {folder}")
    quiet_lightning()
    with ExitStack() as stack:
        pair = stack.enter_context(open_pair(config)) if isinstance(config.dataset, PairDataset) else None
        job = _prepare(config, folder, pair)
        results.write_text(folder / CONFIG, OmegaConf.to_yaml(OmegaConf.structured(config)))
        log = stack.enter_context(run_log(folder / "udaln.log"))
        stack.enter_context(report.hint_at_resuming(folder, log))
        _log_scene(job, log)
        logger = TensorBoardLogger(folder, name="", version="tensorboard", default_hp_metric=False)
        monitor = _Monitor(job.scene, logger)
        model = fit(job.scene, job.degradation, job.options, _training(job, monitor), monitor.on_stage)
        fusion = _fuse(job, model, monitor)
        for line in report.estimates(fusion):
            log.info("%s", line)
        metrics = _report(job, fusion, monitor, log)
        if job.check:
            checked = reduced_resolution(model.degradation, job.scene, job.options, Training(seed=config.seed))
            report.log_check(checked, log)
            metrics |= checked
        _write(job, fusion, monitor.rows)
        metrics |= _write_images(job, fusion)
        metrics |= _settings(job) | results.versions()
        results.write_metrics(folder / METRICS, metrics)
        (folder / CHECKPOINT).unlink(missing_ok=True)
        log.info("done: %s", folder)
    return metrics


@dataclass(frozen=True)
class _Job:
    """What a run does.

    Attributes:
        config: Its configuration.
        folder: Where everything goes.
        pair: The images on disk; none of a simulated pair.
        streamed: Whether the pair is fused window by window.
        scene: What the method is fitted to.
        degradation: Of that scene, as far as it is known.
        options: How the scene is fused.
        device: Where it is fused.
        check: Whether the reduced-resolution check is done.
        image_file: The fused image.
    """

    config: Config
    folder: Path
    pair: Pair | None
    streamed: bool
    scene: Scene
    degradation: Degradation
    options: FusionOptions
    device: torch.device
    check: bool
    image_file: Path

    @property
    def filled_bands(self) -> LeftOut | None:
        """The bands left out of the scene that are filled in in the fused image."""
        dataset = self.config.dataset
        filled = isinstance(dataset, PairDataset) and dataset.bad_bands is BadBands.fill
        return self.scene.left_out if filled else None


def _prepare(config: Config, folder: Path, pair: Pair | None) -> _Job:
    """The scene and how it is fused; refuses what cannot be done before anything is written."""
    method = method_of(config)
    real, streamed = pair is not None, pair is not None and sampled(pair, config.memory)
    instruments = config.instruments.settled(real and method.tells_instruments_apart)
    if pair is None:
        scene = simulated_scene(config)
    else:
        scene, pair = pair_scene(config, pair, shift=bool(instruments.shift))
        instruments = on_grid(instruments, georeferenced=pair.grid is not None, streamed=streamed)
    image_file = folder / f"fused.{output_format(config.output, pair)}"
    check_output(image_file, key="output", georeferenced=pair is not None and pair.grid is not None)
    trust = config.trust.settled(real=real, streamed=streamed)
    options = FusionOptions(
        method,
        refine=config.refine is Refine.consistent,
        instruments=instruments,
        known_psf=config.degradation.psf is Source.known,
        known_srf=config.degradation.srf is Source.known,
        gaussian=config.degradation.shape is PsfShape.gaussian,
        kernel_size=config.scale.kernel_size,
        uncertainty=bool(trust.uncertainty),
    )
    scene, degradation = align(scene, options)
    trainer = config.trainer
    device = root_device(trainer.accelerator, trainer.precision, trainer.devices if config.stages else 1)
    return _Job(config, folder, pair, streamed, scene, degradation, options, device, bool(trust.check), image_file)


def _log_scene(job: _Job, log: logging.Logger) -> None:
    for line in report.sizes(job.scene, job.pair, streamed=job.streamed):
        log.info("%s: %s", job.config.dataset.name, line)
    if job.scene.left_out:
        for line in job.scene.left_out.lines(filled=job.filled_bands is not None):
            log.warning("%s", line)
    if (job.folder / CHECKPOINT).exists():
        log.info("going on from %s", job.folder / CHECKPOINT)


class _Monitor:
    """What watches a run: figures, pictures, and a row for each stage.

    Args:
        scene: The scene.
        logger: TensorBoard's.
    """

    def __init__(self, scene: Scene, logger: TensorBoardLogger) -> None:
        self.logger = logger
        self.figure_log, self.gallery = FigureLog(scene), Gallery(scene)
        self.rows: list[dict[str, Any]] = []
        self.steps = 0

    @property
    def callbacks(self) -> list[Any]:
        """For stages on Lightning."""
        return [self.figure_log, self.gallery, StageProgress()]

    def on_stage(self, record: StageRecord, model: Model, gives_image: bool) -> None:
        """Note a finished stage; take its figures and pictures unless Lightning's callbacks have done so."""
        self.steps += record.steps
        if record.name not in self.figure_log.stage_ends:
            self.figure_log.take(record.name, model, self.logger, self.steps, gives_image=gives_image)
            image = model.fuse(self.gallery.scene).image if gives_image else None
            self.gallery.show(self.logger, model.degradation, image, self.steps)
        self.add_row(record, self.figure_log.stage_ends[record.name])

    def add_row(self, record: StageRecord, figures: dict[str, float]) -> None:
        """Note what ``stages.csv`` holds of a stage."""
        self.rows.append({"stage": record.name, "steps": record.steps, "seconds": round(record.seconds, 3)} | figures)


def _training(job: _Job, monitor: _Monitor) -> Training:
    config = job.config
    return Training(
        seed=config.seed,
        accelerator=config.trainer.accelerator,
        precision=config.trainer.precision,
        devices=config.trainer.devices,
        every=config.monitor.every,
        checkpoint=job.folder / CHECKPOINT,
        checkpoint_seconds=config.trainer.checkpoint_seconds,
        callbacks=monitor.callbacks,
        logger=monitor.logger,
    )


def _fuse(job: _Job, model: Model, monitor: _Monitor) -> Fusion:
    """The fused image, with a row of its own where the consistency step changes it."""
    began = monotonic()
    fusion = fused(job.scene, model, job.options, job.device)
    if job.options.refine:
        seconds = monotonic() - began
        fusion = with_figures(fusion)
        monitor.add_row(StageRecord("refine", 0, seconds), fusion.figures)
        step = monitor.steps + 1
        monitor.logger.log_metrics({f"figures/{name}": value for name, value in fusion.figures.items()}, step)
        monitor.gallery.show(monitor.logger, model.degradation, fusion.estimate.image, step)
    return fusion


def _report(job: _Job, fusion: Fusion, monitor: _Monitor, log: logging.Logger) -> dict[str, Any]:
    """Show the figures of all stages; those of the last one and the times are the beginning of ``metrics.json``."""
    rows = monitor.rows
    for row in rows:
        log.debug("%s", ", ".join(f"{k}={v:.6g}" if isinstance(v, float) else f"{k}={v}" for k, v in row.items()))
    print_columns(rows, "stage")
    final = {name: value for name, value in rows[-1].items() if name not in ("stage", "steps", "seconds")}
    logged = {f"final/{name}": value for name, value in final.items()}
    monitor.logger.log_hyperparams(_hparams(job.config), logged)
    monitor.logger.finalize("success")
    times = {f"{row['stage']}_{name}": row[name] for row in rows for name in ("steps", "seconds")}
    return final | times | {"seconds": round(sum(row["seconds"] for row in rows), 3)}


def _write(job: _Job, fusion: Fusion, rows: list[dict[str, Any]]) -> None:
    """What a run leaves beside the images and the metrics, which come last, since they mark it as finished."""
    config, folder, scene = job.config, job.folder, job.scene
    degradation = fusion.model.degradation
    results.write_degradation(folder / "degradation.npz", degradation, scene.moved, fusion.noise)
    bands = fused_bands(job.pair, scene, filled=True)
    save_model(folder / "model.ckpt", job.options.method, fusion.model, scene.left_out, bands)
    results.write_stages(folder / "stages.csv", rows)
    page = pictures.overview(
        degradation,
        scene,
        fusion.estimate.image,
        f"{config.dataset.name} ×{scene.scale}",
        fusion.complete,
        sigma=fusion.estimate.deviation,
        points=[(row, column) for row, column in config.monitor.points or []],
    )
    results.write_picture(folder / "overview.png", page)


def _write_images(job: _Job, fusion: Fusion) -> dict[str, float]:
    """The fused image and its deviation, where there is one; the time that streaming took."""
    filled = job.filled_bands
    files = [job.image_file, job.image_file.with_stem("uncertainty")][: 1 + job.options.uncertainty]
    bands = fused_bands(job.pair, job.scene, filled=filled is not None)
    if job.streamed:
        assert job.pair is not None
        began, limit, quicklook = monotonic(), job.config.memory.bytes, _Quicklook(job)
        fuse_to_files(fusion.fuser, job.pair, job.scene, files, bands, job.device, filled, limit=limit, look=quicklook)
        return {"stream_seconds": round(monotonic() - began, 3)}
    pair = job.pair
    grid = None if pair is None or pair.grid is None else pair.grid.window(*job.scene.resampled)
    fusion = Fusion(fusion.scene, fusion.fuser, fusion.estimate, fusion.complete, bad_bands=filled)
    for file, image in zip(files, (fusion.image, fusion.deviation), strict=False):
        if image is not None:
            write_image(file, image, bands, grid)
    return {}


class _Quicklook:
    """Writes ``quicklook.png``: the whole of a streamed image, subsampled."""

    def __init__(self, job: _Job) -> None:
        self.file = job.folder / "quicklook.png"
        self.bands = pictures.shown_bands(job.scene)[0]
        if job.filled_bands is not None:
            self.bands = job.filled_bands.kept.nonzero().flatten()[self.bands].tolist()

    def __call__(self, image: Canvas) -> None:
        step = ceil(max(image.shape[:2]) / QUICKLOOK)
        results.write_pixels(self.file, pictures.quicklook(image.thinned(step, self.bands)))


def _settings(job: _Job) -> dict[str, Any]:
    """The settings that ``metrics.json`` names."""
    config = job.config
    return {
        "dataset": config.dataset.name,
        "scale": job.scene.scale,
        "method": config.method.name,
        "stages": None if config.stages is None else config.stages.name,
        "refine": config.refine.name,
        "seed": config.seed,
        "accelerator": config.trainer.accelerator,
        "devices": config.trainer.devices,
        "precision": config.trainer.precision,
    }


def _hparams(config: Config) -> dict[str, Any]:
    """Every setting, for TensorBoard to compare the runs of a sweep by whatever was swept."""
    settings = OmegaConf.to_container(OmegaConf.structured(config), enum_to_str=True)
    assert isinstance(settings, dict)
    return {str(group): keys for group, keys in settings.items()} | {"sensor": config.sensor and config.sensor.name}
