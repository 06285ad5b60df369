"""Bands without a signal: found where they are, never where there is merely noise, and filled by their neighbours."""

import numpy as np
import pytest
import scipy.io
import torch
from made_up import smooth_mixtures
from places import SHARED
from scipy.ndimage import gaussian_filter

from udaln.io.bad_bands import (
    count_dropped_bands,
    dead_bands,
    describe_bands,
    describe_dropped_bands,
    fill_bad_bands,
    noise_bands,
)
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


def found(image, valid=None):
    """Dead bands and bands of noise, by their numbers."""
    valid = valid_values(image, "LR-HSI", valid=valid)
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


def faint(band, rng):
    """A band of mean zero, of whose variance a tenth is signal."""
    return (band - band.mean()) / band.std() + 3 * rng.normal(size=band.shape)


def structured(band, rng):
    """A pattern of its own, with nothing in common with other bands, under noise."""
    pattern = gaussian_filter(rng.normal(size=band.shape), 2)
    return pattern / pattern.std() + 0.5 * rng.normal(size=band.shape)


def counted(band, rng):
    """A dark band, recorded in whole numbers: 0, 1 and few of 2."""
    return np.round(0.8 * (band - band.min()) / (band.max() - band.min()) + 0.4 * rng.normal(size=band.shape)).clip(0)


SIGNALS = {
    "dark": lambda band, rng: 1e-6 * band,
    "bright": lambda band, rng: 1e4 * band,
    "a small signal on a large constant": lambda band, rng: 100 + 0.1 * band,
    "below a mean of zero": lambda band, rng: band - band.mean(),
    "faint": faint,
    "faint and dark": lambda band, rng: 1e-6 * faint(band, rng),
    "structured": structured,
    "counted": counted,
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", SIGNALS)
def test_a_band_with_any_signal_stays(kind, seed):
    image = noisy(smooth_mixtures(), 25, seed)
    image[..., 10] = torch.from_numpy(SIGNALS[kind](image[..., 10].numpy(), np.random.default_rng(seed)))
    assert found(image) == [[], []]


def smeared(size, rng):
    """White noise that was resampled by cubic convolution, half a pixel in both directions."""
    noise, kernel = rng.normal(size=(23, 23)), np.array([-1, 9, 9, -1]) / 16
    return np.apply_along_axis(np.convolve, 1, np.apply_along_axis(np.convolve, 0, noise, kernel), kernel)[3:23, 3:23]


NOISES = {
    "dark": lambda size, rng: 1e-9 * rng.normal(size=size),
    "large": lambda size, rng: 1e4 * rng.normal(size=size),
    "cut off at zero": lambda size, rng: rng.normal(size=size).clip(0),
    "counted": lambda size, rng: rng.poisson(0.05, size).astype(float),
    "resampled": smeared,
    "with stripes": lambda size, rng: rng.normal(size=size) + rng.normal(size=(1, size[1])),
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", NOISES)
def test_a_band_of_noise_of_any_kind_goes(kind, seed):
    image = noisy(smooth_mixtures(), 25, seed)
    image[..., 10] = torch.from_numpy(NOISES[kind]((20, 20), np.random.default_rng(seed)))
    assert found(image) == [[], [10]]


def test_neighbours_in_the_spectrum_are_found_by_wavelength():
    """A faint band between like ones: by number it lies between two that vary the other way."""
    image = noisy(smooth_mixtures(), 25)
    image[..., [9, 11]] = 1 - image[..., [30, 31]]
    others = (image - image.mean((0, 1))).flatten(0, 1)
    noise = torch.from_numpy(np.random.default_rng(0).normal(size=(400, 1)))
    noise -= noise.mean()
    basis = others[:, [band for band in range(60) if band not in (9, 11)]]  # which are those of 30 and 31, negative
    noise -= basis @ torch.linalg.lstsq(basis, noise).solution
    signal = others[:, [30, 31]].sum(1, keepdim=True)
    image[..., 10] = (0.2 * signal / signal.norm() + noise / noise.norm()).view(20, 20)
    valid, none = valid_values(image, "LR-HSI"), torch.zeros(60, dtype=torch.bool)
    wavelengths = torch.arange(60.0)
    wavelengths[10] = 30.5
    by_number, by_wavelength = (noise_bands(image, valid, none, at) for at in (None, wavelengths))
    assert by_number.nonzero().flatten().tolist() == [10] and not by_wavelength.any()


@pytest.mark.parametrize("scale", [4, 5])
def test_the_faint_band_of_a_real_scene_stays(scale):
    """Band 139 of 193 has a mean of 0.012 digital numbers, and a trace of what its neighbours show."""
    file = SHARED / "abu_beach2" / "abu-beach-2.mat"
    if not file.exists():
        pytest.skip("needs shared/data/abu_beach2 beside the repository")
    cube = torch.from_numpy(scipy.io.loadmat(file)["data"].astype(np.float64))
    image = degrade(cube, gaussian_psf(scale, scale, scale), scale)
    assert found(image) == [[], []]
    shuffled = torch.from_numpy(np.random.default_rng(0).permutation(image[..., 139].flatten().numpy()))
    image[..., 139] = shuffled.view(image.shape[:2])
    assert found(image) == [[], [139]]


def test_dark_bands_over_water_stay():
    """Genuine bands of next to nothing; the empty ones beside them go."""
    rasterio = pytest.importorskip("rasterio", reason="the extra io is not installed")
    files = list((SHARED / "enmap_l2a_water").glob("*SPECTRAL_IMAGE.TIF"))
    if not files:
        pytest.skip("needs shared/data/enmap_l2a_water beside the repository")
    with rasterio.open(files[0]) as file:
        image = torch.from_numpy(file.read().transpose(1, 2, 0).astype(np.float64))
    image[image == -32768] = torch.nan
    assert found(image) == [[*range(126, 141), *range(160, 167)], []]


def test_nothing_in_common_tells_nothing():
    noise = torch.from_numpy(np.random.default_rng(0).normal(size=(20, 20, 12)))
    assert found(noise) == [[], []]


@pytest.mark.parametrize("value", [0.0, 0.37, -3.0, torch.nan, torch.inf, -9999.0, 65535.0])
def test_dead_bands(value):
    image = noisy(smooth_mixtures(), 20).float()
    image[..., [0, 17, 18]] = value
    assert found(image) == [[0, 17, 18], []]


@pytest.mark.parametrize("value", [0.0, 0.37])
@pytest.mark.parametrize("hot", [9.0, -9.0])
def test_a_band_with_one_hot_pixel_is_dead_but_not_one_with_two(value, hot):
    image = noisy(smooth_mixtures(), 20).float()
    image[..., 7], image[3, 4, 7] = value, hot
    assert found(image)[0] == [7]
    image[11, 2, 7] = hot
    assert found(image)[0] == []


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


def test_counts():
    assert set(count_dropped_bands(None, filled=True).values()) == {0}
    gone = dropped_bands(0, 4)
    gone = DroppedBands(gone.dead, torch.arange(9) == 8, torch.arange(3) == 1)
    for filled, counts in ((True, (3, 0)), (False, (0, 3))):
        named = dict(zip(("bands_filled", "bands_left_out"), counts, strict=True))
        assert count_dropped_bands(gone, filled) == {**named, "msi_bands_left_out": 1}


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
