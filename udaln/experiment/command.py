"""The command ``udaln``: it composes a configuration and runs it, fuses two files, resumes a run, or inspects files."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from udaln.errors import InputError
from udaln.experiment.cli import check_arguments, one_line_errors
from udaln.experiment.comparison.command import report
from udaln.experiment.conf_files import check_stages, choices
from udaln.experiment.fuse_words import hydra_words
from udaln.experiment.objective import objective
from udaln.experiment.plugins import check_sent_words, import_plugins, is_plugins, plugins_of
from udaln.experiment.run_files import CHECKPOINT, CONFIG, METRICS
from udaln.experiment.shorthands import check_degradation, share_added
from udaln.experiment.sweeping.resume import is_sweep, words_of
from udaln.experiment.sweeping.summary import told_at_the_end
from udaln.experiment.usage import commands_to_complete, usage
from udaln.files import reading

if TYPE_CHECKING:
    from udaln.experiment.schema import Config

# What needs PyTorch, which takes seconds to import, is imported where it is called: --help, report and the completion
# in a shell do without.

RESUME = "resume="


def main() -> None:
    """Entry point of ``udaln``, ``python -m udaln`` and ``scripts/train.py``."""
    with one_line_errors(_known_keys):
        words = sys.argv[1:]
        if (text := usage(words)) is not None:
            return print(text)
        if words[:1] == ["inspect"]:
            from udaln.experiment.inspect import inspect

            return inspect(words[1:])
        if words[:1] == ["report"]:
            return report(words[1:])
        if words[:1] == ["fuse"]:
            words = hydra_words(words[1:])
        resumed = [word for word in words if word.startswith(RESUME)]
        if not resumed:
            return _start(words)
        import_plugins(plugins_of(words))
        if others := [word for word in words if word not in resumed[:1] and not is_plugins(word)]:
            raise InputError(f"resume: goes on with the run's own settings, expected no others, got {' '.join(others)}")
        folder = Path(resumed[0].removeprefix(RESUME))
        if is_sweep(folder):
            words = words_of(folder)
            check_sent_words(words)
            return _start(words)
        resume(folder)


def _known_keys() -> list[str]:
    from udaln.experiment.config import known_keys

    return known_keys()


def _start(words: list[str]) -> None:
    """Compose the configuration and run it, once or as a sweep."""
    import_plugins(plugins_of(words))
    check_arguments(words, choices())
    check_degradation(words)
    check_stages(_chosen(words, "method"), _chosen(words, "stages"))
    words = share_added(words)
    for command in commands_to_complete(words):
        print(command)
    sys.argv[1:] = words  # Hydra reads them there
    with told_at_the_end():
        _compose_and_run()


def _chosen(words: Sequence[str], group: str) -> list[str]:
    """The names that a command line chooses of a group."""
    prefix = f"{group}="
    return [name for word in words if word.startswith(prefix) for name in word.removeprefix(prefix).split(",")]


@hydra.main(version_base="1.3", config_path="pkg://udaln.conf", config_name="config")
def _compose_and_run(composed: DictConfig) -> Any:
    from udaln.experiment.config import typed
    from udaln.experiment.run import run
    from udaln.experiment.sweeping.job import run_job

    hydra_config = HydraConfig.get()
    folder = Path(hydra_config.runtime.output_dir)
    if hydra_config.mode is RunMode.MULTIRUN:
        return run_job(composed, hydra_config)
    try:
        # Here, too, since Hydra would add a line of its own. Jobs of a launcher inherit HYDRA_FULL_ERROR and pass the
        # error on to the command, which prints it when all jobs are done.
        with one_line_errors():
            config = typed(composed)
            if (folder / CHECKPOINT).exists() and _config_of(folder, "hydra.run.dir") != config:
                raise InputError(f"hydra.run.dir: expected no run with other settings there, got {folder}")
            return objective(run(config, folder), config.optimize)
    finally:
        with suppress(OSError):  # the folder is not empty
            os.removedirs(os.path.relpath(folder))


def resume(folder: Path) -> dict[str, Any]:
    """Resume an interrupted run. Model and figures are bitwise those of a run without interruption.

    Args:
        folder: The folder of the interrupted run.

    Returns:
        The content of ``metrics.json``.

    Raises:
        InputError: If there is no run in that folder, or it is finished.
    """
    from udaln.experiment.run import run

    config = _config_of(folder, "resume")
    if (folder / METRICS).exists():
        raise InputError(f"resume: expected an unfinished run, got {folder}, which is finished")
    return run(config, folder)


def _config_of(folder: Path, key: str) -> Config:
    """Read the configuration that a run wrote to its folder."""
    from udaln.experiment.config import typed

    with reading(folder / CONFIG, key=key) as file:
        composed = OmegaConf.load(file)
        assert isinstance(composed, DictConfig), "expected keys and values"
        try:
            return typed(composed, sent=True)
        except InputError as error:
            raise InputError(f"{key}: {file}: {error}") from error
