"""Interpolated bands are told from sharp ones of the same stack, and no other stack has any."""

from itertools import pairwise

import numpy as np
import places
import pytest
from made_up_stacks import textured, upsampled
from scipy.io import loadmat
from scipy.ndimage import gaussian_filter, zoom

from udaln.io.band_spectra import interpolated_factors


def factors(image, candidates=None):
    chosen = np.ones(image.shape[2], bool) if candidates is None else candidates
    return interpolated_factors([image], chosen).tolist()


@pytest.mark.parametrize("way", ["bilinear", "bicubic", "spline"])
@pytest.mark.parametrize("factor", [2, 3, 4, 6])
@pytest.mark.parametrize("coarse", [[1], [0, 4], [1, 2, 3]])
def test_interpolated_bands_tell_their_factor(factor, way, coarse):
    image = textured()
    image[..., coarse] = upsampled(image[..., coarse], factor, way)
    found = np.array(factors(image))
    assert np.flatnonzero(found > 1).tolist() == coarse
    assert (abs(found[coarse] - factor) <= (1 if factor > 4 else 0)).all()


def test_a_single_sharp_band_tells_the_others():
    image = textured()
    image[..., 1:] = upsampled(image[..., 1:], 4, "spline")
    assert factors(image) == [1, 4, 4, 4, 4]


def test_gaps_and_several_windows_change_nothing():
    image = textured()
    image[..., 1:2] = upsampled(image[..., 1:2], 2, "spline")
    gaps = image.copy()
    gaps[30:60, 40:90], gaps[::17, ::13, 1] = np.nan, np.nan
    assert factors(gaps) == factors(image) == [1, 2, 1, 1, 1]
    assert interpolated_factors([image[:60], image[60:]], np.ones(5, bool)).tolist() == [1, 2, 1, 1, 1]


def test_only_candidates_are_looked_at():
    image = textured()
    image[..., 1:3] = upsampled(image[..., 1:3], 2, "spline")
    assert factors(image, np.arange(5) != 1) == [1, 1, 2, 1, 1]


def variants(image):
    """A stack as other sensors, or other people, would have it: none of them unequally sharp."""
    rng = np.random.default_rng(0)
    size = np.sqrt(np.square(image).mean((0, 1)))
    yield image
    yield image + rng.normal(size=image.shape) * size * 0.03
    yield image + rng.normal(size=image.shape) * size * np.logspace(-3, -1, image.shape[2])
    yield gaussian_filter(image, (1, 1, 0))
    yield gaussian_filter(image, (2, 2, 0)) + rng.normal(size=image.shape) * size * 0.003
    yield zoom(image, (1.13, 1.13, 1), order=1)
    yield np.round(image / image.max((0, 1)) * 255)
    yield upsampled(image[: image.shape[0] // 2 * 2, : image.shape[1] // 2 * 2], 2, "spline")
    yield image[:48, :48]


def test_stacks_of_one_sharpness_have_none():
    for image in variants(textured() + 20):
        assert set(factors(image)) == {1}


@pytest.mark.parametrize("scene", ["jasper_ridge", "muufl_gulfport", "pavia_center", "samson"])
def test_genuine_bands_have_none(scene):
    file = places.SHARED / scene / "REF.mat"
    if not file.exists():
        pytest.skip("the scene is not here")
    cube = loadmat(file)["REF"].astype(float)
    edges = np.linspace(0, cube.shape[2], 9).astype(int)
    bands = np.stack([cube[..., first:last].mean(2) for first, last in pairwise(edges)], -1)
    for image in variants(bands):
        assert set(factors(image)) == {1}


def test_little_says_nothing():
    assert factors(textured(24)) == [1] * 5
    assert factors(textured()[..., :1]) == [1]
    assert factors(np.ones((60, 60, 3))) == [1, 1, 1]
    assert factors(np.full((60, 60, 3), np.nan)) == [1, 1, 1]
    assert interpolated_factors([], np.ones(2, bool)).tolist() == [1, 1]
