"""One run: from the configuration to the fused image, figures, pictures and files."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any

from omegaconf import OmegaConf
from pytorch_lightning.loggers import Logger

from udaln import threads
from udaln.errors import InputError
from udaln.experiment import costs, provenance, report, results
from udaln.experiment.check import reduced_resolution
from udaln.experiment.dataset_schema import PairDataset
from udaln.experiment.datasets.pair_files import open_pair
from udaln.experiment.error_keys import solver_errors
from udaln.experiment.fusion import Fusion, fit, fuse_fitted, with_figures
from udaln.experiment.job import Job, prepare
from udaln.experiment.products import write_images, write_products
from udaln.experiment.run_files import CHECKPOINT, CONFIG, LOG, METRICS
from udaln.experiment.schema import Config
from udaln.files import remove_unfinished
from udaln.io.bad_bands import count_dropped_bands, describe_dropped_bands
from udaln.io.clipped import describe_clipped
from udaln.io.missing import describe_shares
from udaln.methods.base import Model, Training
from udaln.methods.training.callbacks import make_callbacks
from udaln.methods.training.trainer import quiet_lightning
from udaln.metrics.figures import of_whole_image
from udaln.monitor.console import RESULT, print_columns, run_log
from udaln.monitor.loggers import make_logger
from udaln.monitor.progress import StageProgress
from udaln.monitor.run_monitor import RunMonitor


@threads.single()
def run(config: Config, folder: Path) -> dict[str, Any]:
    """Make a scene, fuse it and write all files. If the folder holds a checkpoint, the run continues from it.

    Args:
        config: The checked configuration.
        folder: The folder of the run.

    Returns:
        The content of ``metrics.json``.

    Raises:
        InputError: If the scene cannot be made as configured, or does not fit the other settings.
    """
    if (folder / METRICS).exists():
        raise InputError(f"hydra.run.dir: expected a folder without a finished run, got {folder}")
    quiet_lightning()
    costs.reset_peak_memory()
    with ExitStack() as stack:
        stack.enter_context(solver_errors())
        files = None
        if isinstance(config.dataset, PairDataset):
            files = stack.enter_context(open_pair(config.dataset, config.scale))
        job = prepare(config, folder, files)
        remove_unfinished(folder)  # a killed run may have left some
        results.write_text(folder / CONFIG, OmegaConf.to_yaml(OmegaConf.structured(config)))
        log = stack.enter_context(run_log(folder / LOG))
        stack.enter_context(report.log_how_to_resume(folder, log))
        _log_scene(job, log)
        monitor = _monitor(job, make_logger(config.logger, folder, config.logger_settings))
        model = fit(job.aligned, job.options, _training(job, monitor), monitor.on_stage)
        fusion = _fuse(job, model, monitor)
        for line in report.estimates(fusion):
            log.info("%s", line)
        metrics = fusion.figures | _report_stages(job, monitor, log)
        if job.check:
            training = Training(seed=config.seed, callbacks=[StageProgress("check: ")])
            checked = reduced_resolution(model.degradation, job.scene, job.options, training)
            report.log_check(checked, log)
            metrics |= checked
        write_products(job, fusion, monitor.rows)
        metrics |= write_images(job, fusion)
        metrics |= count_dropped_bands(job.scene.dropped_bands, filled=job.filled_bands is not None)
        metrics |= of_whole_image(fusion.scene, fusion.estimate.image) | costs.costs(job, fusion, monitor)
        judged = report.verdict(fusion)
        metrics |= judged | _settings(job)
        monitor.finish(metrics, {"1 result": provenance.table(judged | metrics)})
        metrics |= results.versions()
        results.write_metrics(folder / METRICS, metrics)  # last, since it marks the run as finished
        (folder / CHECKPOINT).unlink(missing_ok=True)
        log.info("done: %s", folder, extra=RESULT)
        report.log_verdict(fusion, log)
    return metrics


def _log_scene(job: Job, log: logging.Logger) -> None:
    for line in report.sizes(job.scene, job.pair, streamed=job.streamed):
        log.info("%s: %s", job.config.dataset.name, line)
    for name, image in () if job.pair is None else (("LR-HSI", job.pair.lr_hsi), ("HR-MSI", job.pair.hr_msi)):
        for line in (*image.notes, *describe_shares(image), *describe_clipped(image)):
            log.warning("%s: %s", name, line)
    if job.scene.dropped_bands:
        for line in describe_dropped_bands(job.scene.dropped_bands, filled=job.filled_bands is not None):
            log.warning("%s", line)
    if (job.folder / CHECKPOINT).exists():
        log.info("continuing from %s", job.folder / CHECKPOINT)


def _monitor(job: Job, logger: Logger | None) -> RunMonitor:
    """What records the run. One that is continued is on the board with its settings already."""
    config = job.config
    continued = (job.folder / CHECKPOINT).exists()
    return RunMonitor(
        job.scene,
        logger,
        {} if continued else provenance.settings(config, job.scene.scale),
        {} if continued else provenance.texts(config),
        pictures=config.monitor.pictures,
        points=[(row, column) for row, column in config.monitor.points or []] or None,
        again=1 / job.scene.scale**2 if job.check else 0.0,  # the check trains on that many fewer pixels
        metrics=config.metrics,
    )


def _training(job: Job, monitor: RunMonitor) -> Training:
    """Where and how the method is fitted."""
    config = job.config
    return Training(
        seed=config.seed,
        accelerator=config.trainer.accelerator,
        precision=config.trainer.precision,
        devices=config.trainer.devices,
        every=config.monitor.every,
        checkpoint=job.folder / CHECKPOINT,
        checkpoint_seconds=config.trainer.checkpoint_seconds,
        callbacks=[*monitor.callbacks, *make_callbacks(config.callbacks)],
        logger=monitor.logger or False,
        trainer=config.trainer.options,
        folder=job.folder,
    )


def _fuse(job: Job, model: Model, monitor: RunMonitor) -> Fusion:
    """Fuse the scene; if there is a consistency step, its figures are recorded as those of a stage."""
    start = monotonic()
    fusion = replace(fuse_fitted(job.scene, model, job.options, job.device), warp=job.aligned.warp)
    seconds = monitor.fuse_seconds = monotonic() - start
    fusion = with_figures(fusion, job.options)
    if job.options.refine:
        monitor.on_refined(seconds, model, fusion.complete, fusion.figures)
    return fusion


def _report_stages(job: Job, monitor: RunMonitor, log: logging.Logger) -> dict[str, Any]:
    """Print the figures of all stages; return those of the last stage and the times, for ``metrics.json``."""
    rows = monitor.rows
    for row in rows:
        log.debug("%s", ", ".join(f"{k}={v:.6g}" if isinstance(v, float) else f"{k}={v}" for k, v in row.items()))
    print_columns(report.titled(rows, "stage"), "stage")
    final = {name: value for name, value in rows[-1].items() if name not in ("stage", "steps", "seconds")}
    trained = [row for row in rows if "loss" in row]
    if trained:
        final["loss"] = trained[-1]["loss"]
    times = {f"{row['stage']}_{name}": row[name] for row in rows for name in ("steps", "seconds")}
    return final | times | {"seconds": round(sum(row["seconds"] for row in rows), 3)}


def _settings(job: Job) -> dict[str, Any]:
    """The settings for ``metrics.json``."""
    config = job.config
    share = getattr(config.stages, "share", 1.0)  # none without stages
    return {
        "dataset": config.dataset.name,
        "scale": job.scene.scale,
        "method": config.method.name,
        "stages": None if config.stages is None else config.stages.name,
        "share": None if share == 1 else share,
        "refine": config.refine.name,
        "seed": config.seed,
        "accelerator": config.trainer.accelerator,
        "devices": config.trainer.devices,
        "precision": config.trainer.precision,
    }
