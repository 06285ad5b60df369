"""Bands without a signal: found where they are, never where there is merely noise, and filled by their neighbours."""

import numpy as np
import pytest
import scipy.io
import torch
from made_up import smooth_mixtures
from places import SHARED

from udaln.io.bad_bands import dead_bands, describe_bands, describe_dropped_bands, fill_bad_bands, noise_bands
from udaln.io.gaps import valid_values
from udaln.physics.simulation import degrade, gaussian_psf
from udaln.scene import DroppedBands


def real(name, scale):
    file = SHARED / name / "REF.mat"
    if not file.exists():
        pytest.skip(f"needs shared/data/{name} beside the repository")
    cube = torch.from_numpy(scipy.io.loadmat(file)["REF"].astype(np.float64))
    return degrade(cube, gaussian_psf(scale, scale, scale), scale)


IMAGES = {
    "400 pixels": lambda: smooth_mixtures(),
    "25 pixels, 200 bands": lambda: smooth_mixtures(5, 200),
    "MUUFL": lambda: real("muufl_gulfport", 5),
    "MUUFL, 25 pixels": lambda: real("muufl_gulfport", 20),
    "Jasper Ridge": lambda: real("jasper_ridge", 5),
    "Jasper Ridge, 25 pixels": lambda: real("jasper_ridge", 20),
}


@pytest.fixture(params=IMAGES)
def image(request):
    return IMAGES[request.param]()


def noisy(image, snr, seed=0):
    if snr is None:
        return image
    noise = torch.from_numpy(np.random.default_rng(seed).normal(size=image.shape))
    return image + noise * (image.square().mean((0, 1)) / 10 ** (snr / 10)).sqrt()


def found(image, **kwargs):
    """Dead bands and bands of noise, by their numbers."""
    valid = valid_values(image, "LR-HSI", **kwargs)
    dead = dead_bands(image, valid)
    return [bad.nonzero().flatten().tolist() for bad in (dead, noise_bands(image, valid, dead))]


def water_vapour(image, mean, seed=1):
    """Twenty bands in two runs, and one alone, become white noise that is a little more than nothing on average."""
    bad = [3, *range(20, 30), *range(40, 50)]
    rng = np.random.default_rng(seed)
    spoilt = image.clone()
    spoilt[..., bad] = 0.02 * image.mean() * torch.from_numpy(mean + rng.normal(size=(*image.shape[:2], len(bad))))
    return spoilt, bad


@pytest.mark.parametrize("snr", [None, 30, 20, 15, 10])
def test_noise_alone_makes_no_bad_band(image, snr):
    for seed in range(5):
        assert found(noisy(image, snr, seed)) == [[], []]


@pytest.mark.parametrize("snr", [None, 20, 10])
def test_bands_of_nothing_but_noise(image, snr):
    spoilt, bad = water_vapour(noisy(image, snr), mean=0.2)
    assert found(spoilt) == [[], bad]


def test_neither_the_order_nor_the_unit_of_a_band_matters():
    spoilt, bad = water_vapour(noisy(smooth_mixtures(), 15), mean=0.3)
    order = np.random.default_rng(2).permutation(60)
    factor = torch.from_numpy(np.random.default_rng(3).uniform(0.01, 1000, 60))
    assert found((spoilt * factor)[..., order]) == [[], sorted(np.flatnonzero(np.isin(order, bad)).tolist())]


def test_a_striped_band_is_bad_only_where_there_is_nothing_else():
    image = noisy(smooth_mixtures(), 20)
    stripes = torch.from_numpy(np.random.default_rng(0).normal(size=20))[None, :].expand(20, 20)
    image[..., 10] += 0.5 * image[..., 10].mean() * stripes
    image[:, 4, 20] = 0  # a dead detector
    assert found(image) == [[], []]
    image[..., 10] = 0.01 * stripes
    assert found(image) == [[], [10]]


