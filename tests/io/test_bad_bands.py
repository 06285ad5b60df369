"""Bands without a signal: found where they are, never where there is merely noise, and put back by their neighbours."""

import numpy as np
import pytest
import scipy.io
import torch
from places import SHARED

from udaln.errors import InputError
from udaln.io.bad_bands import LeftOut, dead_bands, named, noise_bands, restored, usable_scene
from udaln.io.gaps import holding
from udaln.physics.simulation import degrade, gaussian_psf
from udaln.scene import Known, Truth


def smooth(side=20, bands=60, seed=0):
    """Mixtures of five smooth spectra that differ in brightness, side×side×bands."""
    rng = np.random.default_rng(seed)
    at = np.linspace(0, 1, bands)
    spectra = 0.3 + 0.25 * np.sin(rng.uniform(2, 8, (5, 1)) * at + rng.uniform(0, 6, (5, 1)))
    return torch.from_numpy(rng.dirichlet(np.full(5, 0.5), (side, side)) @ (spectra * rng.uniform(0.3, 1.5, (5, 1))))


def real(name, scale):
    file = SHARED / name / "REF.mat"
    if not file.exists():
        pytest.skip(f"needs shared/data/{name} beside the repository")
    cube = torch.from_numpy(scipy.io.loadmat(file)["REF"].astype(np.float64))
    return degrade(cube, gaussian_psf(scale, scale, scale), scale)


