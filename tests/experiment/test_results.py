"""What a run leaves: every file whole or not at all, and read back as it was meant."""

import csv
import json
import math

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from udaln import files
from udaln.errors import InputError
from udaln.estimation.noise import Noise
from udaln.experiment import model_file, results
from udaln.experiment.presets import method_preset
from udaln.methods.udaln.model import UdalnModel
from udaln.physics.degradation import Degradation

BANDS, MSI_BANDS = 7, 3


def networks(unit=1.0):
    support = torch.ones(BANDS, MSI_BANDS, dtype=torch.bool).tril(3).triu(-3)
    made = UdalnModel(Degradation(scale=2, kernel_size=3, support=support, unit=unit), "paper")
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return made


def save(path, model):
    model_file.save_model(path, method_preset("udaln")[0], model)


def image(bands=BANDS):
    return torch.rand(4, 6, bands, generator=torch.Generator().manual_seed(1))


WRITERS = {
    "config.yaml": lambda path: results.write_text(path, "seed: 2\n"),
    "metrics.json": lambda path: results.write_metrics(path, {"psnr": 40.0}),
    "stages.csv": lambda path: results.write_stages(path, [{"stage": "joint", "psnr": 40.0}]),
    "degradation.npz": lambda path: results.write_degradation(path, networks().degradation, (0, 0), None),
    "model.ckpt": lambda path: save(path, networks()),
    "overview.png": lambda path: results.write_picture(path, Figure()),
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_file_is_whole_or_not_there(name, tmp_path, monkeypatch):
    path = tmp_path / "run" / name
    written = []

    def disk_full(_):
        written.extend(file for file in path.parent.iterdir() if file.stat().st_size)
        raise OSError("disk full")

    with monkeypatch.context() as patched:
        patched.setattr(files.os, "fsync", disk_full)
        with pytest.raises(OSError, match="disk full"):
            WRITERS[name](path)
    assert written and path not in written  # it went to another name first
    assert not list(path.parent.iterdir())

    WRITERS[name](path)
    assert list(path.parent.iterdir()) == [path]
    assert path.stat().st_size


@pytest.mark.parametrize("noise", [None, Noise(*(torch.rand(n).double() for n in (BANDS, MSI_BANDS) * 2))])
def test_the_degradation_reads_back(tmp_path, noise):
    made = networks().degradation
    results.write_degradation(
        tmp_path / "degradation.npz", made, (2.5, -7), noise, changed=np.eye(3, dtype=bool), displacement=None
    )
    with np.load(tmp_path / "degradation.npz") as file:
        always = {"psf", "shift", "srf", "gain", "offset", "support"}
        np.testing.assert_array_equal(file["changed"], np.eye(3))
        assert set(file) == always | {"changed"} | ({"lr_hsi_noise", "hr_msi_noise"} if noise else set())
        if noise:
            np.testing.assert_array_equal(file["lr_hsi_noise"], noise.lr_hsi)
            np.testing.assert_array_equal(file["hr_msi_noise"], noise.hr_msi)
        assert file["support"].dtype == bool
        np.testing.assert_array_equal(file["psf"], made.psf)
        np.testing.assert_array_equal(file["shift"], (2.5, -7))
        np.testing.assert_array_equal(file["srf"], made.srf)
        np.testing.assert_array_equal(file["gain"], made.gain)
        np.testing.assert_array_equal(file["offset"], made.offset)
        np.testing.assert_array_equal(file["support"], made.support)


def test_stages_have_a_line_each_with_blanks_where_a_figure_is_missing(tmp_path):
    rows = [{"stage": "degradation", "lr_msi_error": 0.25}, {"stage": "joint", "lr_msi_error": 0.125, "psnr": 40.5}]
    results.write_stages(tmp_path / "stages.csv", rows)
    with (tmp_path / "stages.csv").open(newline="") as file:
        first, second = csv.DictReader(file)
    assert first == {"stage": "degradation", "lr_msi_error": "0.25", "psnr": ""}
    assert second == {"stage": "joint", "lr_msi_error": "0.125", "psnr": "40.5"}


def test_metrics_are_json_with_null_for_what_is_not_finite(tmp_path):
    path = tmp_path / "metrics.json"
    results.write_metrics(path, {"psnr": math.inf, "low": -math.inf, "cc": math.nan, "sam": 1.5, "steps": 3, "w": "×"})

    def not_json(word):
        pytest.fail(f"{word} is no JSON")

    read = json.loads(path.read_text(encoding="utf-8"), parse_constant=not_json)
    assert read == {"psnr": None, "low": None, "cc": None, "sam": 1.5, "steps": 3, "w": "×"}


@pytest.mark.parametrize("unit", [1.0, 9137.0])
def test_networks_fuse_the_same_after_a_round_trip(unit, tmp_path):
    made = networks(unit)
    save(tmp_path / "model.ckpt", made)
    read, *_ = model_file.load_model(tmp_path / "model.ckpt")
    hr_msi = unit * image(MSI_BANDS)
    assert torch.equal(read.map(hr_msi), made.map(hr_msi))
    assert torch.equal(read.sped.srf, made.sped.srf)
    assert torch.equal(read.spad.psf, made.spad.psf)
    assert (read.degradation.scale, read.degradation.kernel_size) == (2, 3)


def other_files(folder):
    """Files that are no model, by what is wrong with them."""
    whole = folder / "model.ckpt"
    save(whole, networks())
    content = torch.load(whole, weights_only=True)
    (folder / "cut.ckpt").write_bytes(whole.read_bytes()[:-100])
    (folder / "empty.ckpt").write_bytes(b"")
    (folder / "text.ckpt").write_text("not a model")
    torch.save([1, 2], folder / "list.ckpt")
    torch.save({"state_dict": {}}, folder / "lightning.ckpt")
    torch.save(content | {"format": model_file.FORMAT + 1}, folder / "newer.ckpt")
    torch.save(content | {"state_dict": {}}, folder / "hollow.ckpt")
    torch.save({"format": model_file.FORMAT}, folder / "bare.ckpt")
    torch.save(content | {"unsafe": print}, folder / "code.ckpt")
    (folder / "folder.ckpt").mkdir()
    whole.unlink()
    return sorted(folder.iterdir())


def test_other_files_are_refused_in_one_line(tmp_path):
    paths = [*other_files(tmp_path), tmp_path / "absent.ckpt"]
    assert len(paths) == 11
    for path in paths:
        with pytest.raises(InputError) as caught:
            model_file.load_model(path)
        message = str(caught.value)
        assert message.startswith(f"model: {path}: "), message
        assert "\n" not in message and len(message) < len(str(path)) + 400, message


def test_versions_name_what_decides_the_numbers():
    versions = results.versions()
    assert versions["torch_version"].split("+")[0] == torch.__version__.split("+")[0]
    assert set(versions) == {f"{n}_version" for n in ("udaln", "torch", "lightning", "torchmetrics", "python")}
