"""The script that makes pairs of any size: its files as rasterio reads them, and one line for a mistake."""

import runpy

import numpy as np
import pytest
import rasterio
import torch
from places import SCRIPTS

from udaln.io.formats import open_image
from udaln.io.srf_files import read_srf
from udaln.physics import landscape, simulation
from udaln.physics.simulation import gaussian_psf, simulate
from udaln.physics.srf import support
from udaln.physics.synthetic import synthetic_reference

SCRIPT = SCRIPTS / "make_scene.py"
BANDS, SCALE = 9, 4


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Scenes smaller than they are, for speed, and each drawn once."""
    drawn = {}

    def draw(size, bands, seed):
        if (size, bands, seed) not in drawn:
            drawn[size, bands, seed] = synthetic_reference(size, bands, seed)
        return drawn[size, bands, seed]

    monkeypatch.setattr(landscape, "STEP", 48)
    monkeypatch.setattr(landscape, "SIDE", 48 + landscape.OVERLAP)
    monkeypatch.setattr(landscape, "synthetic_reference", draw)


@pytest.fixture
def make(monkeypatch, capsys, tmp_path):
    """Run the script as from a terminal; returns the folder and what is printed."""

    def run(name="scene", **given):
        given = {"rows": 40, "columns": 32, "bands": BANDS, "scale": SCALE} | given
        words = [f"{key}={value}" for key, value in given.items() if value is not None]
        monkeypatch.setattr("sys.argv", ["make_scene.py", f"out={tmp_path / name}", *words])
        runpy.run_path(str(SCRIPT), run_name="__main__")
        return tmp_path / name, capsys.readouterr().out.removesuffix("\n")

    return run


def read(path):
    with rasterio.open(path) as file:
        scaled = file.read().astype(np.float64) * np.array(file.scales)[:, None, None]
        return np.moveaxis(scaled, 0, -1), file.profile, file.descriptions


def simulated(folder, truth, psf):
    """What `simulate` makes of a truth and the SRF that was written."""
    srf = read_srf(folder / "srf.csv", BANDS, key="srf")
    covered = torch.from_numpy(support(srf))
    return simulate(torch.from_numpy(truth), torch.from_numpy(srf.values), covered, psf, SCALE)


@pytest.mark.parametrize("given", [{}, {"kernel_size": 9, "fwhm": 5, "shift_down": 0.5, "shift_right": -1}])
def test_pair_is_that_of_the_truth(make, given):
    folder, printed = make(truth=True, **given)
    names = ["hr_msi.tif", "lr_hsi.tif", "psf.npy", "srf.csv", "truth.tif"]
    assert sorted(path.name for path in folder.iterdir()) == names
    assert printed == f"{folder}: lr_hsi.tif 10×8×9, hr_msi.tif 40×32×8, truth.tif 40×32×9, srf.csv, psf.npy"
    truth, profile, _ = read(folder / "truth.tif")
    assert profile["dtype"] == "float32"
    np.testing.assert_array_equal(truth, landscape.Landscape(32, BANDS).rows(0, 40))
    psf = torch.from_numpy(np.load(folder / "psf.npy"))
    shift = (given.get("shift_down", 0), given.get("shift_right", 0))
    expected = gaussian_psf(given.get("kernel_size", SCALE), SCALE, given.get("fwhm", SCALE), shift)
    np.testing.assert_array_equal(psf, expected)
    exact = simulated(folder, truth, psf)
    np.testing.assert_allclose(read(folder / "lr_hsi.tif")[0], exact.lr_hsi, rtol=1e-7)
    np.testing.assert_allclose(read(folder / "hr_msi.tif")[0], exact.hr_msi, rtol=1e-7)


@pytest.mark.parametrize("dtype", ["float32", "uint16"])
@pytest.mark.parametrize("format", ["tif", "img"])
def test_files_tell_where_and_what_they_are(make, format, dtype):
    folder, _ = make(format=format, dtype=dtype, truth=True, pixel=3, sensor="quickbird")
    exact = landscape.Landscape(32, BANDS)
    for name, side, wavelengths in (
        ("lr_hsi", 12, exact.wavelengths),
        ("truth", 3, exact.wavelengths),
        ("hr_msi", 3, np.array([485, 560, 660, 830])),
    ):
        path = folder / f"{name}.{format}"
        _, profile, descriptions = read(path)
        assert profile["crs"].to_epsg() == 32654
        assert profile["transform"] == rasterio.Affine(side, 0, 410000, 0, -side, 4020000)
        assert profile["dtype"] == dtype
        with open_image(path, key="x") as image:
            np.testing.assert_allclose(image.bands.wavelengths, wavelengths, atol=0.01)
            fwhm = np.full(BANDS, 75) if name != "hr_msi" else [70, 80, 60, 140]
            np.testing.assert_allclose(image.bands.fwhm, fwhm)
            if name == "truth":
                atol = 0 if dtype == "float32" else 0.5001 / 10000
                np.testing.assert_allclose(image.whole(), exact.rows(0, 40), rtol=1e-6, atol=atol)
    assert [name.split(" (")[0] for name in descriptions] == ["blue", "green", "red", "nir"]
    if format == "img":
        header = (folder / "truth.hdr").read_text()
        assert "interleave = bip" in header
        assert ("reflectance scale factor = 10000" in header) == (dtype == "uint16")
        assert "description = {\ntruth.img}" in header


def test_noise_has_the_level_asked(make):
    folder, _ = make(truth=True, rows=80, columns=80, snr_hsi=20, snr_msi=30)
    exact = simulated(folder, read(folder / "truth.tif")[0], torch.from_numpy(np.load(folder / "psf.npy")))
    for name, clean, snr in (("lr_hsi", exact.lr_hsi.numpy(), 20), ("hr_msi", exact.hr_msi.numpy(), 30)):
        error = read(folder / f"{name}.tif")[0] - clean
        measured = 10 * np.log10((clean**2).mean((0, 1)) / (error**2).mean((0, 1)))
        assert np.abs(measured - snr).max() < 10 * np.log10(np.e) * 4 * np.sqrt(2 / clean[..., 0].size)  # 4 sigma


@pytest.mark.parametrize("format", ["tif", "img"])
def test_same_arguments_same_bytes(make, monkeypatch, format):
    given = {"format": format, "truth": True, "snr_hsi": 30, "snr_msi": 30}
    first, _ = make("first", **given)
    monkeypatch.setattr(simulation, "STRIP", 24)
    monkeypatch.setattr(landscape, "WORKERS", 1)
    second, _ = make("second", **given)
    other, _ = make("other", seed=8, **given)
    for path in first.iterdir():
        assert path.read_bytes() == (second / path.name).read_bytes()
    for name in ("lr_hsi", "hr_msi", "truth"):
        assert (first / f"{name}.{format}").read_bytes() != (other / f"{name}.{format}").read_bytes()


def test_what_is_no_multiple_of_the_scale_is_cropped(make):
    folder, printed = make(rows=43, columns=34, truth=True)
    assert "truth.tif 40×32×9 (the middle of 43×34, a multiple of 4), srf.csv" in printed
    np.testing.assert_array_equal(read(folder / "truth.tif")[0], landscape.Landscape(34, BANDS).rows(1, 41)[:, 1:33])


def test_without_truth_as_with_it(make):
    first, _ = make("first", truth=True)
    second, printed = make("second")
    assert "truth.tif" not in printed
    assert not (second / "truth.tif").exists()
    assert (first / "hr_msi.tif").read_bytes() == (second / "hr_msi.tif").read_bytes()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"rows": 7}, "rows: expected at least 8, 2 LR pixels, got 7"),
        ({"columns": 0}, "columns: expected at least 8, 2 LR pixels, got 0"),
        ({"columns": None}, "expected columns=…"),
        ({"rows": "many"}, "rows: expected a whole number, got "),
        ({"bands": 7}, "bands: expected at least 8, got 7"),
        ({"seed": -1}, "seed: expected at least 0, got -1"),
        ({"scale": 1}, "scale: expected at least 2, got 1"),
        ({"kernel_size": 3}, "kernel_size: expected at least the scale factor 4, got 3"),
        ({"fwhm": 0}, "fwhm: expected a positive number, got 0"),
        ({"pixel": "inf"}, "pixel: expected a positive number, got inf"),
        ({"snr_hsi": "nan"}, "snr_hsi: expected a finite number, got nan"),
        ({"sensor": "wv2"}, "sensor: expected one of geoeye1, "),
        ({"sensor": "null"}, "sensor: expected one of geoeye1, "),
        ({"sensor": "sentinel2"}, "sensor=sentinel2: bands.B11: edges 1565–1655 nm cover none "),
        ({"format": "png"}, "format: expected one of tif, img, got 'png'"),
        ({"dtype": "int8"}, "dtype: expected one of float32, uint16, got 'int8'"),
        ({"psf": "x"}, "psf: there is no such key"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(make, capsys, tmp_path, given, message):
    with pytest.raises(SystemExit) as caught:
        make(**given)
    assert caught.value.code == 2
    printed = capsys.readouterr()
    assert not printed.out
    (line,) = printed.err.splitlines()
    assert line.startswith(f"udaln: {message}")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_is_one_line(make, capsys, tmp_path):
    (tmp_path / "scene").write_text("a file")
    with pytest.raises(SystemExit):
        make()
    assert capsys.readouterr().err.startswith(f"udaln: {tmp_path / 'scene'}: cannot be made or opened: ")


def test_an_interruption_leaves_nothing(make, monkeypatch, tmp_path):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(simulation, "row_noise", stop)
    with pytest.raises(KeyboardInterrupt):
        make(snr_msi=30)
    assert not list((tmp_path / "scene").iterdir())
