"""The configuration: composed by Hydra from ``conf/`` or read from one of its files, and checked."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from importlib import resources

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from udaln.errors import InputError
from udaln.experiment.cli import describe
from udaln.experiment.schema import DATASETS, Config, Method, SensorConfig, Simulated, StagesConfig, SyntheticDataset
from udaln.methods.training.stage import Init, Schedule
from udaln.methods.udaln.speunet import SPEUNETS
from udaln.physics.instruments import Instruments

ACCELERATORS = ("auto", "cpu", "gpu")
PRECISIONS = ("32-true", "bf16-mixed", "16-mixed")
INITS = {
    "degradation": (Init.none, Init.convex, Init.gaussian),
    "spectral": (Init.none, Init.regression),
    "joint": (Init.none,),
}


def typed(composed: DictConfig) -> Config:
    """A composed configuration, checked against the schema.

    Raises:
        InputError: If a key is unknown or missing, or a value is of the wrong type or out of range; names the key.
    """
    try:
        kind = OmegaConf.select(composed, "dataset.kind")
        if kind not in DATASETS:
            raise InputError(f"dataset.kind: expected one of {', '.join(DATASETS)}, got {kind!r}")
        schema = OmegaConf.structured(Config)
        schema.dataset = OmegaConf.structured(DATASETS[kind])
        merged = OmegaConf.merge(schema, composed)
        OmegaConf.resolve(merged)
        if missing := sorted(OmegaConf.missing_keys(merged)):
            raise InputError(f"{missing[0]}: expected a value, got none; give it as {missing[0]}=…")
        config = OmegaConf.to_object(merged)
    except OmegaConfBaseException as error:
        raise InputError(describe(error, known_keys())) from error
    assert isinstance(config, Config)
    _check_ranges(config)
    return config


def known_keys() -> list[str]:
    """Every key of the schema."""
    keys = set()
    any_schedule = Schedule(lr=1, steps=1, constant_until=1)
    stages = StagesConfig(degradation=any_schedule, spectral=any_schedule, joint=any_schedule)
    for dataset in DATASETS.values():
        schema = OmegaConf.structured(Config(dataset=dataset(), sensor=SensorConfig(), stages=stages))
        keys |= set(_leaves(schema, ""))
    return sorted(keys)


def _leaves(config: DictConfig, prefix: str) -> Iterator[str]:
    for key in map(str, config):
        child = None if OmegaConf.is_missing(config, key) else config[key]
        yield f"{prefix}{key}"
        if isinstance(child, DictConfig):
            yield from _leaves(child, f"{prefix}{key}.")


def choices() -> dict[str, list[str]]:
    """The groups of ``conf/`` and the names of the files in each."""
    groups = (path for path in resources.files("udaln.conf").iterdir() if path.is_dir() and path.name[0] != "_")
    return {group.name: sorted(path.name.removesuffix(".yaml") for path in group.iterdir()) for group in groups}


def method_preset(name: str) -> Method:
    """A file of ``conf/stages`` by its name, for use without Hydra's command line.

    Raises:
        InputError: If there is none of that name.
    """
    _one_of("stages", name, choices()["stages"])
    preset = OmegaConf.create((resources.files("udaln.conf") / "stages" / f"{name}.yaml").read_text())
    assert isinstance(preset, DictConfig)
    base = [method_preset(str(entry)) for entry in preset.pop("defaults", []) if entry != "_self_"]
    method = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(Method), *base, preset))
    assert isinstance(method, Method)
    return method


def instruments_preset(name: str) -> Instruments:
    """A file of ``conf/instruments`` by its name.

    Raises:
        InputError: If there is none of that name.
    """
    _one_of("instruments", name, choices()["instruments"])
    preset = OmegaConf.create((resources.files("udaln.conf") / "instruments" / f"{name}.yaml").read_text())
    instruments = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(Instruments), preset))
    assert isinstance(instruments, Instruments)
    return instruments


def _check_ranges(config: Config) -> None:
    scale, dataset = config.scale, config.dataset
    if isinstance(dataset, SyntheticDataset):
        _seed("dataset.scene_seed", dataset.scene_seed)
    if isinstance(dataset, Simulated):
        _seed("dataset.noise_seed", dataset.noise_seed)
        for name in ("snr_hsi", "snr_msi"):
            if not math.isfinite(getattr(dataset, name) or 0):
                raise InputError(f"dataset.{name}: expected a number of dB, or null, got {getattr(dataset, name)}")
    _at_least("scale.factor", scale.factor, 2)
    _at_least("scale.kernel_size", scale.kernel_size, scale.factor or 2)
    _positive("scale.fwhm", scale.fwhm)
    _at_least("monitor.every", config.monitor.every, 1)
    _seed("seed", config.seed)
    _at_least("memory.limit", config.memory.bytes / 2**20, 1)
    _at_least("memory.sample", config.memory.sample, 400)
    _at_least("trainer.checkpoint_seconds", config.trainer.checkpoint_seconds, 0)
    _one_of("trainer.accelerator", config.trainer.accelerator, ACCELERATORS)
    _one_of("trainer.precision", config.trainer.precision, PRECISIONS)
    check_method(config)
    _at_least("trainer.devices", config.trainer.devices, 1)
    _check_shares(config.stages, config.trainer.devices)


def check_method(method: Method) -> None:
    """Refuse a method that cannot be carried out.

    Raises:
        InputError: Names the key.
    """
    stages = method.stages
    _one_of("network", method.network, list(SPEUNETS))
    schedules = {name: getattr(stages, name) for name in INITS}
    if not any(schedules.values()):
        raise InputError("stages: expected at least one of degradation, spectral and joint, got none")
    for name, schedule in schedules.items():
        if schedule:
            _positive(f"stages.{name}.lr", schedule.lr)
            if schedule.init not in INITS[name]:
                allowed = ", ".join(init.name for init in INITS[name])
                raise InputError(f"stages.{name}.init: expected {allowed}, got {schedule.init.name}")
            _at_least(f"stages.{name}.steps", schedule.steps, 0)
            _at_least(f"stages.{name}.constant_until", schedule.constant_until, 1)
            _at_least(f"stages.{name}.blocks", schedule.blocks, 1)
            _at_least(f"stages.{name}.patience", schedule.patience, 1)
            if schedule.constant_until > max(1, schedule.steps):
                raise InputError(
                    f"stages.{name}.constant_until: expected at most the {schedule.steps} steps of the stage, "
                    f"got {schedule.constant_until}"
                )
    spectral, joint = stages.spectral, stages.joint
    solved = spectral and spectral.init is Init.regression and method.network != "paper"
    if not (solved or any(schedule and schedule.steps for schedule in (spectral, joint))):
        raise InputError(
            f"network: expected steps in stages.spectral or stages.joint for {method.network}, got none; "
            "try stages=sampled"
        )


def _check_shares(stages: StagesConfig, devices: int) -> None:
    """Refuse steps that several devices cannot share."""
    for name in INITS:
        schedule: Schedule | None = getattr(stages, name)
        if devices > 1 and schedule and schedule.steps and (schedule.blocks is None or schedule.blocks < devices):
            got = "null, the whole image" if schedule.blocks is None else schedule.blocks
            raise InputError(
                f"stages.{name}.blocks: expected at least {devices}, which trainer.devices={devices} share, got {got}"
            )


def _one_of(key: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise InputError(f"{key}: expected one of {', '.join(allowed)}, got {value!r}")


def _at_least(key: str, value: float | None, least: int) -> None:
    if value is not None and not value >= least:
        raise InputError(f"{key}: expected at least {least}, got {value}")


def _positive(key: str, value: float | None) -> None:
    if value is not None and not 0 < value < math.inf:
        raise InputError(f"{key}: expected a positive number, got {value:g}")


def _seed(key: str, value: int) -> None:
    if not 0 <= value < 2**32:  # what NumPy and PyTorch both take
        raise InputError(f"{key}: expected a whole number from 0 to 2³² − 1, got {value}")
