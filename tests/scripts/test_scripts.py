"""The scripts on files: what they print, what they write, and one line for a mistake."""

import json
import re
import runpy

import made_up
import numpy as np
import pytest
import scipy.io
import torch
from places import SCRIPTS

from udaln.metrics import fusion_metrics, quality_without_reference
from udaln.physics.simulation import gaussian_psf
from udaln.physics.windows import degrade

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
    assert json.loads((folder / "m.json").read_text()) == expected | {"scale": 4, "zero_spectra": 0, "no_data": 0}
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
    fused[0, 0, :2] = np.inf
    np.save(folder / "infinite.npy", fused)
    for more, message in (
        ({"fused": folder / "absent.mat"}, f"fused: {folder / 'absent.mat'}: no such file"),
        ({"fused": folder / "small.npy"}, "fused: expected the reference's shape (12, 8, 6), got (11, 8, 6)"),
        ({"fused": folder / "infinite.npy"}, f"fused: {folder / 'infinite.npy'}: expected finite values, got 2 "),
        ({"reference_variable": "ref"}, f"reference_variable: {folder / 'reference.mat'} holds "),
        ({"scale": 0}, "scale: expected a positive scale factor, got 0"),
        ({"scale": "five"}, "scale: expected a whole number, got "),
        ({"refrence": "x"}, "refrence: there is no such key; did you mean reference?"),
    ):
        assert refused("evaluate.py", *judged(folder, **more, out=folder / "m.json")).startswith(message)
        assert not (folder / "m.json").exists()
    assert refused("evaluate.py", "reference=x") == "expected fused=…"
    alone = [word for word in judged(folder) if not word.startswith("scale")]
    assert refused("evaluate.py", *alone) == "scale: expected a whole number beside a reference alone, got none"


@pytest.fixture
def pair(tmp_path):
    """A fused image, the pair it was made of, their PSF and SRF, in files named as their keys."""
    made = made_up.scene()
    rng = np.random.default_rng(1)
    images = {
        "fused": (made.truth.image + torch.from_numpy(rng.normal(0, 0.01, made.truth.image.shape))).numpy(),
        "reference": made.truth.image.numpy(),
        "lr_hsi": made.lr_hsi.numpy(),
        "hr_msi": made.hr_msi.numpy(),
        "psf": 3 * made.truth.psf.numpy(),  # is made to sum to 1
        "srf": 3 * made.truth.srf.numpy(),
    }
    scipy.io.savemat(tmp_path / "hr_msi.mat", {"Z": images["hr_msi"], "other": images["hr_msi"]})
    for name, image in images.items():
        np.save(tmp_path / f"{name}.npy", image)
    return tmp_path, made, {name: torch.from_numpy(image) for name, image in images.items()}


def given(folder, *keys, **more):
    return [f"{key}={value}" for key, value in ({key: folder / f"{key}.npy" for key in keys} | more).items()]


def shown(printed):
    return {name: float(value) for name, value in re.findall(r"^\W*([a-z_]+)\W+([\d.e-]+)", printed, re.MULTILINE)}


def test_evaluate_needs_no_reference(script, pair):
    folder, made, images = pair
    psf = gaussian_psf(made.scale, made.scale, made.scale)
    fused = images["fused"].double()
    expected = quality_without_reference(fused, made.lr_hsi, made.hr_msi, psf)
    expected["lr_hsi_error"] = (degrade(fused, psf, made.scale) - made.lr_hsi).abs().mean()
    words = given(folder, "fused", "lr_hsi", hr_msi=folder / "hr_msi.mat", hr_msi_variable="Z", out=folder / "m.json")
    printed = script("evaluate.py", *words)
    written = json.loads((folder / "m.json").read_text())
    assert written == pytest.approx(
        {name: float(value) for name, value in expected.items()} | {"scale": made.scale, "no_data": 0}
    )
    assert shown(printed) == pytest.approx({name: written[name] for name in expected}, rel=1e-3, abs=1e-6)
    assert f"Gaussian of FWHM {made.scale}" in " ".join(printed.split())


