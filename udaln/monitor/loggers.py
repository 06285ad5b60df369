"""Where a run is recorded: Lightning's loggers by name."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import CSVLogger, Logger, MLFlowLogger, TensorBoardLogger, WandbLogger

from udaln.errors import InputError
from udaln.parts import Registry

LOGGERS: Registry[Callable[..., Logger | None]] = Registry("loggers", "logger")


def make_logger(name: str, folder: Path, settings: Mapping[str, Any]) -> Logger | None:
    """The logger of a run.

    Args:
        name: In `LOGGERS`: called with the folder and the settings.
        folder: Of the run.
        settings: Arguments of the logger.

    Returns:
        The logger; none for ``none``.

    Raises:
        InputError: If there is no such logger, its package is not installed, or it does not take the settings.
    """
    made = LOGGERS.get(name)
    try:
        return made(folder, **settings)
    except TypeError as error:
        raise InputError(f"logger_settings: {name} does not take {dict(settings)}: {error}") from error


@LOGGERS.register("tensorboard")
def tensorboard(folder: Path, **settings: Any) -> Logger:
    """Figures, pictures and texts in ``tensorboard/``."""
    return TensorBoardLogger(folder, name="", version="tensorboard", default_hp_metric=False, **settings)


@LOGGERS.register("csv")
def csv(folder: Path, **settings: Any) -> Logger:
    """Figures in ``csv/version_0/metrics.csv``; those of a run that is resumed in the next version."""
    return CSVLogger(folder, **{"name": "csv", **settings})


@LOGGERS.register("wandb")
def wandb(folder: Path, **settings: Any) -> Logger:
    """Figures in Weights & Biases, with ``offline=true`` in ``wandb/`` alone."""
    _needs("wandb", "wandb")
    return WandbLogger(**{"project": "udaln", "name": folder.name, "save_dir": folder, **settings})


@LOGGERS.register("mlflow")
def mlflow(folder: Path, **settings: Any) -> Logger:
    """Figures in MLflow, by default in ``mlflow.db``."""
    _needs("mlflow", "mlflow")
    return MLFlowLogger(
        **{
            "experiment_name": "udaln",
            "run_name": folder.name,
            "tracking_uri": f"sqlite:///{(folder / 'mlflow.db').absolute()}",
            **settings,
        }
    )


@LOGGERS.register("none")
def none(folder: Path) -> None:
    """No record but the files of the run."""


def _needs(logger: str, package: str) -> None:
    """Refuse a logger whose package is not installed."""
    try:
        importlib.import_module(package)
    except ImportError as error:
        raise InputError(f"logger: {logger} needs the package {package}: pip install 'udaln[{logger}]'") from error
