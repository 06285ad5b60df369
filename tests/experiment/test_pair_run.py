"""A pair on disk through the command: trained on plots, fused window by window, on the map; and killed on the way."""

import json
import sys

import made_up_pairs
import numpy as np
import processes
import pytest
import torch
from hydra.core.global_hydra import GlobalHydra
from made_up_pairs import write_raster

from udaln.experiment import command
from udaln.experiment.model_file import load_model
from udaln.io.formats import open_image

rasterio = pytest.importorskip("rasterio", reason="the extra io is not installed")

SIDES, SCALE = (62, 45), 2  # LR pixels: 6×4 tiles, 3×2 windows
CORNER = made_up_pairs.X + 60, made_up_pairs.Y - 40  # of the HR-MSI: three LR pixels to the right, two below
NM = np.linspace(430.0, 900.0, 6)
NAMES = [f"{nm:.0f} nm" for nm in NM]
WORDS = [
    "dataset=pair",
    "dataset.lr_hsi=lr.tif",
    "dataset.hr_msi=hr.tif",
    "memory.sample=400",
    "memory.limit=100MB",
    "trust.check=false",
    "instruments=alike",
    "instruments.shift=true",
    "trainer.accelerator=cpu",
    "monitor.pictures=null",
]
# The process kills itself, without a chance to tidy up, so many seconds after the first window is begun.
KILLED = """
import os, signal, sys, threading
from udaln.experiment import command
from udaln.experiment import stream

delay = float(sys.argv.pop(1))
work = stream.stream

def stream_and_die(*given):
    threading.Timer(delay, os.kill, (os.getpid(), signal.SIGKILL)).start()
    work(*given)
    threading.Event().wait()  # for the kill

stream.stream = stream_and_die
command.main()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pair")
    lr_hsi, hr_msi, _ = made_up_pairs.images(SIDES, SCALE, bands=6, msi_bands=2, snr_hsi=35, snr_msi=40)
    lr_hsi[18:28, 19:27] = np.nan
    counts = np.rint(hr_msi * 10000).astype(np.uint16)
    counts[70:80, 35:55] = 0
    write_raster(folder / "lr.tif", lr_hsi, 20.0, corner=CORNER, wavelengths=NM, fwhm=np.full(6, 80.0), names=NAMES)
    write_raster(folder / "hr.tif", counts, 10.0, corner=CORNER, nodata=0)
    with rasterio.open(folder / "hr.tif", "r+") as file:
        file.scales = [1e-4, 1e-4]
    return folder


def run(folder, *words):
    """The command, in this process; where it is not a mistake, it returns."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "argv", ["udaln", *words])
        GlobalHydra.instance().clear()
        command.main()
        GlobalHydra.instance().clear()


@pytest.fixture(scope="module")
def whole(folder):
    run(folder, *WORDS, "hydra.run.dir=whole")
    return folder / "whole"


def metrics(run):
    return json.loads((run / "metrics.json").read_text())


def test_from_files_to_a_file_on_the_map(folder, whole):
    with open_image(whole / "fused.tif", key="x") as fused, open_image(folder / "hr.tif", key="x") as hr_msi:
        assert fused.shape == (124, 90, 6) and fused.grid == hr_msi.grid
        np.testing.assert_allclose(fused.bands.wavelengths, NM, atol=1e-3)
        np.testing.assert_allclose(fused.bands.fwhm, 80)
        assert list(fused.bands.names) == NAMES
        image, given = fused.whole(), hr_msi.whole()
    with open_image(folder / "lr.tif", key="x") as opened:
        lr_hsi = opened.whole()
    empty = np.isnan(lr_hsi).any(2).repeat(2, 0).repeat(2, 1) | np.isnan(given).any(2)
    np.testing.assert_array_equal(np.isnan(image).any(2), empty)
    np.testing.assert_array_equal(np.isnan(image).all(2), empty)
    assert empty.sum() == 20 * 16 + 10 * 20
    # it is both images
    blurred = image.reshape(62, 2, 45, 2, 6).mean((1, 3))
    assert np.nanmean((blurred - lr_hsi) ** 2) < 0.1 * np.nanvar(lr_hsi)


def test_it_leaves_what_a_run_leaves_and_nothing_of_its_windows(whole):
    left = {path.name for path in whole.iterdir()}
    assert {"fused.tif", "metrics.json", "model.ckpt", "config.yaml", "udaln.log", "degradation.npz"} <= left
    assert not [name for name in left if name.endswith((".part", ".progress", ".ckpt")) and name != "model.ckpt"]
    figures = metrics(whole)
    assert figures["scale"] == 2 and figures["stream_seconds"] > 0 and "psnr" not in figures
    assert 0 < figures["lr_hsi_error"] < 0.02 and 0 < figures["hr_msi_error"] < 0.02
    log = (whole / "udaln.log").read_text()
    assert "LR-HSI 62×45×6, HR-MSI 124×90×2, scale factor 2" in log
    assert "trained on plots of 512 LR pixels in all" in log and "UTM zone 32N" in log
    model = load_model(whole / "model.ckpt")
    np.testing.assert_allclose(model.bands.wavelengths, NM, atol=1e-3)


def test_killed_while_it_streams_it_goes_on_to_the_same_bits(folder, whole):
    """At moments drawn anew each time, as long as the streaming takes."""
    moments = np.random.default_rng().uniform(0.0, 0.7 * metrics(whole)["stream_seconds"], 2)
    words = [[*WORDS, "hydra.run.dir=killed"], ["resume=killed"]]
    for moment, given in zip(moments, words, strict=True):
        died = processes.run(["-c", KILLED, moment, *given], folder)
        assert died.returncode == -9, died.stderr
        killed = folder / "killed"
        assert not (killed / "metrics.json").exists() and not (killed / "fused.tif").exists(), moments
        assert (killed / "fused.tif.part").exists()
    (killed / ".fused.tif.0123abcd.progress").touch()  # as if it was killed while it noted its progress
    run(folder, "resume=killed")
    assert (killed / "fused.tif").read_bytes() == (whole / "fused.tif").read_bytes(), moments
    first, second = (torch.load(at / "model.ckpt", weights_only=True)["state_dict"] for at in (killed, whole))
    assert all(torch.equal(value, second[name]) for name, value in first.items())
    assert {path.name for path in killed.iterdir()} == {path.name for path in whole.iterdir()}


def test_an_hr_msi_is_not_resampled_window_by_window(folder, command):
    files = [f"dataset.{name}={folder / file}" for name, file in (("lr_hsi", "lr.tif"), ("hr_msi", "hr.tif"))]
    ended = command("dataset=pair", *files, "memory.sample=400", "instruments.grid=lr_hsi", "hydra.run.dir=out")
    assert ended.status == 2 and not ended.left
    assert ended.lines == [
        "udaln: instruments.grid: expected hr_msi or auto for a pair fused window by window, got lr_hsi"
    ]
