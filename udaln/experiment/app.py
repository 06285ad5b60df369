"""The command ``udaln``: from a configuration to a finished run. The only module that knows all the others."""

from __future__ import annotations

import os
import sys
import time
from contextlib import ExitStack, suppress
from math import ceil
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning import seed_everything
from pytorch_lightning.loggers import TensorBoardLogger

from udaln import pictures
from udaln.errors import InputError
from udaln.estimation.alignment import aligned
from udaln.experiment import report, results
from udaln.experiment.check import reduced_resolution
from udaln.experiment.cli import check_arguments, one_line_errors
from udaln.experiment.config import choices, known_keys, typed
from udaln.experiment.datasets.pair import open_pair, pair_scene, sampled
from udaln.experiment.datasets.simulated import simulated_scene
from udaln.experiment.fusion import Fused, build_networks, build_stages, differing, fused_image
from udaln.experiment.inspect import inspect
from udaln.experiment.schema import BadBands, Config, PairDataset, Refine
from udaln.experiment.stream import fuse_to_files, fused_bands, output_format
from udaln.files import reading
from udaln.io.bad_bands import restored
from udaln.io.pair import Pair
from udaln.io.partial_image import Canvas
from udaln.io.write import check_output, write_image
from udaln.methods.training.chain import StageChain, make_trainer
from udaln.methods.training.data import SceneData
from udaln.methods.udaln.networks import FusionNetworks
from udaln.metrics.figures import figures, without_reference
from udaln.monitor import FigureLog, Gallery, StageProgress
from udaln.monitor.console import print_columns, quiet_lightning, run_log
from udaln.physics.instruments import on_grid
from udaln.scene import Scene

CONFIG, CHECKPOINT, METRICS = "config.yaml", "resume.ckpt", "metrics.json"
QUICKLOOK = 1200  # pixels of its longer side, at most


def main() -> None:
    """Entry point of ``udaln``, ``python -m udaln`` and ``scripts/train.py``."""
    with one_line_errors(known_keys()):
        words = sys.argv[1:]
        if words[:1] == ["inspect"]:
            return inspect(words[1:])
        resumed = [word for word in words if word.startswith("resume=")]
        if not resumed:
            check_arguments(words, choices())
            _compose_and_run()
        elif others := [word for word in words if word not in resumed[:1]]:
            raise InputError(f"resume: goes on with the run's own settings, expected no others, got {' '.join(others)}")
        else:
            resume(Path(resumed[0].removeprefix("resume=")))


@hydra.main(version_base="1.3", config_path="pkg://udaln.conf", config_name="config")
def _compose_and_run(composed: DictConfig) -> dict[str, Any]:
    folder = Path(HydraConfig.get().runtime.output_dir)
    try:
        # Here too, else Hydra adds a line of its own. A launcher's jobs inherit HYDRA_FULL_ERROR and pass a mistake on
        # to the command, which tells it when all are done.
        with one_line_errors():
            config = typed(composed)
            if (folder / CHECKPOINT).exists() and _config_of(folder, "hydra.run.dir") != config:
                raise InputError(f"hydra.run.dir: expected no run with other settings there, got {folder}")
            return run(config, folder)
    finally:
        with suppress(OSError):  # there is something in it
            os.removedirs(os.path.relpath(folder))  # nothing came of it


def resume(folder: Path) -> dict[str, Any]:
    """Go on with a run that was stopped; it ends with bitwise the networks and figures of one that was not.

    Args:
        folder: What the stopped run left.

    Returns:
        The content of ``metrics.json``.

    Raises:
        InputError: If there is no run in that folder, or it is finished.
    """
    config = _config_of(folder, "resume")
    if (folder / METRICS).exists():
        raise InputError(f"resume: expected an unfinished run, got {folder}, which is finished")
    return run(config, folder)


def _config_of(folder: Path, key: str) -> Config:
    """The configuration that a run left in its folder."""
    with reading(folder / CONFIG, key=key) as file:
        composed = OmegaConf.load(file)
        assert isinstance(composed, DictConfig), "expected keys and values"
        try:
            return typed(composed)
        except InputError as error:
            raise InputError(f"{key}: {file}: {error}") from error


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
    with ExitStack() as stack:
        pair = stack.enter_context(open_pair(config)) if isinstance(config.dataset, PairDataset) else None
        return _run(config, folder, pair)


