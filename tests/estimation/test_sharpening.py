"""Bands with large pixels are sharpened by those with small ones, never to their harm."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from places import SHARED
from scipy.ndimage import gaussian_filter
from torch.nn.functional import avg_pool2d

from udaln.estimation.sharpening import BLURS, fit_sharpener
from udaln.metrics import psnr, sam
from udaln.physics.interpolation import interpolate


def averaged(image, scale=2):
    return avg_pool2d(image.movedim(-1, 0), scale).movedim(0, -1)


def scene(seed=0, side=64, bands=3):
    """Four sharp bands, and bands that follow from them but for a part of their own."""
    rng = np.random.default_rng(seed)
    sharp = gaussian_filter(rng.uniform(size=(side, side, 4)), (0.7, 0.7, 0))
    own = gaussian_filter(rng.uniform(size=(side, side, bands)), (4, 4, 0))
    return torch.from_numpy(sharp), torch.from_numpy(sharp @ rng.uniform(0, 0.4, (4, bands)) + own)


def blurred(image, fwhm):
    return torch.from_numpy(gaussian_filter(image.numpy(), (fwhm / 2.3548, fwhm / 2.3548, 0), mode="nearest"))


def error(image, truth):
    return (image - truth).square().mean((0, 1)).sqrt()


@pytest.mark.parametrize("scale", [2, 3])
@pytest.mark.parametrize("blur", [0.0, 1.5, 2.5])
def test_it_finds_the_blur_and_undoes_it(scale, blur):
    sharp, truth = scene(side=96)
    bands = averaged(blurred(truth, blur), scale)
    sharpener = fit_sharpener(sharp, bands, scale)
    assert (sharpener.blurs - blur).abs().max() <= 0.25 * scale  # between two of those that are tried
    image = sharpener(sharp, bands)
    assert (error(image, truth) < 0.2 * error(interpolate(bands, scale), truth)).all()


def test_averaged_again_the_image_is_the_bands():
    sharp, truth = scene(1)
    bands = averaged(truth)
    image = fit_sharpener(sharp, bands, 2)(sharp, bands)
    assert error(averaged(image), bands).max() < 0.1 * bands.std((0, 1)).min()


def test_bands_that_are_displaced_are_sharpened_by_what_is_around():
    sharp, truth = scene(2, side=256)
    moved = torch.cat([truth[..., :2].roll((2, -1), (0, 1)), truth[..., 2:]], 2)
    bands = averaged(moved)
    sharpener = fit_sharpener(sharp, bands, 2)
    image = sharpener(sharp, bands)[8:-8, 8:-8]
    expected, plain = moved[8:-8, 8:-8], interpolate(bands, 2)[8:-8, 8:-8]
    assert (error(image, expected) < 0.5 * error(plain, expected)).all()
    far = sharpener.kernels[2].clone()
    far[:, 3, 3] = 0
    assert not far.any(), "a band in its place depends on one pixel alone"


def test_what_differs_from_place_to_place_is_followed():
    sharp, _ = scene(6, side=128)
    places = torch.arange(128, dtype=torch.float64)
    change = 0.5 + 0.5 * torch.sin(places / 12)[:, None, None]
    truth = torch.cat([change * sharp[..., :1] + (1 - change) * sharp[..., 1:2], sharp[..., 2:3]], 2)
    bands = averaged(truth)
    sharpener = fit_sharpener(sharp, bands, 2)
    assert sharpener.local[0]
    image = sharpener(sharp, bands)
    everywhere = replace(sharpener, local=torch.zeros(2, dtype=torch.bool))(sharp, bands)
    assert error(image, truth)[0] < 0.5 * error(everywhere, truth)[0]
    sharp[40:50, 60:64], bands[30, 10:20] = torch.nan, torch.nan
    with_gaps = sharpener(sharp, bands)
    assert with_gaps.isfinite().all()
    assert error(with_gaps[:24], image[:24]).max() < 1e-6


def test_bands_that_nothing_explains_are_interpolated():
    rng = np.random.default_rng(4)
    sharp = torch.from_numpy(rng.uniform(size=(96, 96, 4)))
    truth = torch.from_numpy(gaussian_filter(rng.uniform(size=(96, 96, 2)), (2, 2, 0)))
    bands = averaged(truth)
    image = fit_sharpener(sharp, bands, 2)(sharp, bands)
    torch.testing.assert_close(image, interpolate(bands, 2))


def test_gaps_cost_what_is_near_to_them_alone():
    sharp, truth = scene(5)
    bands = averaged(truth)
    expected = fit_sharpener(sharp, bands, 2)(sharp, bands)
    sharp[20:24, 30:36], bands[10:12, 15:18] = torch.nan, torch.nan
    image = fit_sharpener(sharp, bands, 2)(sharp, bands)
    assert image.isfinite().all()
    away = torch.ones(image.shape[:2], dtype=torch.bool)
    away[12:32, 22:44] = False
    assert (
        error(image[away][None], expected[away][None]).max()
        < 0.1 * error(interpolate(bands.nan_to_num(0.5), 2), truth).max()
    )


@pytest.mark.parametrize("sides", [(1, 1), (2, 3), (3, 40)])
def test_of_few_pixels_it_interpolates(sides):
    bands = torch.rand(*sides, 2, dtype=torch.float64)
    sharp = torch.full((2 * sides[0], 2 * sides[1], 4), torch.nan, dtype=torch.float64)
    sharpener = fit_sharpener(sharp, bands, 2)
    torch.testing.assert_close(sharpener(sharp, bands), interpolate(bands, 2))
    assert set(sharpener.blurs.tolist()) <= {2 * blur for blur in BLURS}


def test_bands_of_20_m_at_10_m_by_the_scale_above_theirs():
    """Wald's protocol on a genuine Sentinel-2 product: 40 m to 20 m."""
    rasterio = pytest.importorskip("rasterio", reason="the extra io is not installed")
    folder = SHARED / "sentinel2_10_20"
    if not folder.exists():
        pytest.skip("no Sentinel-2 bands here")

    def read(names):
        bands = [rasterio.open(folder / f"{name}.tif").read(1) / 1e4 for name in names]
        return torch.from_numpy(np.stack(bands, -1))

    truth = read(["B05", "B06", "B07", "B8A", "B11", "B12"])
    sharp, bands = averaged(read(["B02", "B03", "B04", "B08"])), averaged(truth)
    plain, image = interpolate(bands, 2), fit_sharpener(sharp, bands, 2)(sharp, bands)
    assert psnr(truth, image) > psnr(truth, plain) + 8
    assert sam(truth, image) < 0.6 * sam(truth, plain)
    assert psnr(truth, image) > 38.6
    assert sam(truth, image) < 1.95
