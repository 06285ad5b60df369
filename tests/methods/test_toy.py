"""A method in one file outside of the package does all that the methods of the package do."""

import json
import os
from pathlib import Path

import made_up_pairs
import numpy as np
import processes
import pytest
import scipy.io
from made_up_pairs import write_raster
from places import ROOT, SCRIPTS

from udaln.io.formats import open_image
from udaln.methods.registry import names

PLUGIN = "plugins=[toy_regression]"
NO_PICTURES = "monitor.pictures=null"
SMALL = ["dataset.size=40", "dataset.bands=16", "trainer=cpu"]


def run(*words, cwd, script=None, status=0):
    """The command, or a script, in a process of its own that has not seen the toy."""
    program = ["-m", "udaln"] if script is None else [SCRIPTS / script]
    paths = os.pathsep.join([str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")])
    ended = processes.run([*program, *words], cwd, {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"})
    assert ended.returncode == status, ended.stderr
    return ended.stderr


def metrics(folder: Path):
    return json.loads((folder / "metrics.json").read_text())


def test_it_is_short():
    lines = (ROOT / "tests" / "toy_regression.py").read_text().splitlines()
    assert len([line for line in lines if line.strip()]) <= 40


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("toy")
    run("method=toy", "method.ridge=1e-5", PLUGIN, *SMALL, "hydra.run.dir=one", cwd=folder)
    return folder


def test_a_run_leaves_figures_pictures_and_files(folder):
    left = {path.name for path in (folder / "one").iterdir()}
    assert {"fused.mat", "overview.png", "model.ckpt", "stages.csv", "degradation.npz", "tensorboard"} <= left
    figures = metrics(folder / "one")
    assert figures["method"] == "toy" and figures["psnr"] > 30 and figures["fit_seconds"] >= 0
    assert figures["degradation_steps"] == figures["refine_steps"] == 0


def test_it_is_swept(folder):
    """By joblib, too: test_own_parts.py."""
    run("-m", "method=closed_form,toy", "refine=none", PLUGIN, *SMALL, NO_PICTURES, "hydra.sweep.dir=swept", cwd=folder)
    runs = {path.name: metrics(path)["psnr"] for path in (folder / "swept").iterdir() if path.is_dir()}
    assert set(runs) == {"method-closed_form", "method-toy"}


def test_a_stopped_run_goes_on(folder):
    (folder / "stopped").mkdir()
    (folder / "stopped" / "config.yaml").write_bytes((folder / "one" / "config.yaml").read_bytes())
    (line,) = run("resume=stopped", cwd=folder, status=2).splitlines()
    assert line.endswith(f"to run their code add {PLUGIN}")
    run("resume=stopped", PLUGIN, cwd=folder)
    images = [scipy.io.loadmat(folder / name / "fused.mat")["Out"] for name in ("one", "stopped")]
    np.testing.assert_array_equal(*images)


def test_it_is_streamed_and_its_model_applied(folder):
    lr_hsi, hr_msi, _ = made_up_pairs.images((44, 42), 2, bands=8, snr_hsi=35, snr_msi=40)
    write_raster(folder / "lr.tif", lr_hsi, 20.0)
    write_raster(folder / "hr.tif", hr_msi, 10.0)
    files = ["dataset=pair", "dataset.lr_hsi=lr.tif", "dataset.hr_msi=hr.tif", "instruments=alike"]
    stream = ["memory.sample=400", "memory.limit=100MB", "trust.check=false", "trainer=cpu", NO_PICTURES]
    run("method=toy", PLUGIN, *files, *stream, "hydra.run.dir=streamed", cwd=folder)
    assert metrics(folder / "streamed")["stream_seconds"] > 0
    model = "model=streamed"
    run(model, PLUGIN, "hr_msi=hr.tif", "out=map.tif", cwd=folder, script="fuse.py")
    run(model, PLUGIN, "hr_msi=hr.tif", "lr_hsi=lr.tif", "out=fused.tif", cwd=folder, script="fuse.py")
    images = []
    for name in ("streamed/fused.tif", "map.tif", "fused.tif"):
        with open_image(folder / name, key="x") as image:
            images.append(image.whole())
    assert all(image.shape == (88, 84, 8) and np.isfinite(image).all() for image in images)
    assert np.abs(images[2] - images[0]).mean() < 0.02 * images[0].mean()


def test_a_model_of_a_method_that_is_not_registered_is_refused(folder):
    np.save(folder / "hr.npy", np.random.default_rng(0).random((8, 8, 8)).astype(np.float32))
    said = run("model=one", "hr_msi=hr.npy", "out=x.mat", cwd=folder, script="fuse.py", status=2)
    (line,) = said.splitlines()
    methods = ", ".join(name for name in names() if name != "toy")
    assert line.startswith(f"udaln: model: one/model.ckpt: method: expected one of {methods}, got 'toy'; ")
    (line,) = run("method=toy", *SMALL, cwd=folder, status=2).splitlines()
    assert line == f"udaln: method: expected one of {methods}, got 'toy'"
