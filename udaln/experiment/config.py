"""The configuration: composed by Hydra from ``conf/`` or read from one of its files, and checked."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from udaln.errors import InputError
from udaln.experiment.cli import describe
from udaln.experiment.dataset_schema import DATASETS, Simulated, SyntheticDataset
from udaln.experiment.plugins import check_named, import_plugins
from udaln.experiment.schema import Config, PsfShape, SensorConfig
from udaln.experiment.shorthands import expand_degradation
from udaln.methods.base import Method
from udaln.methods.registry import method_class, names
from udaln.methods.training.callbacks import make_callbacks
from udaln.methods.training.schedule import Schedules
from udaln.methods.training.trainer_options import PROFILERS, REFUSED
from udaln.monitor.loggers import LOGGERS
from udaln.parts import METRICS

ACCELERATORS = ("auto", "cpu", "gpu")
PRECISIONS = ("32-true", "bf16-mixed", "16-mixed")


def typed(composed: DictConfig, *, sent: bool = False) -> Config:
    """A composed configuration, checked against the schema.

    Args:
        composed: The configuration.
        sent: Whether it is from a file that somebody else may have written. Its plugins are not imported then: they
            must have been named by the user.

    Raises:
        InputError: If a key is unknown or missing, or a value is of the wrong type or out of range; names the key.
    """
    try:
        plugins = OmegaConf.select(composed, "plugins", default=[]) or []
        check_named(plugins) if sent else import_plugins(plugins)
        composed = expand_degradation(composed)
        _check_trainer(OmegaConf.select(composed, "trainer"))
        kind = OmegaConf.select(composed, "dataset.kind")
        schema = _schema(
            kind, str(OmegaConf.select(composed, "method.name")), OmegaConf.select(composed, "stages") is not None
        )
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


def _check_trainer(trainer: Any) -> None:
    """Refuse arguments of Lightning's Trainer that stages cannot work with, with the reason."""
    for key in trainer or {}:
        if key in REFUSED:
            raise InputError(f"trainer.{key}: cannot be set: {REFUSED[key]}")


def method_of(config: Config) -> Method:
    """The method that a configuration chooses, with its settings; its schedules are shortened to ``stages.share``.

    Raises:
        InputError: If that is no share.
    """
    stages = config.stages.shortened() if isinstance(config.stages, Schedules) else config.stages
    return method_class(config.method.name)(config.method, stages)


def _schema(dataset: str, method: str, staged: bool) -> DictConfig:
    """The schema with the keys of one kind of dataset and of one method.

    Args:
        dataset: The kind.
        method: The name of the method.
        staged: Whether the configuration has ``stages``.
    """
    schema = OmegaConf.structured(Config)
    schema.dataset = OmegaConf.structured(DATASETS.get(dataset))
    chosen = method_class(method)
    schema.method = OmegaConf.structured(chosen.Settings)
    if chosen.Stages is not None:
        schema.stages = OmegaConf.structured(chosen.Stages)
    elif staged:
        raise InputError(f"stages: expected none for method={method}, which has no stages")
    assert isinstance(schema, DictConfig)
    return schema


def known_keys() -> list[str]:
    """Every key of the schema, of all datasets and methods."""
    methods = [method_class(name) for name in names()]
    groups = {
        "dataset": [dataset() for _, dataset in DATASETS.items()],
        "sensor": [SensorConfig()],
        "method": [method.Settings() for method in methods],
        "stages": [method.Stages.every() for method in methods if method.Stages is not None],
    }
    keys = set(_leaves(OmegaConf.structured(Config), ""))
    for group, choices in groups.items():
        for choice in choices:
            keys |= set(_leaves(OmegaConf.structured(choice), f"{group}."))
    return sorted(keys)


def _leaves(config: DictConfig, prefix: str) -> Iterator[str]:
    for key in map(str, config):
        child = None if OmegaConf.is_missing(config, key) else config[key]
        yield f"{prefix}{key}"
        if isinstance(child, DictConfig):
            yield from _leaves(child, f"{prefix}{key}.")


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
    _at_least("monitor.pictures", config.monitor.pictures, 1)
    _seed("seed", config.seed)
    _at_least("memory.limit", config.memory.bytes / 2**20, 1)
    _at_least("memory.sample", config.memory.sample, 400)
    _at_least("trainer.checkpoint_seconds", config.trainer.checkpoint_seconds, 0)
    _at_least("trainer.devices", config.trainer.devices, 1)
    one_of("trainer.accelerator", config.trainer.accelerator, ACCELERATORS)
    one_of("trainer.precision", config.trainer.precision, PRECISIONS)
    if config.trainer.profiler is not None:
        one_of("trainer.profiler", config.trainer.profiler, PROFILERS)
    for name in config.metrics:
        METRICS.get(name)
    make_callbacks(config.callbacks)
    LOGGERS.get(config.logger)
    method = method_class(config.method.name)(config.method, config.stages)  # messages tell the steps as they are given
    if config.degradation.shape is not PsfShape.free and not method.needs_degradation:
        raise InputError(
            f"degradation.shape: expected free for method={method.name}, which estimates the PSF itself, "
            f"got {config.degradation.shape.name}"
        )
    method.check(config.trainer.devices)
    method_of(config)  # checks the share of the stages


def one_of(key: str, value: str, allowed: Sequence[str]) -> None:
    """Check that a value is one of those allowed.

    Raises:
        InputError: If it is not; the message begins with the key.
    """
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
