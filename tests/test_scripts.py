"""The scripts on files: what they print, what they write, and one line for a mistake."""

import json
import re
import runpy
from pathlib import Path

import made_up
import numpy as np
import pytest
import scipy.io
import torch

from udaln.metrics import fusion_metrics
from udaln.results import save_networks

SCRIPTS = Path(__file__).parents[1] / "scripts"
SHAPE = (12, 8, 6)


@pytest.fixture
def script(monkeypatch, capsys):
    """Run a script as from a terminal; returns what it prints."""

    def run(name, *words):
        monkeypatch.setattr("sys.argv", [name, *words])
        runpy.run_path(str(SCRIPTS / name), run_name="__main__")
        return capsys.readouterr().out

    return run


@pytest.fixture
def refused(script, capsys):
    """Run a script that must end with one line on standard error; returns that line."""

    def run(name, *words):
        with pytest.raises(SystemExit) as caught:
            script(name, *words)
        assert caught.value.code == 2
        printed = capsys.readouterr()
        assert not printed.out
        (line,) = printed.err.splitlines()
        return line.removeprefix("udaln: ")

    return run


@pytest.fixture
def cubes(tmp_path):
    """A reference and an image near it."""
    rng = np.random.default_rng(0)
    reference = rng.uniform(0.1, 1, SHAPE).astype(np.float32)
    fused = reference + rng.normal(0, 0.01, SHAPE).astype(np.float32)
    scipy.io.savemat(tmp_path / "reference.mat", {"REF": reference, "other": reference})
    np.save(tmp_path / "fused.npy", fused)
    return tmp_path, reference, fused


def judged(folder, **more):
    named = {"reference": folder / "reference.mat", "reference_variable": "REF", "fused": folder / "fused.npy"}
    return [f"{key}={value}" for key, value in (named | {"scale": 4} | more).items()]


def test_evaluate_prints_and_writes_the_six_figures(script, cubes):
    folder, reference, fused = cubes
    printed = script("evaluate.py", *judged(folder, out=folder / "m.json"))
    metrics = fusion_metrics(4)
    metrics.update(torch.from_numpy(reference), torch.from_numpy(fused))
    expected = {name: float(value) for name, value in metrics.compute().items()}
    assert json.loads((folder / "m.json").read_text()) == expected | {"scale": 4, "zero_spectra": 0}
    rows = dict(re.findall(r"^\W*([a-z]+)\W+([\d.]+)", printed, re.MULTILINE))
    assert {name: float(value) for name, value in rows.items()} == pytest.approx(expected, rel=1e-3)
    assert "zero spectrum" not in printed


def test_evaluate_counts_the_pixels_that_have_no_angle(script, cubes):
    folder, _, fused = cubes
    fused[:3, 0] = 0
    np.save(folder / "fused.npy", fused)
    assert "sam leaves out 3 pixels with a zero spectrum" in script("evaluate.py", *judged(folder))


def test_evaluate_refuses_what_it_cannot_compare(refused, cubes):
    folder, _, fused = cubes
    np.save(folder / "small.npy", fused[1:])
    fused[0, 0, :2] = np.nan
    np.save(folder / "nan.npy", fused)
    for more, message in (
        ({"fused": folder / "absent.mat"}, f"fused: {folder / 'absent.mat'}: no such file"),
        ({"fused": folder / "small.npy"}, "fused: expected the reference's shape (12, 8, 6), got (11, 8, 6)"),
        ({"fused": folder / "nan.npy"}, f"fused: {folder / 'nan.npy'}: expected finite values, got 2 NaN or infinite"),
        ({"reference_variable": "ref"}, f"reference_variable: {folder / 'reference.mat'} holds "),
        ({"scale": 0}, "scale: expected a positive scale factor, got 0"),
        ({"scale": "five"}, "scale: expected a whole number, got "),
        ({"refrence": "x"}, "refrence: there is no such key; did you mean reference?"),
    ):
        assert refused("evaluate.py", *judged(folder, **more, out=folder / "m.json")).startswith(message)
        assert not (folder / "m.json").exists()
    assert refused("evaluate.py", "reference=x") == "expected fused=…, scale=…"


@pytest.fixture
def run(tmp_path):
    """What a run leaves, as far as ``fuse.py`` goes, and an HR-MSI of the same sensors and another size."""
    pair = made_up.scene()
    networks = made_up.networks(pair)
    folder = tmp_path / "scale=x4,seed=2"  # as a sweep names it
    save_networks(folder / "model.ckpt", networks)
    other = pair.hr_msi[3:10, :17]
    np.save(tmp_path / "hr_msi.npy", other.numpy())
    return folder, tmp_path / "hr_msi.npy", networks.fuse(other).numpy()


def test_fuse_applies_a_run_to_another_image(script, run):
    folder, hr_msi, expected = run
    out = folder.parent / "new"
    assert "7×17×12" in script("fuse.py", f"model={folder}", f"hr_msi={hr_msi}", f"out={out / 'x.mat'}")
    script("fuse.py", f"model={folder / 'model.ckpt'}", f"hr_msi={hr_msi}", f"out={out / 'x.npy'}")
    for read in (scipy.io.loadmat(out / "x.mat")["Out"], np.load(out / "x.npy")):
        assert read.dtype == np.float32
        np.testing.assert_array_equal(read, expected)
    assert sorted(path.name for path in out.iterdir()) == ["x.mat", "x.npy"]


def test_fuse_refuses_what_does_not_fit_and_leaves_nothing(refused, run):
    folder, hr_msi, _ = run
    image = np.load(hr_msi)
    wide, spoilt = folder.parent / "wide.npy", folder.parent / "nan.npy"
    np.save(wide, np.concatenate([image, image], 2))
    np.save(spoilt, np.where(image == image.max(), np.nan, image))
    out = folder.parent / "out.mat"
    for more, message in (
        ({"hr_msi": wide}, f"hr_msi: {wide}: expected 3 bands as in the model, got 6"),
        ({"hr_msi": spoilt}, f"hr_msi: {spoilt}: expected finite values, got 1 "),
        ({"hr_msi_variable": "x"}, f"hr_msi_variable: {hr_msi} holds one array without a name"),
        ({"model": folder.parent}, f"model: {folder.parent / 'model.ckpt'}: no such file"),
        ({"model": hr_msi}, f"model: {hr_msi}: expected a model.ckpt that a run left, got something else"),
        ({"out": out.with_suffix(".jpg")}, f"out: {out.with_suffix('.jpg')}: expected a .mat or .npy file"),
        ({"out": hr_msi / "x.mat"}, f"{hr_msi / 'x.mat'}: cannot be written: "),
    ):
        words = {"model": folder, "hr_msi": hr_msi, "out": out} | more
        before = sorted(folder.parent.iterdir())
        assert refused("fuse.py", *(f"{key}={value}" for key, value in words.items())).startswith(message)
        assert sorted(folder.parent.iterdir()) == before
    assert refused("fuse.py", "--help") == "expected model=…, hr_msi=…, out=…, hr_msi_variable=…, got '--help'"
