"""Loggers by name; those of packages that are not installed tell how to install them."""

import importlib.util
import sys

import pytest
from pytorch_lightning.loggers import CSVLogger, TensorBoardLogger

from udaln.errors import InputError
from udaln.monitor.loggers import LOGGERS, make_logger


def test_loggers_by_name(tmp_path):
    assert isinstance(make_logger("tensorboard", tmp_path, {}), TensorBoardLogger)
    assert isinstance(make_logger("csv", tmp_path, {}), CSVLogger)
    assert make_logger("none", tmp_path, {}) is None
    assert LOGGERS.names() == ["csv", "mlflow", "none", "tensorboard", "wandb"]


@pytest.mark.parametrize("name", ["wandb", "mlflow"])
def test_a_package_that_is_not_installed_is_named(tmp_path, monkeypatch, name):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(InputError, match=rf"^logger: {name} needs the package {name}: pip install 'udaln\[{name}\]'$"):
        make_logger(name, tmp_path, {})


def test_settings_that_a_logger_does_not_take_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"^logger_settings: csv does not take \{'projekt': 'x'\}"):
        make_logger("csv", tmp_path, {"projekt": "x"})


@pytest.mark.skipif(importlib.util.find_spec("wandb") is None, reason="needs the extra wandb")
def test_wandb_offline(tmp_path):
    logger = make_logger("wandb", tmp_path, {"offline": True})
    logger.log_metrics({"psnr": 40.0}, 1)
    logger.finalize("success")
    assert list(tmp_path.glob("wandb/offline-run-*"))
    logger.experiment.finish()


@pytest.mark.skipif(importlib.util.find_spec("mlflow") is None, reason="needs the extra mlflow")
def test_mlflow_in_a_file(tmp_path):
    logger = make_logger("mlflow", tmp_path, {})
    logger.log_metrics({"psnr": 40.0}, 1)
    logger.finalize("success")
    (measured,) = logger.experiment.get_metric_history(logger.run_id, "psnr")
    assert (measured.value, measured.step) == (40.0, 1) and (tmp_path / "mlflow.db").exists()