def test_nothing_in_common_tells_nothing():
    noise = torch.from_numpy(np.random.default_rng(0).normal(size=(20, 20, 12)))
    assert found(noise) == [[], []]


@pytest.mark.parametrize("value", [0.0, 0.37, -3.0, torch.nan, torch.inf, -9999.0, 65535.0])
def test_dead_bands(value):
    image = noisy(smooth_mixtures(), 20).float()
    image[..., [0, 17, 18]] = value
    assert found(image, nodata=-9999, saturation=65535) == [[0, 17, 18], []]


def test_a_band_with_data_in_few_pixels_is_dead_but_a_frame_without_any_is_not():
    image = noisy(smooth_mixtures(), 20)
    image[:15] = torch.nan
    assert found(image) == [[], []]
    image[15:, 6:, 8] = torch.nan
    assert found(image) == [[8], []]
    image[15:, 6:, 8], image[15:, 12:, 8] = 0.3, torch.nan
    assert found(image) == [[], []]


def test_masked_pixels_have_no_say():
    image = noisy(smooth_mixtures(), 20)
    image[..., 5] = 0.2
    image[3:6, 3:6, 5] = 7.0
    cloudless = torch.ones(20, 20, dtype=torch.bool)
    cloudless[3:6, 3:6] = False
    assert found(image)[0] == [] and found(image, valid=cloudless) == [[5], []]


def dropped_bands(*bad, total=9, wavelengths=None):
    dead = torch.zeros(total, dtype=torch.bool)
    dead[list(bad)] = True
    return DroppedBands(dead, torch.zeros_like(dead), torch.zeros(3, dtype=torch.bool), wavelengths)


@pytest.mark.parametrize("known", [True, False])
def test_a_straight_spectrum_is_filled_exactly(known):
    rng = np.random.default_rng(0)
    wavelengths = torch.from_numpy(rng.uniform(400, 900, 9)) if known else None  # in any order
    at = wavelengths if known else torch.arange(9.0, dtype=torch.float64)
    bad = at.argsort()[[1, 4, 5, 7]].tolist()
    image = torch.from_numpy(rng.normal(size=(4, 5, 1))) * at + torch.from_numpy(rng.normal(size=(4, 5, 1)))
    image[2, 3] = torch.nan
    gone = dropped_bands(*bad, wavelengths=wavelengths)
    whole = fill_bad_bands(image[..., gone.kept], gone)
    np.testing.assert_allclose(whole, image, rtol=1e-12)
    np.testing.assert_array_equal(whole[..., gone.kept], image[..., gone.kept])


def test_beyond_the_last_band_kept_is_that_band():
    image = torch.from_numpy(np.random.default_rng(0).normal(size=(4, 5, 9))).float()
    gone = dropped_bands(0, 1, 8)
    whole = fill_bad_bands(image[..., gone.kept], gone)
    assert whole.dtype == torch.float32
    for band, like in ((0, 2), (1, 2), (8, 7)):
        np.testing.assert_array_equal(whole[..., band], image[..., like])
    assert fill_bad_bands(image, None) is image


def test_in_words():
    assert describe_bands(torch.arange(6) == 4) == "band 4 (counted from 0)"
    wavelengths = torch.linspace(400, 1200, 9)
    filled = "filled in from their neighbours"
    gone = dropped_bands(0, 4, 5, 6, wavelengths=wavelengths)
    gone = DroppedBands(gone.dead, torch.arange(9) == 8, torch.arange(3) == 1, wavelengths)
    assert describe_dropped_bands(gone, filled=True) == [
        f"LR-HSI bands 0, 4–6 (counted from 0; 400, 800–1000 nm): constant or almost without data; {filled}",
        f"LR-HSI band 8 (counted from 0; 1200 nm): nothing but noise; {filled}",
        "HR-MSI band 1 (counted from 0): constant or almost without data; not used",
    ]
    assert describe_dropped_bands(gone, filled=False)[1].endswith("nothing but noise; left out")
