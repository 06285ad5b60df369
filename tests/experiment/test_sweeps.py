"""Many scenes: several runs of one command, on this machine or on a cluster."""

import json

import made_up
import numpy as np
import processes
import pytest
from hydra import compose, initialize_config_module
from omegaconf import OmegaConf

from udaln.experiment.config import typed

SCENES = ["dataset=pair", "dataset.lr_hsi=${dataset.name}/hsi.npy", "dataset.hr_msi=${dataset.name}/msi.npy"]


def composed(*words):
    with initialize_config_module("udaln.conf", version_base="1.3"):
        return compose("config", list(words), return_hydra_config=True)


LAUNCHERS = {
    "joblib": {"n_jobs": 2},
    "submitit_local": {"timeout_min": 30},
    "submitit_slurm": {
        "partition": "gpu",
        "account": "me",
        "timeout_min": 30,
        "cpus_per_task": 8,
        "gpus_per_node": 1,
        "mem_gb": 32,
        "array_parallelism": 4,
        "max_num_timeout": 3,
    },
}


@pytest.mark.parametrize("name", LAUNCHERS)
def test_launchers_go_with_the_configuration(name):
    keys = [f"hydra.launcher.{key}={value}" for key, value in LAUNCHERS[name].items()]
    config = composed(f"hydra/launcher={name}", "hydra.sweep.dir=here", *keys, *SCENES, "dataset.name=north")
    launcher = config.hydra.launcher
    assert launcher._target_.startswith("hydra_plugins.")
    assert {key: launcher[key] for key in LAUNCHERS[name]} == LAUNCHERS[name]
    if name != "joblib":
        assert launcher.submitit_folder == "here/.submitit/%j"
    dataset = typed(OmegaConf.masked_copy(config, [key for key in config if key != "hydra"])).dataset
    assert (dataset.lr_hsi, dataset.hr_msi) == ("north/hsi.npy", "north/msi.npy")


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """Three scenes side by side, one of which is not there."""
    folder = tmp_path_factory.mktemp("scenes")
    for seed, name in enumerate(("north", "south")):
        scene = made_up.scene(bands=8, seed=seed)
        (folder / name).mkdir()
        np.save(folder / name / "hsi.npy", scene.lr_hsi)
        np.save(folder / name / "msi.npy", scene.hr_msi)
    words = ["-m", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "hydra.sweep.dir=runs", "trainer=cpu", *SCENES]
    command = ["-m", "udaln", *words, "dataset.name=north,east,south"]
    return folder, processes.run(command, folder)


def test_a_mistake_is_told_and_does_not_stop_the_others(sweep):
    _, done = sweep
    assert done.returncode == 2
    *_, which, last = done.stderr.splitlines()
    assert which.startswith("[2/3] dataset=east: failed: dataset.lr_hsi: east/hsi.npy: no such file (")
    assert last.startswith("udaln: 1 of 3 runs of the sweep are not finished; go on with: udaln resume=")
    assert "Traceback" not in done.stderr and done.stderr.count("no such file") == 2  # when it was, and at the end


def test_every_scene_has_a_folder_of_its_own(sweep):
    folder, _ = sweep
    names = {path.name for path in (folder / "runs").iterdir()}
    reports = {"multirun.yaml", *(f"report.{suffix}" for suffix in ("html", "md", "csv", "tex"))}
    assert names == reports | {f"dataset-{name}" for name in ("north", "east", "south")}
    for name in ("dataset-north", "dataset-south"):
        run = folder / "runs" / name
        assert json.loads((run / "metrics.json").read_text())["dataset"] == name.split("-")[1]
        log = (run / "udaln.log").read_text()
        assert log.count("scale factor 4") == log.count("done: ") == 1  # nothing of the run beside it
        assert list((run / "tensorboard").iterdir())
