"""One job of a sweep: done before, gone on with, or run; its outcome is one line, and never stops the others."""

from __future__ import annotations

import shutil
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from udaln.errors import InputError
from udaln.experiment import results
from udaln.experiment.cli import describe
from udaln.experiment.comparison.figures import figure
from udaln.experiment.comparison.run_folder import read_run
from udaln.experiment.config import known_keys, typed
from udaln.experiment.objective import objective
from udaln.experiment.run import run
from udaln.experiment.run_files import CHECKPOINT, CONFIG, ERROR, METRICS
from udaln.experiment.schema import Config
from udaln.experiment.shorthands import without_idle_share
from udaln.experiment.sweeping.callback import register_resolver
from udaln.experiment.sweeping.names import swept_values, told
from udaln.experiment.sweeping.sweep import SweepInfo, ended_since, one_by_one
from udaln.monitor.console import duration, quiet_terminal, sweeps

_SHOWN = ("psnr", "sam", "ergas"), ("hqnr", "check_psnr", "verdict")  # with a truth, and without


def run_job(composed: DictConfig, hydra: Any) -> Any:
    """Run a job of a sweep, unless it is finished already.

    Args:
        composed: Its configuration.
        hydra: The ``hydra`` node of it.

    Returns:
        What ``optimize`` names, or else the content of ``metrics.json``; NaN or nothing if the job failed.
    """
    register_resolver()  # this process may be a launcher's
    folder, info = Path(hydra.runtime.output_dir), SweepInfo.of_job(hydra)
    if int(hydra.job.num) == 0 and one_by_one(hydra):
        sweeps.say(info.beginning(Path(str(hydra.sweep.dir)).absolute()))
    name = told(swept_values(list(hydra.overrides.task), info.keys)) or folder.name
    composed = without_idle_share(composed)
    asked = OmegaConf.select(composed, "optimize") is not None
    if int(hydra.job.num) in info.repeats:  # two jobs side by side must not write to one folder
        _tell(hydra, info, f"{name}: the same as another run of this sweep, which is done once")
        return float("nan") if asked else {}
    try:
        with quiet_terminal():
            metrics, done_before = run_or_read(typed(composed), folder)
        result = objective(metrics, OmegaConf.select(composed, "optimize"))
    except Exception as error:  # whatever it is, the others must run
        reason = _record(error, composed, folder, list(hydra.overrides.task))
        _tell(hydra, info, f"{name}: failed: {reason}")
        return float("nan") if asked else {}
    if done_before:
        _tell(hydra, info, f"{name}: finished before")
    else:
        _tell(hydra, info, f"{name}: {outcome(metrics)}{_time_left(folder.parent, info)}")
    return result


def outcome(metrics: Mapping[str, Any]) -> str:
    """The figures of a run that matter most, in a few words."""
    keys = next((keys for keys in _SHOWN if keys[0] in metrics), ())
    texts = []
    for key in keys:
        column = figure(key)
        value = metrics.get(key)
        number = column.text(float("inf") if value is None and key == "psnr" else value)
        if number:
            texts.append(f"{column.title} {number} {column.unit}".strip())
    if keys and keys[0] == "psnr" and str(metrics.get("verdict", "")).startswith("do not use"):
        texts.append("verdict do not use")
    return ", ".join([*texts, f"{metrics.get('seconds', 0):.1f} s"])


def run_or_read(config: Config, folder: Path) -> tuple[dict[str, Any], bool]:
    """Run a configuration in a folder, go on with it, or read its figures if it is finished.

    Args:
        config: The checked configuration.
        folder: Of the run.

    Returns:
        The content of ``metrics.json``, and whether it was there before.

    Raises:
        InputError: If the folder is that of a run with other settings, or the run is not possible.
    """
    (folder / ERROR).unlink(missing_ok=True)
    if (folder / METRICS).exists() or (folder / CHECKPOINT).exists():
        _check_same(folder, config)
    elif (folder / CONFIG).exists():  # stopped before there was anything to go on with
        shutil.rmtree(folder / "tensorboard", ignore_errors=True)
    found = read_run(folder)
    if found is not None and found.finished:
        return dict(found.metrics), True
    return run(config, folder), False


def _check_same(folder: Path, config: Config) -> None:
    """Refuse the folder of a run with other settings.

    Raises:
        InputError: Names the keys that differ.
    """
    try:
        loaded = OmegaConf.load(folder / CONFIG)
        assert isinstance(loaded, DictConfig)
        before = typed(loaded, sent=True)
    except (InputError, OSError, AssertionError) as error:
        why = " ".join(str(error).split())
        raise InputError(f"hydra.sweep.dir: {folder} is of another version of udaln or damaged: {why}") from error
    if differing := differing_keys(replace(before, optimize=config.optimize), config):  # the result is the same
        raise InputError(
            f"hydra.sweep.dir: expected a folder without runs of other settings; {folder} differs in "
            f"{', '.join(differing)}; remove that folder, or choose another hydra.sweep.dir"
        )


def differing_keys(one: Any, other: Any, prefix: str = "") -> list[str]:
    """The dotted keys, with both values, in which two configurations differ."""
    if is_dataclass(one) and type(one) is type(other):
        return [
            key
            for field in fields(one)
            for key in differing_keys(getattr(one, field.name), getattr(other, field.name), f"{prefix}{field.name}.")
        ]
    if one == other:
        return []
    return [f"{prefix.removesuffix('.')} ({_value(one)} there, {_value(other)} here)"]


def _value(value: Any) -> str:
    if is_dataclass(value):
        return str(getattr(value, "name", type(value).__name__))
    return value.name if isinstance(value, Enum) else "null" if value is None else str(value)


def _record(error: Exception, composed: DictConfig, folder: Path, overrides: list[str]) -> str:
    """Write why a job failed, and its settings, to its folder.

    Returns:
        The reason on one line.
    """
    users = isinstance(error, InputError | OmegaConfBaseException)
    message = describe(error, known_keys()) if users else " ".join(str(error).split())
    reason = message if users else f"{type(error).__name__}: {message}" if message else type(error).__name__
    lines = [reason, f"overrides: {' '.join(overrides)}"]
    if not users:
        lines += ["", *traceback.format_exception(error)]
    with suppress(InputError):  # a folder that cannot be written to may be the reason
        results.write_text(folder / ERROR, "\n".join(lines) + "\n")
        if not (folder / CONFIG).exists():
            results.write_text(folder / CONFIG, _yaml(composed))
    return reason


def _yaml(composed: DictConfig) -> str:
    """The settings of a job that failed, checked if they can be, since a table shows them."""
    try:
        return OmegaConf.to_yaml(OmegaConf.structured(typed(composed)))
    except InputError:
        try:
            return OmegaConf.to_yaml(composed, resolve=True)
        except OmegaConfBaseException:
            return OmegaConf.to_yaml(composed)


def _tell(hydra: Any, info: SweepInfo, line: str) -> None:
    """Print a line of a job, at once, since other processes print theirs."""
    number = int(hydra.job.num) + 1
    place = f"[{number:{len(str(info.jobs))}d}/{info.jobs}]" if info.jobs else f"[{number}]"
    sweeps.say(f"{place} {line}")


def _time_left(folder: Path, info: SweepInfo) -> str:
    """How long the rest of the sweep will take if it goes on as it did."""
    ended = ended_since(folder, info.started)
    left = info.jobs - len(info.repeats) - info.before - ended
    if left <= 0 or ended <= 0:
        return ""
    return f"; {duration((time.time() - info.started) / ended * left)} left"
