"""``fuse.py``: a trained model on other images of the same sensors, window by window, and one line for a mistake."""

import functools
import runpy

import made_up
import made_up_fusions
import made_up_pairs
import numpy as np
import pytest
import scipy.io
import torch
from made_up_fusions import Stopped, interrupted
from made_up_pairs import write_raster
from places import SCRIPTS

from udaln.consistency.calibration import calibrated
from udaln.consistency.refinement import fit_refinement
from udaln.consistency.step import consistent
from udaln.experiment import stream
from udaln.experiment.model_file import save_model
from udaln.experiment.presets import method_preset
from udaln.io.bad_bands import fill_bad_bands
from udaln.io.formats import open_image
from udaln.io.image import Bands
from udaln.io.pair import Pair, select_bands_and_fill_gaps
from udaln.io.partial_image import PartialImage
from udaln.scene import Scene

SCRIPT = SCRIPTS / "fuse.py"
NM = np.linspace(430.0, 900.0, 8)
BANDS = Bands([f"{nm:.0f} nm" for nm in NM], NM, np.full(8, 60.0))


@pytest.fixture
def script(monkeypatch, capsys):
    """Run the script as from a terminal; returns what it prints."""

    def run(**given):
        words = [f"{key}={value}" for key, value in given.items() if value is not None]
        monkeypatch.setattr("sys.argv", ["fuse.py", *words])
        capsys.readouterr()
        runpy.run_path(str(SCRIPT), run_name="__main__")
        return capsys.readouterr().out

    return run


@pytest.fixture
def refused(script, capsys):
    """Run it with a mistake that must be one line on standard error; returns that line."""

    def run(**given):
        with pytest.raises(SystemExit) as caught:
            script(**given)
        assert caught.value.code == 2
        printed = capsys.readouterr()
        assert not printed.out
        (line,) = printed.err.splitlines()
        return line.removeprefix("udaln: ")

    return run


@pytest.fixture
def run(tmp_path):
    """What a run leaves, as far as the script goes, and an HR-MSI of the same sensors and another size."""
    pair = made_up.scene()
    networks = made_up.networks(pair)
    folder = tmp_path / "scale=x4,seed=2"  # as a sweep names it
    save_model(folder / "model.ckpt", method_preset("udaln")[0], networks)
    other = pair.hr_msi[3:10, :17]
    np.save(tmp_path / "hr_msi.npy", other.numpy())
    return folder, tmp_path / "hr_msi.npy", networks.map(other).numpy()


def test_a_run_is_applied_to_another_image(script, run):
    folder, hr_msi, expected = run
    out = folder.parent / "new"
    for model, name in ((folder, "x.mat"), (folder / "model.ckpt", "x.npy")):
        assert script(model=model, hr_msi=hr_msi, out=out / name) == f"{out / name}\n"
    for read in (scipy.io.loadmat(out / "x.mat")["Out"], np.load(out / "x.npy")):
        assert read.dtype == np.float32
        np.testing.assert_array_equal(read, expected)
    assert sorted(path.name for path in out.iterdir()) == ["x.mat", "x.npy"]


@pytest.mark.parametrize("suffix", [".tif", ".img", ".h5", ".nc", ".mat", ".npy"])
def test_any_writable_suffix_and_pixels_without_data(script, run, suffix):
    folder, hr_msi, expected = run
    image = np.load(hr_msi)
    image[2, 3, 1] = np.nan
    write_raster(folder.parent / "hr.tif", image, 10.0)
    out = folder.parent / f"x{suffix}"
    script(model=folder, hr_msi=folder.parent / "hr.tif", out=out)
    expected[2, 3] = np.nan
    with open_image(out, key="x") as read:
        np.testing.assert_allclose(read.whole(), expected, atol=1e-6)
        if suffix in (".tif", ".img"):
            assert read.grid.transform == made_up_pairs.grid(10.0).transform


