"""Parts outside of the package: the page that shows them runs, and they are resumed, swept, compared and reloaded."""

import json
import re
import shlex
import signal

import numpy as np
import processes
import pytest
import torch
from places import ROOT, SCRIPTS

PAGE = (ROOT / "docs" / "own_parts.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"```(?:python|yaml)\n# file: (\S+)\n(.*?)```", PAGE, re.DOTALL))
COMMANDS = [
    shlex.split(line)[1:] for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()
]
IN_TURN = """
import json, runpy, sys
from hydra.core.global_hydra import GlobalHydra
from udaln.experiment.command import main
for words in json.loads(sys.argv[1]):
    words += [] if words[0] == "report" else ["monitor.pictures=null"]  # which take long
    sys.argv[1:] = words
    GlobalHydra.instance().clear()
    try:
        main()
    except SystemExit as ended:
        assert not ended.code, words
runpy.run_path("notebook.py")
"""
PARTS = ["my_network", "my_training", "my_stage", "my_metric"]
KILLER = """
import os, signal
from pytorch_lightning import Callback
from udaln.methods.training.callbacks import CALLBACKS

@CALLBACKS.register("Killer")
class Killer(Callback):
    def on_train_batch_end(self, trainer, pl_module, *_):
        if os.environ.get("KILL_AT") == f"{pl_module.name} {pl_module.steps_done}":
            os.kill(os.getpid(), signal.SIGKILL)
"""
SETTINGS = [
    *("stages=sampled", "method.network=wide", "+stages.spectral.loss=charbonnier", "+stages.joint.optimizer=nesterov"),
    *("stages.spectral={steps: 8, constant_until: 2}", "stages.joint={steps: 4, constant_until: 2}"),
    *("+stages.own.polish={steps: 8, blocks: 16}", "+stages.joint.decay=halved", "metrics=[worst_band]"),
    *(
        "+callbacks.Killer={}",
        "logger=csv",
        "monitor.pictures=null",
        "monitor.every=2",
        "trainer=cpu",
        "trainer.checkpoint_seconds=0",
    ),
    *("dataset.size=40", "dataset.bands=12"),
]
PLUGINS = f"plugins=[{','.join(PARTS)},killer]"


def ran(folder, *words, status=0, **environment):
    """A process of its own that knows no part yet; what it printed on standard error."""
    ended = processes.run(words, folder, {"OMP_NUM_THREADS": "1", **environment})
    assert ended.returncode == status, ended.stderr
    return ended.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "killer.py").write_text(KILLER)
    return folder


@pytest.mark.parametrize("name", sorted(name for name in FILES if name.endswith(".py")))
def test_each_part_is_short(name):
    assert len([line for line in FILES[name].splitlines() if line.strip()]) < 40


def test_the_page_runs(folder):
    ran(folder, "-c", IN_TURN, json.dumps(COMMANDS))
    names = ["method", "network", "training", "stage", "metric", "dataset", "experiment", "searchpath"]
    runs = {name: json.loads((folder / "runs" / name / "metrics.json").read_text()) for name in names}
    assert runs["method"]["method"] == "mean_spectrum" and runs["dataset"]["dataset"] == "ramps"
    assert runs["stage"]["polish_steps"] == 20 and "joint_steps" not in runs["stage"]
    assert runs["metric"]["worst_band"] > runs["metric"]["rmse"] and "worst_band" not in runs["network"]
    assert runs["experiment"]["stages"] == "brief" and runs["searchpath"]["psnr"] == runs["experiment"]["psnr"]
    table = (folder / "runs" / "report.html").read_text(encoding="utf-8")
    assert "worst band" in table and "mean_spectrum" in table
    scores = [
        path for path in (folder / "runs" / "metric" / "tensorboard").iterdir() if b"6 own metrics" in path.read_bytes()
    ]
    assert scores


def test_parts_are_killed_and_resumed_swept_and_reloaded(folder):
    run = ["-m", "udaln", PLUGINS, *SETTINGS]
    ran(folder, *run, "hydra.run.dir=killed", status=-signal.SIGKILL, KILL_AT="polish 6")
    (line,) = ran(folder, "-m", "udaln", "resume=killed", status=2).splitlines()
    assert line.endswith(f"to run their code add {PLUGINS}")
    ran(folder, "-m", "udaln", "resume=killed", PLUGINS)

    ran(folder, *run[:2], "-m", *run[2:], "hydra/launcher=joblib", "seed=2,3", "hydra.sweep.dir=swept")
    models = [torch.load(folder / name / "model.ckpt") for name in ("killed", "swept/seed-2", "swept/seed-3")]
    killed, same, other = (model["state_dict"] for model in models)
    assert all(torch.equal(killed[name], value) for name, value in same.items())
    assert not torch.equal(killed["speu.layers.0.weight"], other["speu.layers.0.weight"])
    assert (models[0]["method"]["network"], models[0]["stages"]["own"]["polish"]["steps"]) == ("wide", 8)
    assert "worst band" in (folder / "swept" / "report.html").read_text(encoding="utf-8")
    assert "6 own metrics/worst_band" in (folder / "killed/csv/version_1/metrics.csv").read_text().splitlines()[0]

    hr_msi = np.random.default_rng(0).random((8, 8, models[0]["support"].shape[1]))
    np.save(folder / "hr.npy", hr_msi.astype(np.float32))
    fuse = [SCRIPTS / "fuse.py", "model=killed", "hr_msi=hr.npy", "out=map.npy"]
    (line,) = ran(folder, *fuse, status=2).splitlines()
    assert "expected one of" in line and "plugins=[…]" in line
    ran(folder, *fuse, "plugins=my_network,my_training,my_stage")
    assert np.load(folder / "map.npy").shape == (8, 8, 12)