def _run(config: Config, folder: Path, pair: Pair | None) -> dict[str, Any]:
    """The same, of a pair on disk or, if there is none, of a simulated one."""
    quiet_lightning()
    instruments = differing(config.instruments, config, pair=pair is not None)
    streamed = pair is not None and sampled(pair, config.memory)
    if pair is None:
        scene = simulated_scene(config)
    else:
        scene, pair = pair_scene(config, pair, shift=bool(instruments.shift))
        instruments = on_grid(instruments, georeferenced=pair.grid is not None, streamed=streamed)
    image_file = folder / f"fused.{output_format(config.output, pair)}"
    check_output(image_file, key="output", georeferenced=pair is not None and pair.grid is not None)
    scene, kernel_size = aligned(scene, instruments, config.scale.kernel_size)
    seed_everything(config.seed, verbose=False)
    networks = build_networks(scene, config, instruments, kernel_size)
    data = SceneData(scene, networks.kernel_size, weigh=config.stages.weigh)
    checkpoint = folder / CHECKPOINT
    stages = build_stages(networks, config.stages, config.monitor.every, config.seed)
    chain = StageChain(stages, checkpoint, config.trainer.checkpoint_seconds)
    figure_log, gallery = FigureLog(scene), Gallery(scene)
    logger = TensorBoardLogger(folder, name="", version="tensorboard", default_hp_metric=False)
    trainer = make_trainer(
        chain,
        config.trainer.accelerator,
        config.trainer.precision,
        devices=config.trainer.devices if any(stage.schedule.steps for stage in stages) else 1,
        callbacks=[figure_log, gallery, StageProgress()],
        logger=logger,
    )

    results.write_text(folder / CONFIG, OmegaConf.to_yaml(OmegaConf.structured(config)))
    with run_log(folder / "udaln.log") as log, report.telling_how_to_go_on(folder, log):
        for line in report.sizes(scene, pair, streamed=streamed):
            log.info("%s: %s", config.dataset.name, line)
        for line in scene.left_out.lines(_filled(config)) if scene.left_out else []:
            log.warning("%s", line)
        if checkpoint.exists():
            log.info("going on from %s", checkpoint)
        chain.run(trainer, data, resume=checkpoint.exists())
        began = time.monotonic()
        device = trainer.strategy.root_device
        trust = config.trust.settled(real=pair is not None, streamed=streamed)
        fused = fused_image(
            networks, scene, config.refine, device, with_deviation=bool(trust.uncertainty), progress=True
        )
        for line in report.found(networks, scene, fused):
            log.info("%s", line)
        rows: list[dict[str, Any]] = [
            {"stage": stage.name, "steps": chain.steps[stage.name], "seconds": round(chain.seconds[stage.name], 3)}
            | figure_log.stage_ends[stage.name]
            for stage in stages
        ]
        if config.refine is not Refine.none:
            seconds, final = round(time.monotonic() - began, 3), figures(networks, scene, fused.image)
            final |= without_reference(networks, scene, fused.complete)
            rows.append({"stage": "refine", "steps": 0, "seconds": seconds} | final)
            step = stages[-1].global_steps_done + 1
            logger.log_metrics({f"figures/{name}": value for name, value in final.items()}, step)
            gallery.show(logger, networks, fused.image, step)
        for row in rows:
            log.debug("%s", ", ".join(f"{k}={v:.6g}" if isinstance(v, float) else f"{k}={v}" for k, v in row.items()))
        print_columns(rows, "stage")
        final = {name: value for name, value in rows[-1].items() if name not in ("stage", "steps", "seconds")}
        logger.log_hyperparams(_hparams(config), {f"final/{name}": value for name, value in final.items()})
        logger.finalize("success")
        times = {f"{row['stage']}_{name}": row[name] for row in rows for name in ("steps", "seconds")}
        metrics = final | times | {"seconds": round(sum(row["seconds"] for row in rows), 3)}
        if trust.check:
            checked = reduced_resolution(networks, scene, config, instruments, seed=config.seed)
            report.tell_check(checked, log)
            metrics |= checked
        _write(folder, config, pair, scene, networks, fused, rows)
        files = [image_file, image_file.with_stem("uncertainty")][: 1 + bool(trust.uncertainty)]
        put_back = scene.left_out if _filled(config) else None
        bands = fused_bands(pair, scene, filled=put_back is not None)
        if streamed:
            assert pair is not None
            began, limit = time.monotonic(), config.memory.bytes
            shown = pictures.shown_bands(scene)[0]
            if put_back is not None:
                shown = put_back.kept.nonzero().flatten()[shown].tolist()

            def look(canvas: Canvas) -> None:
                step = ceil(max(canvas.shape[:2]) / QUICKLOOK)
                results.write_pixels(folder / "quicklook.png", pictures.quicklook(canvas.thinned(step, shown)))

            given = networks, fused.refinement, pair, scene, files, bands, device, put_back
            fuse_to_files(*given, limit=limit, look=look)
            metrics["stream_seconds"] = round(time.monotonic() - began, 3)
        else:
            grid = None if pair is None or pair.grid is None else pair.grid.window(*scene.resampled)
            for file, image in zip(files, (fused.image, fused.deviation), strict=False):
                if image is not None:
                    write_image(file, restored(image, put_back).numpy(), bands, grid)
        results.write_metrics(folder / METRICS, metrics | _settings(config, scene) | results.versions())
        checkpoint.unlink(missing_ok=True)
        log.info("done: %s", folder)
    return metrics | _settings(config, scene) | results.versions()


def _write(
    folder: Path,
    config: Config,
    pair: Pair | None,
    scene: Scene,
    networks: FusionNetworks,
    fused: Fused,
    rows: list[dict[str, Any]],
) -> None:
    """What a run leaves beside the images and the metrics, which come last, since they mark it as finished."""
    results.write_degradation(folder / "degradation.npz", networks, scene.moved, fused.noise)
    results.save_networks(folder / "model.ckpt", networks, scene.left_out, fused_bands(pair, scene, filled=True))
    results.write_stages(folder / "stages.csv", rows)
    page = pictures.overview(
        networks,
        scene,
        fused.image,
        f"{config.dataset.name} ×{scene.scale}",
        sigma=fused.deviation,
        points=[(row, column) for row, column in config.monitor.points or []],
    )
    results.write_picture(folder / "overview.png", page)


def _filled(config: Config) -> bool:
    """Whether bands that were left out are put back into the fused image."""
    return isinstance(config.dataset, PairDataset) and config.dataset.bad_bands is BadBands.fill


def _settings(config: Config, scene: Scene) -> dict[str, Any]:
    """The settings that ``metrics.json`` names."""
    return {
        "dataset": config.dataset.name,
        "scale": scene.scale,
        "stages": config.stages.name,
        "network": config.network,
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
