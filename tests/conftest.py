"""What several tests share: small made-up files, configurations, and the command run inside this process."""

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from hydra import compose, initialize_config_module
from hydra.core.global_hydra import GlobalHydra

from udaln import threads
from udaln.experiment.command import main
from udaln.experiment.config import typed
from udaln.experiment.schema import Config


@dataclass(frozen=True)
class Outcome:
    """How a command ended: its exit status, its lines on standard error, and the paths that it left."""

    status: int
    lines: list[str]
    left: list[str]


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """The arrays of the tests are tiny."""
    with threads.single():
        yield


@pytest.fixture(scope="session")
def made_up_files(tmp_path_factory) -> Path:
    """A folder of images that fit each other (×4, 12 and 3 bands) and of such as nobody can use."""
    folder = tmp_path_factory.mktemp("files")
    rng = np.random.default_rng(0)
    reference = rng.uniform(0.1, 0.9, (20, 20, 12)).astype(np.float32)
    lr_hsi, hr_msi = reference[:5, :5], reference[..., :3]
    srf = np.repeat(np.eye(3), 4, axis=0)
    scipy.io.savemat(folder / "ref.mat", {"REF": reference})
    arrays = {
        "lr": lr_hsi,
        "lr_nan": np.where(np.arange(12) == 4, np.nan, lr_hsi),
        "lr_dead": np.where(np.arange(12) == 4, 0, lr_hsi),
        "lr_2_bands": lr_hsi[..., :2],
        "hr": hr_msi,
        "hr_cut": hr_msi[:18],
        "srf": srf,
        "srf_11_bands": srf[:11],
        "srf_2_msi_bands": srf[:, :2],
        "srf_empty_band": srf * [1, 0, 1],
        "psf": np.full((4, 4), 1 / 16),
        "psf_small": np.full((3, 3), 1 / 9),
        "psf_oblong": np.full((3, 4), 1 / 12),
    }
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    (folder / "garbage.mat").write_bytes(b"garbage " * 40)
    return folder


@pytest.fixture
def command(tmp_path, made_up_files, monkeypatch, capsys):
    """Runs ``udaln`` with the given words, in a fresh folder that holds the made-up files."""
    shutil.copytree(made_up_files, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> Outcome:
        before = set(tmp_path.rglob("*"))
        monkeypatch.setattr(sys, "argv", ["udaln", *words])
        GlobalHydra.instance().clear()
        capsys.readouterr()
        with pytest.raises(SystemExit) as exit_:
            main()
        left = sorted(str(path.relative_to(tmp_path)) for path in set(tmp_path.rglob("*")) - before)
        return Outcome(exit_.value.code, capsys.readouterr().err.splitlines(), left)

    yield run
    GlobalHydra.instance().clear()


@pytest.fixture(scope="session")
def configure():
    """The checked configuration that the given overrides make."""

    def configured(*overrides: str) -> Config:
        with initialize_config_module("udaln.conf", version_base="1.3"):
            return typed(compose("config", list(overrides)))

    return configured
