"""``udaln resume=SWEEP``: the command line of a sweep, from what Hydra wrote to its folder."""

from __future__ import annotations

import os
from pathlib import Path

from hydra.core.override_parser.types import Quote, QuotedString
from omegaconf import DictConfig, OmegaConf

from udaln.errors import InputError
from udaln.experiment.sweeping.sweep import OVERRIDE
from udaln.files import reading

MULTIRUN = "multirun.yaml"
_DIR = "hydra.sweep.dir="


def is_sweep(folder: Path) -> bool:
    """Whether a folder is that of a sweep."""
    return (folder / MULTIRUN).exists()


def words_of(folder: Path) -> list[str]:
    """The words of the command that began a sweep; its relative names start at the working directory of then.

    Args:
        folder: Of the sweep. The working directory is changed to the one that the sweep was begun in.

    Raises:
        InputError: If the file of the sweep cannot be read.
    """
    folder = folder.resolve()
    with reading(folder / MULTIRUN, key="resume") as file:
        config = OmegaConf.load(file)
        assert isinstance(config, DictConfig), "expected keys and values"
        words = [*map(str, config.hydra.overrides.task), *map(str, config.hydra.overrides.hydra)]
        directory = str(config.hydra.runtime.cwd)
    if Path(directory).is_dir():
        os.chdir(directory)
    elif any("/" in word for word in words):
        raise InputError(f"resume: {folder}: expected the working directory of the sweep, {directory}; it is not there")
    kept = [word for word in words if not word.startswith((OVERRIDE, _DIR, "hydra.mode="))]
    return ["-m", *kept, _DIR + str(QuotedString(str(folder), Quote.single).with_quotes())]
