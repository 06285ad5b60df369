"""From files of every layout to the scene that they hold."""

import csv
from fnmatch import fnmatchcase

import h5py
import numpy as np
import pytest
import scipy.io
import torch
from places import SHARED

from udaln.errors import InputError
from udaln.experiment.dataset_schema import PairDataset
from udaln.experiment.datasets.pair import pair_scene
from udaln.experiment.datasets.pair_files import open_pair
from udaln.experiment.datasets.simulated import simulated_scene
from udaln.physics.srf import normalise, srf_from_edges, support

SRF = np.repeat(np.eye(3), 4, axis=0) * np.tile([[1.0], [3.0], [2.0], [1.0]], (3, 1))  # 12 bands, 3 MSI bands


def cube(*shape):
    return np.random.default_rng(0).uniform(0.1, 0.9, shape).astype(np.float32)


def gaussian(side):
    """A sampled Gaussian whose full width at half maximum is its side."""
    squares = (np.arange(side) - (side - 1) / 2) ** 2
    psf = np.exp(-(squares[:, None] + squares) / (2 * (side / 2.35482) ** 2))
    return psf / psf.sum()


def simulated(reference, srf, scale):
    """Wald's protocol in plain NumPy, for sizes that divide."""
    rows, columns, bands = reference.shape
    blocks = reference.astype(float).reshape(rows // scale, scale, columns // scale, scale, bands)
    return np.einsum("iajbc,ab->ijc", blocks, gaussian(scale)), reference.astype(float) @ (srf / srf.sum(0))


def load_scene(config):
    if not isinstance(config.dataset, PairDataset):
        return simulated_scene(config)
    with open_pair(config.dataset, config.scale) as files:
        return pair_scene(config, files)[0]


@pytest.fixture
def in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def reference(in_folder):
    """A reference cube and its SRF, on disk."""
    image = cube(20, 16, 12)
    scipy.io.savemat("ref.mat", {"REF": image})
    np.save("srf.npy", SRF)
    return image


@pytest.fixture
def pair(in_folder):
    """A pair, ×4, with all that may be known of its sensors, on disk."""
    lr_hsi, hr_msi = cube(5, 4, 12), cube(20, 16, 3)
    np.save("lr.npy", lr_hsi)
    scipy.io.savemat("hr.mat", {"Z": hr_msi, "other": cube(3, 3, 3)})
    np.save("srf.npy", SRF)
    np.save("psf.npy", 7 * gaussian(4))
    return lr_hsi, hr_msi


MAT = ("dataset=mat", "dataset.reference=ref.mat", "scale.factor=4")
PAIR = ("dataset=pair", "dataset.lr_hsi=lr.npy", "dataset.hr_msi=hr.mat", "dataset.hr_msi_variable=Z")


def test_the_synthetic_scene(configure):
    scene = load_scene(configure("dataset.size=40", "dataset.bands=16"))
    assert scene.lr_hsi.shape == (8, 8, 16) and scene.hr_msi.shape == (40, 40, 8) and scene.scale == 5
    np.testing.assert_allclose(scene.wavelengths, np.linspace(400, 1000, 16))
    other = load_scene(configure("dataset.size=40", "dataset.bands=16", "dataset.scene_seed=8"))
    assert not torch.equal(scene.lr_hsi, other.lr_hsi)


def test_houston_2018(configure, in_folder):
    """A PCIDSK file with the two channels more than bands that the contest's has."""
    rasterio = pytest.importorskip("rasterio", reason="the extra io is not installed")
    image = cube(30, 40, 50)
    profile = {
        "height": 30,
        "width": 40,
        "count": 50,
        "dtype": "float32",
        "transform": rasterio.Affine(1, 0, 9, 0, -1, 9),
    }
    with rasterio.open("S4.pix", "w", driver="PCIDSK", **profile) as file:
        file.write(np.moveaxis(image, -1, 0))
    scene = load_scene(configure("dataset=houston2018", "dataset.reference=S4.pix", "dataset.crop=[3,7,20,25]"))
    np.testing.assert_array_equal(scene.truth.image, image[3:23, 7:32, 2:48])
    assert scene.lr_hsi.shape == (4, 5, 46) and scene.hr_msi.shape == (20, 25, 8)
    assert scene.support.any(1).sum() == 46  # every band left is seen by WorldView-2
    np.testing.assert_allclose(scene.wavelengths[[0, -1]], [403.07, 1047.11])


def test_chikusei(configure, in_folder):
    """A .mat file of version 7.3, so with its axes in reverse, and with more than one cube in it."""
    image = cube(24, 30, 128)
    with h5py.File("Chikusei.mat", "w") as file:
        file["chikusei"] = image.T
        file["other"] = cube(3, 4, 5)
    scene = load_scene(
        configure("dataset=chikusei", "dataset.reference=Chikusei.mat", "dataset.crop=[4,8,17,21]", "scale=x8")
    )
    np.testing.assert_array_equal(scene.truth.image, image[4:20, 10:26])  # the middle 16×16 of the crop
    assert scene.lr_hsi.shape == (2, 2, 128) and scene.hr_msi.shape == (16, 16, 8)
    np.testing.assert_allclose(scene.wavelengths[[0, -1]], [363, 1018])


def test_a_reference_with_a_matrix_of_responses(configure, reference):
    scene = load_scene(configure(*MAT, "dataset.srf=srf.npy"))
    lr_hsi, hr_msi = simulated(reference, SRF, 4)
    np.testing.assert_allclose(scene.lr_hsi, lr_hsi, atol=1e-6)
    np.testing.assert_allclose(scene.hr_msi, hr_msi, atol=1e-6)
    np.testing.assert_array_equal(scene.truth.image, reference)
    np.testing.assert_array_equal(scene.support, SRF > 0)
    for knowledge in (scene.truth, scene.known):
        np.testing.assert_allclose(knowledge.psf, gaussian(4), rtol=1e-6)
        np.testing.assert_allclose(knowledge.srf, SRF / SRF.sum(0), rtol=1e-6)
    assert scene.wavelengths is None


@pytest.mark.parametrize("suffix", ["npy", "csv"])
def test_wavelengths_that_are_given_are_kept(configure, reference, suffix):
    with open("srf.csv", "w", newline="") as file:
        csv.writer(file).writerows([["wavelength_nm", "b", "g", "r"], *np.c_[np.linspace(400, 950, 12), SRF]])
    words = [*MAT, f"dataset.srf=srf.{suffix}"]
    scene = load_scene(configure(*words, "dataset.wavelengths=[500,600]"))
    np.testing.assert_allclose(scene.wavelengths, np.linspace(500, 600, 12))
    if suffix == "csv":
        scene = load_scene(configure(*words))
        np.testing.assert_allclose(scene.wavelengths, np.linspace(400, 950, 12))
    np.testing.assert_allclose(scene.truth.srf, SRF / SRF.sum(0), rtol=1e-6)


def test_a_reference_with_a_sensor(configure, reference):
    config = configure(*MAT, "sensor=ikonos", "dataset.wavelengths=[400,950]")
    scene = load_scene(config)
    srf = srf_from_edges(config.sensor.bands, np.linspace(400, 950, 12))
    np.testing.assert_array_equal(scene.support, support(srf))
    np.testing.assert_allclose(scene.truth.srf, normalise(srf).values, rtol=1e-6)
    np.testing.assert_allclose(scene.hr_msi, simulated(reference, srf.values, 4)[1], atol=1e-6)


def test_bands_and_crop_cut_the_reference(configure, reference):
    np.save("srf.npy", SRF[2:10])
    scene = load_scene(configure(*MAT, "dataset.srf=srf.npy", "dataset.bands=[2,10]", "dataset.crop=[1,2,10,12]"))
    np.testing.assert_array_equal(scene.truth.image, reference[2:10, 2:14, 2:10])  # the middle 8×12 of the crop


def test_the_psf_has_the_width_and_window_asked_for(configure, reference):
    narrow = load_scene(configure(*MAT, "dataset.srf=srf.npy", "scale.fwhm=1")).truth.psf
    wide = load_scene(configure(*MAT, "dataset.srf=srf.npy", "scale.kernel_size=6")).truth.psf
    assert narrow.shape == (4, 4) and wide.shape == (6, 6)
    assert narrow[1:3, 1:3].sum() > 0.95 > wide[1:5, 1:5].sum()


def test_noise_of_the_ratio_asked_for(configure, reference):
    """White Gaussian, per band σ² = mean(y²) / 10^(SNR/10), from one seed, the LR-HSI's drawn first."""
    words = [*MAT, "dataset.srf=srf.npy", "dataset.noise_seed=5"]
    both = load_scene(configure(*words, "dataset.snr_hsi=20", "dataset.snr_msi=25"))
    rng = np.random.default_rng(5)
    for image, clean, snr in zip((both.lr_hsi, both.hr_msi), simulated(reference, SRF, 4), (20, 25), strict=True):
        noise = rng.normal(size=clean.shape) * np.sqrt((clean**2).mean((0, 1)) / 10 ** (snr / 10))
        np.testing.assert_allclose(image, clean + noise, atol=1e-6)
    np.testing.assert_array_equal(both.truth.image, reference)
    msi_alone = load_scene(configure(*words, "dataset.snr_msi=25"))
    np.testing.assert_allclose(msi_alone.lr_hsi, simulated(reference, SRF, 4)[0], atol=1e-6)
    another = load_scene(configure(*words, "dataset.snr_hsi=20", "dataset.noise_seed=6"))
    assert not torch.equal(another.lr_hsi, both.lr_hsi)


def test_a_pair_of_which_nothing_is_known(configure, pair):
    scene = load_scene(configure(*PAIR))
    np.testing.assert_array_equal(scene.lr_hsi, pair[0])
    np.testing.assert_array_equal(scene.hr_msi, pair[1])
    assert scene.scale == 4 and scene.support.all() and scene.support.shape == (12, 3)
    known = (scene.known, scene.truth)
    assert all(value is None for part in known for value in vars(part).values()) and scene.wavelengths is None


def test_a_pair_with_its_responses(configure, pair):
    scene = load_scene(configure(*PAIR, "dataset.srf=srf.npy", "dataset.wavelengths=[400,950]"))
    np.testing.assert_array_equal(scene.support, SRF > 0)
    np.testing.assert_allclose(scene.known.srf, SRF / SRF.sum(0), rtol=1e-6)
    np.testing.assert_allclose(scene.wavelengths, np.linspace(400, 950, 12))
    assert scene.truth.srf is None  # what is used is not what is reported against


def test_a_pair_with_a_sensor(configure, pair):
    scipy.io.savemat("hr.mat", {"Z": cube(20, 16, 4)})
    config = configure(*PAIR, "sensor=ikonos", "dataset.wavelengths=[400,950]")
    scene = load_scene(config)
    srf = srf_from_edges(config.sensor.bands, np.linspace(400, 950, 12))
    np.testing.assert_array_equal(scene.support, support(srf))
    np.testing.assert_allclose(scene.known.srf, normalise(srf).values, rtol=1e-6)


@pytest.mark.parametrize("of", ["known", "truth"])
def test_what_is_known_and_what_is_true_stay_apart(configure, pair, of):
    prefix = {"known": "dataset.", "truth": "dataset.true_"}[of]
    scene = load_scene(configure(*PAIR, f"{prefix}psf=psf.npy", f"{prefix}srf=srf.npy"))
    given, other = (scene.known, scene.truth) if of == "known" else (scene.truth, scene.known)
    np.testing.assert_allclose(given.psf, gaussian(4), rtol=1e-6)  # normalised
    np.testing.assert_allclose(given.srf, SRF / SRF.sum(0), rtol=1e-6)
    assert other.psf is None and other.srf is None
    assert bool(scene.support.all()) == (of == "truth")  # the truth tells nothing to the method


def masked(configure, *words):
    """The pixels of both images that hold no data, by row and column, and the scene."""
    scene = load_scene(configure(*PAIR, *words))
    valid = [scene.lr_valid, scene.hr_valid]
    return [None if part is None else (~part).nonzero().tolist() for part in valid], scene


def test_masks(configure, pair):
    clouds, glint = np.zeros((5, 4), np.uint8), np.zeros((20, 16))
    clouds[1, 2], glint[3, 4:6] = 7, -0.5
    np.save("clouds.npy", clouds)
    scipy.io.savemat("glint.mat", {"mask": glint})
    empty, scene = masked(configure, "dataset.lr_hsi_mask=clouds.npy", "dataset.hr_msi_mask=glint.mat")
    assert empty == [[[1, 2]], [[3, 4], [3, 5]]]
    np.testing.assert_array_equal(scene.lr_hsi[scene.lr_valid], pair[0][clouds == 0])
    np.testing.assert_array_equal(scene.hr_msi[scene.hr_valid], pair[1][glint == 0])
    assert scene.lr_hsi[1, 2].tolist() in [pair[0][at].tolist() for at in ((0, 2), (1, 1), (1, 3), (2, 2))]


def test_no_data_and_saturation(configure, pair):
    lr_hsi, hr_msi = pair
    lr_hsi[0, 1, 5], lr_hsi[2, 3, 0], lr_hsi[4, 0, 1] = -9999.9, np.nan, np.inf
    hr_msi[7, 7, 2], hr_msi[8, 8, :2], hr_msi[9, 9] = -0.9, 1.1, 1.2  # near the others: far ones are left out anyway
    np.save("lr.npy", lr_hsi)
    scipy.io.savemat("hr.mat", {"Z": hr_msi})
    not_finite = [[2, 3, 0], [4, 0, 1]]
    empty, scene = masked(configure)
    assert empty == [None, None] and scene.lr_gaps.nonzero().tolist() == not_finite
    (lr_empty, hr_empty), scene = masked(configure, "dataset.nodata=[-9999.9,-0.9]", "dataset.saturation=1.1")
    assert (lr_empty, hr_empty) == (None, [[7, 7], [8, 8], [9, 9]])
    assert scene.lr_gaps.nonzero().tolist() == [[0, 1, 5], *not_finite]
    assert scene.lr_hsi.min() > 0 and scene.hr_msi.max() < 1
    assert masked(configure, "dataset.saturation=[null,1.15]")[0] == [None, [[9, 9]]]
    scene = masked(configure, "dataset.saturation=[0.89,null]")[1]
    bright = np.argwhere((lr_hsi >= 0.89) | ~np.isfinite(lr_hsi))
    assert scene.lr_valid is None and scene.lr_gaps.nonzero().tolist() == bright.tolist()


@pytest.mark.parametrize("value", [0, 0.4, np.nan, -1])
def test_dead_bands_of_a_pair(configure, pair, value):
    lr_hsi = pair[0]
    lr_hsi[..., 3:5] = value
    np.save("lr.npy", lr_hsi)
    words = ["dataset.nodata=-1", "dataset.srf=srf.npy", "dataset.wavelengths=[400,950]"]
    empty, scene = masked(configure, *words)
    kept = [0, 1, 2, *range(5, 12)]
    assert empty == [None, None] and scene.dropped_bands.kept.nonzero().flatten().tolist() == kept
    np.testing.assert_array_equal(scene.lr_hsi, lr_hsi[..., kept])
    np.testing.assert_allclose(scene.wavelengths, np.linspace(400, 950, 12)[kept])
    np.testing.assert_allclose(scene.known.srf, SRF[kept] / SRF[kept].sum(0), rtol=1e-6)
    dropped_bands = masked(configure, *words, "dataset.bad_bands=leave_out")[1]
    np.testing.assert_array_equal(dropped_bands.lr_hsi, scene.lr_hsi)
    if value == 0.4:
        assert masked(configure, *words, "dataset.bad_bands=keep")[1].lr_hsi.shape[2] == 12


def refused(configure, *words):
    with pytest.raises(InputError) as caught:
        load_scene(configure(*PAIR, *words))
    return str(caught.value)


def test_masks_and_limits_that_leave_nothing(configure, pair):
    np.save("full.npy", np.ones((5, 4)))
    for words, message in {
        "dataset.lr_hsi_mask=full.npy": "dataset.lr_hsi_mask: full.npy: expected it to leave some values *, got none",
        "dataset.lr_hsi_mask=srf.npy": "dataset.lr_hsi_mask: srf.npy: expected 5×4, got 12×3",
        "dataset.hr_msi_mask=full.npy": "dataset.hr_msi_mask: full.npy: expected 20×16, got 5×4",
        "dataset.saturation=0.05": "dataset.saturation: expected it to leave some values of the LR-HSI, got none",
        "dataset.saturation=[1,0.05]": "dataset.saturation: expected it to leave some values of the HR-MSI, got none",
        "dataset.saturation=0.2": "dataset.lr_hsi: lr.npy: expected a signal in some band, got none in 12 bands",
    }.items():
        assert fnmatchcase(refused(configure, words), message), words
    np.save("lr.npy", np.where(np.arange(12) < 4, 0.3, pair[0]))
    message = refused(configure, "dataset.srf=srf.npy")
    assert message.startswith(
        "dataset.bad_bands: expected a signal in some band of the LR-HSI that the HR-MSI's band 0 "
    )


def test_a_known_psf_is_asked_for_only_where_it_is_used(configure, pair):
    with pytest.raises(InputError, match=r"^dataset.psf: expected a file for degradation.psf=known, got none$"):
        load_scene(configure(*PAIR, "degradation.psf=known"))
    load_scene(configure(*PAIR, "degradation.psf=known", "dataset.psf=psf.npy"))


def test_muufl_gulfport(configure):
    folder = SHARED / "muufl_gulfport"
    if not folder.exists():
        pytest.skip("needs shared/data/muufl_gulfport beside the repository")
    files = (f"dataset.reference={folder}/REF.mat", f"dataset.srf={folder}/srf_worldview2.csv")
    scene = load_scene(configure("dataset=mat", *files, "scale=x5"))
    image = scipy.io.loadmat(folder / "REF.mat")["REF"]
    srf = np.loadtxt(folder / "srf_worldview2.csv", delimiter=",", skiprows=1)[:, 1:]
    lr_hsi, hr_msi = simulated(image, srf, 5)
    assert scene.lr_hsi.shape == (20, 20, 64) and scene.hr_msi.shape == (100, 100, 8)
    np.testing.assert_allclose(scene.lr_hsi, lr_hsi, atol=1e-6)
    np.testing.assert_allclose(scene.hr_msi, hr_msi, atol=1e-6)


def test_tiangong1(configure):
    folder = SHARED / "tiangong1_x12"
    if not folder.exists():
        pytest.skip("needs shared/data/tiangong1_x12 beside the repository")
    names = {"lr_hsi": "lr_hsi", "hr_msi": "hr_msi", "true_psf": "psf_gt", "true_srf": "srf_gt"}
    words = [f"dataset.{key}={folder}/{name}.mat" for key, name in names.items()]
    scene = load_scene(configure("dataset=pair", *words))
    assert scene.scale == 12 and scene.support.all()
    assert scene.truth.psf.shape == (12, 12) and scene.truth.srf.shape == (54, 8) and scene.truth.image is None
    torch.testing.assert_close(scene.truth.srf.sum(0), torch.ones(8, dtype=torch.float64))
    assert scene.lr_hsi.dtype == scene.hr_msi.dtype == torch.float64  # as the files are