IMAGES = {
    "400 pixels": lambda: smooth(),
    "25 pixels, 200 bands": lambda: smooth(5, 200),
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
    holds = holding(image, "LR-HSI", **kwargs)
    dead = dead_bands(image, holds)
    return [bad.nonzero().flatten().tolist() for bad in (dead, noise_bands(image, holds, dead))]


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
    spoilt, bad = water_vapour(noisy(smooth(), 15), mean=0.3)
    order = np.random.default_rng(2).permutation(60)
    factor = torch.from_numpy(np.random.default_rng(3).uniform(0.01, 1000, 60))
    assert found((spoilt * factor)[..., order]) == [[], sorted(np.flatnonzero(np.isin(order, bad)).tolist())]


def test_a_striped_band_is_bad_only_where_there_is_nothing_else():
    image = noisy(smooth(), 20)
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
    image = noisy(smooth(), 20).float()
    image[..., [0, 17, 18]] = value
    assert found(image, nodata=-9999, saturation=65535) == [[0, 17, 18], []]


def test_a_band_with_data_in_few_pixels_is_dead_but_a_frame_without_any_is_not():
    image = noisy(smooth(), 20)
    image[:15] = torch.nan
    assert found(image) == [[], []]
    image[15:, 6:, 8] = torch.nan
    assert found(image) == [[8], []]
    image[15:, 6:, 8], image[15:, 12:, 8] = 0.3, torch.nan
    assert found(image) == [[], []]


def test_masked_pixels_have_no_say():
    image = noisy(smooth(), 20)
    image[..., 5] = 0.2
    image[3:6, 3:6, 5] = 7.0
    cloudless = torch.ones(20, 20, dtype=torch.bool)
    cloudless[3:6, 3:6] = False
    assert found(image)[0] == [] and found(image, valid=cloudless) == [[5], []]


SRF = torch.zeros(12, 3, dtype=torch.float64)
for _band in range(12):
    SRF[_band, _band // 4] = 1 + _band % 4
SRF = SRF / SRF.sum(0)


def made(lr_hsi, hr_msi, keep=False, srf=SRF, **kwargs):
    return usable_scene(
        lr_hsi,
        hr_msi,
        SRF > 0,
        lr_holds=holding(lr_hsi, "LR-HSI"),
        hr_holds=holding(hr_msi, "HR-MSI"),
        keep=keep,
        known=Known(srf=srf),
        **kwargs,
    )


def pair():
    image = smooth(20, 12)
    return image[::4, ::4].contiguous(), image @ SRF


def test_without_bad_bands_the_scene_is_the_pair():
    lr_hsi, hr_msi = pair()
    scene = made(lr_hsi, hr_msi)
    assert scene.left_out is None and scene.lr_valid is None and scene.hr_valid is None
    assert scene.lr_hsi is lr_hsi and scene.hr_msi is hr_msi and scene.known.srf is SRF


def test_the_scene_is_made_of_the_good_bands():
    lr_hsi, hr_msi = pair()
    wavelengths = torch.linspace(400, 950, 12, dtype=torch.float64)
    hr_msi[..., 1] = 0
    lr_hsi[..., [2, 6]], lr_hsi[1, 3, 8] = torch.nan, torch.nan
    scene = made(lr_hsi, hr_msi, wavelengths=wavelengths, truth=Truth(srf=SRF))
    kept = [0, 1, 3, 4, 5, 7, 8, 9, 10, 11]
    assert scene.left_out.kept.nonzero().flatten().tolist() == kept
    assert scene.left_out.msi_dead.tolist() == [False, True, False]
    np.testing.assert_array_equal(scene.wavelengths, wavelengths[kept])
    np.testing.assert_array_equal(scene.support, (SRF > 0)[kept][:, [0, 2]])
    rest = SRF[kept][:, [0, 2]]
    for srf in (scene.known.srf, scene.truth.srf):
        np.testing.assert_allclose(srf, rest / rest.sum(0), rtol=1e-12)
    assert (~scene.lr_valid).nonzero().tolist() == [[1, 3]] and scene.hr_valid is None
    np.testing.assert_array_equal(scene.lr_hsi[scene.lr_valid], lr_hsi[..., kept][scene.lr_valid])
    np.testing.assert_array_equal(scene.hr_msi, hr_msi[..., [0, 2]])


def test_keep_uses_every_band():
    lr_hsi, hr_msi = pair()
    lr_hsi[..., 4] = 0.2
    assert made(lr_hsi, hr_msi, keep=True).lr_hsi is lr_hsi
    lr_hsi[..., 4] = torch.nan
    with pytest.raises(InputError, match="LR-HSI: expected some pixels with data in every band, got none"):
        made(lr_hsi, hr_msi, keep=True)


def test_what_leaves_no_scene():
    lr_hsi, hr_msi = pair()
    message = r"bad_bands: .* HR-MSI's band 1 \(counted from 0\) covers, got none: LR-HSI bands 4–7 \(counted from 0\)"
    with pytest.raises(InputError, match=message):
        made(lr_hsi.index_fill(2, torch.arange(4, 8), 0.5), hr_msi)
    narrow = SRF.index_fill(0, torch.arange(8, 11), 0)  # of the last MSI band's response only band 11 is left
    with pytest.raises(InputError, match=r"bad_bands: .* HR-MSI's band 2 "):
        made(lr_hsi.index_fill(2, torch.tensor([11]), 0.5), hr_msi, srf=narrow)
    with pytest.raises(InputError, match="HR-MSI: expected a signal in some band, got none in 3 bands"):
        made(lr_hsi, torch.zeros_like(hr_msi))
    lr_hsi[:2, :, 0], lr_hsi[2:, :, 1] = torch.nan, torch.nan  # each has data in half of the pixels, none in both
    with pytest.raises(InputError, match="LR-HSI: expected some pixels with data in every band, got none"):
        made(lr_hsi[:4], hr_msi[:16])


def left_out(*bad, total=9, wavelengths=None):
    dead = torch.zeros(total, dtype=torch.bool)
    dead[list(bad)] = True
    return LeftOut(dead, torch.zeros_like(dead), torch.zeros(3, dtype=torch.bool), wavelengths)


@pytest.mark.parametrize("known", [True, False])
def test_a_straight_spectrum_is_restored(known):
    rng = np.random.default_rng(0)
    wavelengths = torch.from_numpy(rng.uniform(400, 900, 9)) if known else None  # in any order
    at = wavelengths if known else torch.arange(9.0, dtype=torch.float64)
    bad = at.argsort()[[1, 4, 5, 7]].tolist()
    image = torch.from_numpy(rng.normal(size=(4, 5, 1))) * at + torch.from_numpy(rng.normal(size=(4, 5, 1)))
    image[2, 3] = torch.nan
    gone = left_out(*bad, wavelengths=wavelengths)
    whole = restored(image[..., gone.kept], gone)
    np.testing.assert_allclose(whole, image, rtol=1e-12)
    np.testing.assert_array_equal(whole[..., gone.kept], image[..., gone.kept])


def test_beyond_the_last_band_kept_is_that_band():
    image = torch.from_numpy(np.random.default_rng(0).normal(size=(4, 5, 9))).float()
    gone = left_out(0, 1, 8)
    whole = restored(image[..., gone.kept], gone)
    assert whole.dtype == torch.float32
    for band, like in ((0, 2), (1, 2), (8, 7)):
        np.testing.assert_array_equal(whole[..., band], image[..., like])
    assert restored(image, None) is image


def test_in_words():
    assert named(torch.arange(6) == 4) == "band 4 (counted from 0)"
    wavelengths = torch.linspace(400, 1200, 9)
    filled = "filled in from their neighbours"
    gone = left_out(0, 4, 5, 6, wavelengths=wavelengths)
    gone = LeftOut(gone.dead, torch.arange(9) == 8, torch.arange(3) == 1, wavelengths)
    assert gone.lines(filled=True) == [
        f"LR-HSI bands 0, 4–6 (counted from 0; 400, 800–1000 nm): constant or almost without data; {filled}",
        f"LR-HSI band 8 (counted from 0; 1200 nm): nothing but noise; {filled}",
        "HR-MSI band 1 (counted from 0): constant or almost without data; not used",
    ]
    assert gone.lines(filled=False)[1].endswith("nothing but noise; left out")
