"""Upsampled bands are brought back to the pixels that they were made of."""

import made_up_pairs
import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate as resized

from udaln.io.own_pixels import KERNELS, kernels_of, own_factor, own_pixels
from udaln.physics.interpolation import interpolate

BANDS = np.random.default_rng(0).normal(size=(20, 23, 2)).cumsum(0).cumsum(1)


def upsampled(factor, way):
    image = torch.from_numpy(BANDS)
    if way == "nearest":
        return np.repeat(np.repeat(BANDS, factor, 0), factor, 1)
    if way == "keys":
        return interpolate(image, factor).numpy()
    return resized(image.movedim(-1, 0)[None], scale_factor=factor, mode=way)[0].movedim(0, -1).numpy()


@pytest.mark.parametrize("factor", [2, 3, 6])
@pytest.mark.parametrize(("way", "kernel", "error"), [("nearest", 0, 1e-9), ("bilinear", 1, 1e-3), ("keys", 2, 1e-3)])
def test_the_pixels_return(factor, way, kernel, error):
    image = upsampled(factor, way)
    kernels = kernels_of([image], factor)
    assert kernels.tolist() == [kernel] * 2 and len(KERNELS) == 3
    found = own_pixels(made_up_pairs.image(image), factor, kernels)
    spread = np.abs(np.diff(BANDS, axis=0)).mean()
    np.testing.assert_allclose(found.whole(), BANDS, rtol=0, atol=5 * error * spread)
    window = slice(9, 12), slice(10, 14)
    np.testing.assert_allclose(found.read(*window), found.whole()[window], rtol=0, atol=5 * error * spread)


def test_other_interpolation_is_nearly_undone():
    image = upsampled(3, "bicubic")
    found = own_pixels(made_up_pairs.image(image), 3, kernels_of([image], 3)).whole()
    means = image.reshape(20, 3, 23, 3, 2).mean((1, 3))
    assert np.square(found - BANDS).mean() < 0.1 * np.square(means - BANDS).mean()


def test_gaps_stay():
    image = upsampled(2, "keys")
    image[6:8, 10:12], image[20, 21] = np.nan, np.nan
    found = own_pixels(made_up_pairs.image(image), 2, kernels_of([image], 2)).whole()
    assert np.isnan(found[3, 5]).all() and np.isnan(found).sum() == 2


@pytest.mark.parametrize("way", ["bilinear", "bicubic", "keys"])
@pytest.mark.parametrize("factor", [2, 3, 4])
def test_a_factor_that_is_told_too_large_is_put_right(factor, way):
    image = upsampled(factor, way)[1:, 1:, :1]
    assert [own_factor(image, told) for told in (factor, factor + 1)] == [factor, factor]
