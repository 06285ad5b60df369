"""A run from Python by the words of the command line, for loops and optimizers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_module
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from udaln.errors import InputError
from udaln.experiment.cli import check_arguments, describe
from udaln.experiment.conf_files import choices
from udaln.experiment.config import known_keys, typed
from udaln.experiment.objective import objective
from udaln.experiment.plugins import import_plugins, plugins_of
from udaln.experiment.shorthands import share_added
from udaln.experiment.sweeping.job import run_or_read
from udaln.monitor.console import quiet_terminal


def run_words(words: Sequence[str], folder: str | Path, *, quiet: bool = True) -> Any:
    """Run the settings of a command line in a folder; a finished run is read, and a stopped one goes on.

    Args:
        words: Settings as on the command line, such as ``["method=udaln", "seed=1", "optimize=hqnr"]``.
        folder: Of the run.
        quiet: Whether nothing is shown on the terminal.

    Returns:
        The figure that ``optimize=`` names as a float, or the content of ``metrics.json``.

    Raises:
        InputError: If a setting is wrong, or the folder is that of a run with other settings.
    """
    import_plugins(plugins_of(words))
    check_arguments(words, choices())
    try:
        with initialize_config_module("udaln.conf", version_base="1.3"):
            config = typed(compose("config", share_added(words)))
    except (HydraException, OmegaConfBaseException) as error:
        raise InputError(describe(error, known_keys())) from error
    if not quiet:
        return objective(run_or_read(config, Path(folder))[0], config.optimize)
    with quiet_terminal():
        return objective(run_or_read(config, Path(folder))[0], config.optimize)
