import numpy as np
import pytest
from scipy.ndimage import zoom

from udaln.errors import InputError
from udaln.physics.synthetic import _layout, synthetic_reference


@pytest.fixture(scope="module")
def scene():
    reference, wavelengths = synthetic_reference()
    reference.flags.writeable = False
    return reference, wavelengths


@pytest.fixture(scope="module")
def at(scene):
    reference, wavelengths = scene
    return lambda nm: reference[..., np.abs(wavelengths - nm).argmin()].astype(float)


@pytest.fixture(scope="module")
def ndvi(at):
    return (at(800) - at(675)) / (at(800) + at(675))


def test_same_seed_same_bytes():
    draws = [synthetic_reference(size=40, bands=10, seed=seed)[0].tobytes() for seed in (3, 3, 4)]
    assert draws[0] == draws[1]
    assert draws[0] != draws[2]


def test_another_number_of_bands_samples_the_same_scene():
    coarse, few = synthetic_reference(size=40, bands=16)
    fine, many = synthetic_reference(size=40, bands=61)
    np.testing.assert_allclose(many[::4], few)
    np.testing.assert_allclose(fine[..., ::4], coarse, rtol=1e-5)


@pytest.mark.parametrize(("size", "bands", "seed"), [(32, 8, 0), (32, 8, 1), (32, 8, 2), (61, 33, 7), (150, 12, 7)])
def test_reflectance_and_wavelengths(size, bands, seed):
    reference, wavelengths = synthetic_reference(size, bands, seed)
    assert reference.shape == (size, size, bands)
    assert reference.dtype == np.float32
    assert 0 < reference.min() < reference.max() < 1
    np.testing.assert_allclose(wavelengths, 400 + 600 * np.arange(bands) / (bands - 1))


def test_abundances_are_fractions_and_many_pixels_are_mixed():
    abundances, light = _layout(120, np.random.default_rng(7))
    assert abundances.min() >= 0
    np.testing.assert_allclose(abundances.sum(-1), 1)
    assert light.min() > 0
    assert (abundances.mean((0, 1)) > 1e-3).all(), "every material appears"
    assert 0.3 < (abundances.max(-1) < 0.9).mean() < 0.9


def test_vegetation_has_its_features(scene, ndvi):
    reference, wavelengths = scene
    green = ndvi > 0.6
    assert 0.2 < green.mean() < 0.8
    leaf = reference[green].mean(0, dtype=float)
    blue, peak, red, before, dip, after = np.interp((480, 550, 675, 920, 970, 1000), wavelengths, leaf)
    assert peak > 1.2 * max(blue, red), "green peak"
    assert dip < min(before, after), "water band"
    assert 700 < wavelengths[np.gradient(leaf).argmax()] < 740, "red edge"


def test_water_is_dark_in_the_near_infrared_and_greenish(at):
    water = at(870) < 0.02
    assert water.mean() > 0.03
    assert (at(550) > at(480) / 1.2)[water].all()
    assert (at(550) > 2 * at(800))[water].all()


def test_roofs_are_there_red_blue_and_white(at, ndvi):
    bare = ndvi < 0.2
    assert (bare & (at(640) > 2 * at(530))).any()
    assert (bare & (at(480) > 1.3 * at(640))).any()
    assert (bare & (at(550) > 0.5)).any()


def test_rank_is_neither_low_nor_full(scene):
    pixels = scene[0].reshape(-1, 64).astype(float)
    energy = np.linalg.svd(pixels - pixels.mean(0), compute_uv=False) ** 2
    explained = np.cumsum(energy) / energy.sum()
    assert np.searchsorted(explained, 0.99) < 6
    assert np.searchsorted(explained, 0.99999) > 12


def test_detail_is_lost_in_pixels_five_times_larger(scene):
    x = scene[0].astype(float)
    small = x.reshape(24, 5, 24, 5, 64).mean((1, 3))
    blurred = zoom(small, (5, 5, 1), order=3, mode="nearest", grid_mode=True)
    psnr = 10 * np.log10(x.max((0, 1)) ** 2 / ((blurred - x) ** 2).mean((0, 1)))
    assert 18 < psnr.mean() < 28


def test_eight_broad_bands_tell_most_but_not_all_of_a_spectrum(scene):
    x, wavelengths = scene[0].reshape(-1, 64).astype(float), scene[1]
    edges = np.array([[400, 450, 510, 585, 630, 705, 770, 860], [450, 510, 580, 625, 690, 745, 895, 1000]])
    z = x @ ((wavelengths[:, None] >= edges[0]) & (wavelengths[:, None] <= edges[1]))
    design = np.c_[z, np.ones(len(z))]
    error = x - design @ np.linalg.lstsq(design, x, rcond=None)[0]
    psnr = 10 * np.log10(x.max(0) ** 2 / (error**2).mean(0))
    assert 40 < psnr.mean() < 52


@pytest.mark.parametrize(("argument", "value"), [("size", 31), ("bands", 7), ("seed", -1)])
def test_too_small_is_an_input_error(argument, value):
    with pytest.raises(InputError, match=rf"^{argument}: expected at least \d+, got {value}$"):
        synthetic_reference(**{argument: value})