def test_what_does_not_fit_is_refused_and_leaves_nothing(refused, run):
    folder, hr_msi, _ = run
    image = np.load(hr_msi)
    wide, empty = folder.parent / "wide.npy", folder.parent / "nan.npy"
    np.save(wide, np.concatenate([image, image], 2))
    np.save(empty, np.full((3, 3, 12), np.nan, np.float32))
    out = folder.parent / "out.mat"
    for more, message in (
        ({"hr_msi": wide}, f"hr_msi: {wide}: expected 3 bands as in the model, got 6"),
        ({"hr_msi": folder.parent / "no.tif"}, f"hr_msi: {folder.parent / 'no.tif'}: no such file"),
        ({"hr_msi_variable": "x"}, f"hr_msi_variable: {hr_msi} holds one array without a name"),
        ({"model": folder.parent}, f"model: {folder.parent / 'model.ckpt'}: no such file"),
        ({"model": hr_msi}, f"model: {hr_msi}: expected a model.ckpt that a run left, got something else"),
        ({"out": out.with_suffix(".jpg")}, f"out: {out.with_suffix('.jpg')}: expected one of .tif, .tiff, "),
        ({"out": hr_msi / "x.mat"}, f"out: {hr_msi / 'x.mat'}: cannot be written: "),
        ({"lr_hsi": hr_msi}, f"lr_hsi: {hr_msi}: expected 12 bands as in the model, got 3"),
        ({"lr_hsi": empty}, f"hr_msi: {hr_msi}: expected an HR-MSI of r·3×r·3 pixels "),
        ({"uncertainty": out.with_stem("u")}, "uncertainty: expected lr_hsi=… too: a map alone does not tell how "),
        ({"uncertainty": out.with_suffix(".x")}, f"uncertainty: {out.with_suffix('.x')}: expected one of .tif"),
        ({"memory_limit": "much"}, "memory_limit: expected a size such as 2GiB or 500MB, got 'much'"),
        ({"memory_sample": 0}, "memory_sample: expected at least 400, got 0"),
        ({"seed": -1}, "seed: expected at least 0, got -1"),
        ({"sed": 1}, "sed: there is no such key; did you mean seed?"),
    ):
        words = {"model": folder, "hr_msi": hr_msi, "out": out} | more
        before = sorted(folder.parent.iterdir())
        assert refused(**words).startswith(message), more
        assert sorted(folder.parent.iterdir()) == before


def test_help_tells_the_keys(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["fuse.py", "--help"])
    with pytest.raises(SystemExit):
        runpy.run_path(str(SCRIPT), run_name="__main__")
    line = capsys.readouterr().err
    assert line.startswith("udaln: expected model=…, hr_msi=…, out=…, lr_hsi=…, ") and line.endswith("got '--help'\n")


# with the LR-HSI too


@functools.cache
def sensors(bad=False):
    return made_up_fusions.made(snr=made_up_fusions.NOISE, bad=bad)


@pytest.fixture
def acquired(tmp_path):
    """A model, and another pair of the same sensors on a map; the LR-HSI lies two HR pixels below its place."""

    def made(bad=False):
        given = sensors(bad)
        method, _ = method_preset("udaln", settings={"network": "affine"})
        save_model(tmp_path / "run" / "model.ckpt", method, given.model, given.dropped_bands, BANDS)
        lr_hsi, hr_msi, _ = made_up_pairs.images((24, 22), 2, bands=8, snr_hsi=35, snr_msi=40, fwhm=1.4, shift=(2, 0))
        if bad:
            lr_hsi[..., 3], lr_hsi[..., 6], hr_msi[..., 1] = 0.3, np.nan, np.nan
        lr_hsi[8:12, 9:12] = np.nan
        files = {
            "lr_hsi": write_raster(tmp_path / "lr.tif", lr_hsi, 20.0),
            "hr_msi": write_raster(tmp_path / "hr.tif", hr_msi, 10.0),
        }
        return given, lr_hsi, hr_msi, {"model": tmp_path / "run", "out": tmp_path / "out.tif"} | files

    return made