def test_evaluate_takes_everything_into_one_table(script, pair):
    folder, made, images = pair
    keys = ("fused", "reference", "lr_hsi", "hr_msi", "psf", "srf")
    printed = script("evaluate.py", *given(folder, *keys, scale=made.scale, out=folder / "m.json"))
    written = json.loads((folder / "m.json").read_text())
    metrics = fusion_metrics(made.scale)
    metrics.update(images["reference"], images["fused"])
    fused = images["fused"].double()
    expected = {name: float(value) for name, value in metrics.compute().items()}
    quality = quality_without_reference(fused, made.lr_hsi, made.hr_msi, made.truth.psf)
    expected |= {name: float(value) for name, value in quality.items()}
    expected["lr_hsi_error"] = float((degrade(fused, made.truth.psf, made.scale) - made.lr_hsi).abs().mean())
    expected["hr_msi_error"] = float((fused @ made.truth.srf.double() - made.hr_msi).abs().mean())
    assert written == pytest.approx(expected | {"scale": made.scale, "zero_spectra": 0, "no_data": 0})
    assert list(shown(printed)) == list(expected)
    assert "Gaussian" not in printed


def test_evaluate_leaves_out_pixels_without_data(script, pair):
    folder, made, images = pair
    fused = images["fused"].double()
    whole = shown(script("evaluate.py", *given(folder, "fused", "reference", scale=made.scale)))
    lr_error = (degrade(fused, made.truth.psf, made.scale) - made.lr_hsi).abs().flatten(0, 1)[1:-1].mean()
    hr_error = (fused @ made.truth.srf.double() - made.hr_msi).abs().flatten(0, 1)[2:-1].mean()
    images["lr_hsi"][0, 0], images["hr_msi"][0, :2], images["fused"][-1, -1] = torch.nan, torch.nan, torch.nan
    for name in ("lr_hsi", "hr_msi", "fused"):
        np.save(folder / f"{name}.npy", images[name].numpy())
    printed = script("evaluate.py", *given(folder, "fused", "reference", "lr_hsi", "hr_msi", "psf", "srf"))
    figures = shown(printed)
    assert "without data, left out of all figures: 1" in printed
    assert figures["lr_hsi_error"] == pytest.approx(float(lr_error), rel=1e-5)
    assert figures["hr_msi_error"] == pytest.approx(float(hr_error), rel=1e-5)
    for name in ("psnr", "sam", "ergas", "cc", "rmse"):  # uiqi has one window here, which is the whole image
        assert figures[name] == pytest.approx(whole[name], rel=1e-2)


def test_evaluate_refuses_a_pair_that_does_not_fit(refused, pair):
    folder, made, images = pair
    spoilt = {
        "cut": images["hr_msi"][1:],
        "infinite": images["lr_hsi"] / 0,
        "few": images["fused"][..., 1:],
        "oblong": images["psf"][1:],
        "dark": 0 * images["psf"],
        "srf_2": images["srf"][:, :2],
        "nan": images["fused"] * torch.nan,
    }
    for name, image in spoilt.items():
        np.save(folder / f"{name}.npy", image.numpy())
        spoilt[name] = folder / f"{name}.npy"
    keys = ("fused", "lr_hsi", "hr_msi", "psf", "srf")
    for more, message in (
        ({"hr_msi": spoilt["cut"]}, f"hr_msi: {spoilt['cut']}: expected an HR-MSI of r·"),
        ({"lr_hsi": spoilt["infinite"]}, f"lr_hsi: {spoilt['infinite']}: expected finite values, got "),
        ({"fused": spoilt["few"]}, "fused: expected r·"),
        ({"psf": spoilt["oblong"]}, "psf: expected k×k values with k ≥ "),
        ({"psf": spoilt["dark"]}, f"psf: {spoilt['dark']}: expected a positive sum, got 0"),
        ({"psf_variable": "P"}, f"psf_variable: {folder / 'psf.npy'} holds one array without a name"),
        ({"srf": spoilt["srf_2"]}, f"srf: {spoilt['srf_2']}: expected 3 MSI bands as in hr_msi, got 2"),
        ({"scale": made.scale + 1}, f"scale: expected {made.scale}, as the sizes of lr_hsi and hr_msi imply, got "),
        ({"reference": spoilt["nan"]}, f"reference: {spoilt['nan']}: expected finite values, got "),
    ):
        assert refused("evaluate.py", *given(folder, *keys, **more)).startswith(message)
    half = "hr_msi: expected a file, got none: lr_hsi and hr_msi go together"
    assert refused("evaluate.py", *given(folder, "fused", "lr_hsi")) == half
    neither = "psf: expected lr_hsi=… and hr_msi=… too, got neither"
    assert refused("evaluate.py", *given(folder, "fused", "reference", "psf", scale=4)) == neither
    assert refused("evaluate.py", *given(folder, "fused")) == "expected reference=…, or lr_hsi=… and hr_msi=…"