@pytest.mark.parametrize("bad", [False, True])
def test_with_the_lr_hsi_it_is_made_consistent_with_both(script, acquired, bad):
    given, lr_hsi, hr_msi, words = acquired(bad)
    spread = words["out"].with_stem("spread")
    assert script(**words, uncertainty=spread) == f"{words['out']}\n"
    # the shift is taken out by cropping: LR row i lies on the HR rows 2i + 2 and 2i + 3
    pair = Pair(made_up_pairs.image(lr_hsi[:-1]), made_up_pairs.image(hr_msi[2:]), 2)
    y, z = select_bands_and_fill_gaps(*made_up_pairs.tensors(pair), given.dropped_bands)
    networks = given.model
    scene = Scene(y.image, z.image, networks.sped.support, lr_valid=y.valid, hr_valid=z.valid)
    refinement, _ = calibrated(networks, fit_refinement(networks, scene), scene)
    actual = consistent(networks, refinement, scene, with_deviation=True)
    for file, expected in zip((words["out"], spread), actual, strict=True):
        expected[~scene.valid] = torch.nan
        with open_image(file, key="x") as image:
            assert image.shape == (46, 44, 8)
            assert image.grid.xy(0.0, 0.0) == (made_up_pairs.X, made_up_pairs.Y - 20)
            np.testing.assert_allclose(image.bands.wavelengths, NM, atol=1e-3)
            whole = fill_bad_bands(expected, given.dropped_bands).numpy()
            np.testing.assert_allclose(image.whole(), whole, rtol=0, atol=5e-6)


def test_a_stopped_call_goes_on_where_it_was(script, acquired, monkeypatch):
    _, _, _, words = acquired()
    words |= {"memory_limit": "1MB", "out": words["model"] / "out.npy"}  # in the run's own folder
    del words["lr_hsi"]
    script(**words | {"out": words["model"].parent / "whole.npy"})
    interrupted(monkeypatch, PartialImage, "write", 2)
    with pytest.raises(Stopped):
        script(**words)
    assert not words["out"].exists()
    monkeypatch.undo()
    written = interrupted(monkeypatch, PartialImage, "write", None)
    script(**words)
    assert len(written) == 5  # of six: 48×44 HR pixels
    assert words["out"].read_bytes() == (words["model"].parent / "whole.npy").read_bytes()
    assert sorted(path.name for path in words["model"].iterdir()) == ["model.ckpt", "out.npy"]


@pytest.mark.parametrize("changed", ["hr_msi", "model", "words"])
def test_a_call_with_something_else_begins_anew(script, acquired, monkeypatch, changed):
    given, _, hr_msi, words = acquired()
    words |= {"memory_limit": "1MB"}
    del words["lr_hsi"]
    interrupted(monkeypatch, stream, "write_image", 1)
    with pytest.raises(Stopped):
        script(**words)
    monkeypatch.undo()
    if changed == "hr_msi":
        write_raster(words["hr_msi"], hr_msi[:, ::-1], 10.0)
    elif changed == "model":
        save_model(words["model"] / "model.ckpt", method_preset("udaln")[0], made_up.networks(given.scene), None, BANDS)
    else:
        words |= {"seed": 3}
    written = interrupted(monkeypatch, PartialImage, "write", None)
    script(**words)
    assert len(written) == 6


def test_a_pair_that_cannot_be_used_is_one_line(refused, acquired):
    _, lr_hsi, hr_msi, words = acquired()
    lr, hr = (words[name] for name in ("lr_hsi", "hr_msi"))
    write_raster(lr, np.full_like(lr_hsi, np.nan), 20.0)
    message = f"lr_hsi: {lr}: expected data on the ground of the HR-MSI, got almost none"
    assert refused(**words) == message
    write_raster(lr, lr_hsi[..., :7], 20.0)
    assert refused(**words) == f"lr_hsi: {lr}: expected 8 bands as in the model, got 7"
    write_raster(lr, lr_hsi, 40.0)
    assert refused(**words).startswith(f"lr_hsi: {lr}: expected a scale factor of 2, got 4")
    write_raster(lr, lr_hsi, 19.0)
    assert refused(**words).endswith("; resample=true brings it onto that grid")
    write_raster(lr, np.where(np.arange(8) == 2, 0, lr_hsi), 20.0)
    assert refused(**words).startswith(f"lr_hsi: {lr}: expected a signal in every band, got only zeros in band 2 ")
    write_raster(hr, hr_msi[..., :2], 10.0)
    assert refused(**words) == f"hr_msi: {hr}: expected 3 bands as in the model, got 2"
    assert not words["out"].exists()
