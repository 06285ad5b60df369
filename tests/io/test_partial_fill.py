"""Undeclared fill of one of two detectors is found; what was clipped is left in peace."""

import made_up_pairs
import numpy as np
import pytest

from udaln.io.partial_fill import find_partial_fill, without_partial_fill

BANDS = 20
SECOND = np.arange(BANDS) >= 11  # bands of the second detector


def scene(seed=0):
    """A smooth scene with texture, 40×50 pixels."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:40, :50] / 40
    cube = (1.5 + np.sin(5 * rows + 3 * columns))[..., None] * rng.uniform(0.3, 1, BANDS)
    return (cube + rng.normal(0, 0.05, cube.shape)).astype(np.float32)


def turned():
    rows, columns = np.mgrid[:40, :50]
    return rows + 0.4 * columns < 14


def columns():
    return np.broadcast_to(np.arange(50) >= 46, (40, 50))


def rim():
    return np.broadcast_to((np.arange(40) < 2)[:, None], (40, 50)) | (np.arange(50) < 3)


def block():
    hole = np.zeros((40, 50), bool)
    hole[11:16, 20:27] = True
    return hole


def check(cube, where, bands, number):
    expected = np.where(where[..., None] & bands, np.nan, cube)
    image = without_partial_fill(made_up_pairs.image(cube))
    np.testing.assert_array_equal(image.whole(), expected)
    np.testing.assert_array_equal(image.read(slice(3, 30), slice(2, 50)), expected[3:30, 2:50])
    assert [cause.what for cause in image.causes] == [f"undeclared fill {number:g} in {bands.sum()} of {BANDS} bands"]


@pytest.mark.parametrize("where", [turned, columns, rim, block])
@pytest.mark.parametrize("number", [-9999, 65535, -1])
@pytest.mark.parametrize("bands", [SECOND, ~SECOND])
def test_a_number_beyond_the_measurements_is_fill_wherever_it_is(bands, number, where):
    cube = scene()
    cube[where()[..., None] & bands] = number
    check(cube, where(), bands, number)


@pytest.mark.parametrize("where", [turned, columns, rim])
def test_zeros_along_the_border_are_fill(where):
    cube = scene()
    cube[where()[..., None] & SECOND] = 0
    check(cube, where(), SECOND, 0)


def test_beside_dark_ground_whole_columns_are_fill_and_others_are_not():
    cube = scene() * np.clip(np.arange(50) / 25, 0.02, 1)[None, :, None].astype(np.float32)
    cube[..., SECOND] = np.maximum(cube[..., SECOND], 1e-3)
    straight, bent = np.broadcast_to(np.arange(50) < 4, (40, 50)), np.add.outer(np.arange(40), 6 * np.arange(50)) < 30
    for where in (straight, bent):
        filled = cube.copy()
        filled[where[..., None] & SECOND] = 0
        assert bool(find_partial_fill([filled])) == (where is straight)


@pytest.mark.parametrize(
    "spoilt",
    [
        lambda cube: cube,
        lambda cube: np.maximum(cube - np.quantile(cube, 0.3), 0),  # clipped below
        lambda cube: np.minimum(cube, np.quantile(cube, 0.7)),  # saturated
        lambda cube: np.rint(20 * cube),
        lambda cube: np.where(SECOND, 0, cube),  # bands without a signal
        lambda cube: np.where(turned()[..., None], np.nan, cube),
        lambda cube: np.full_like(cube, np.nan),
        lambda cube: np.where(block()[..., None] & (np.arange(BANDS) < 3), 0, cube),  # zeros of three bands
    ],
)
def test_what_is_no_fill_is_left_in_peace(spoilt):
    image = made_up_pairs.image(spoilt(scene()).astype(np.float32))
    assert without_partial_fill(image) is image


def test_a_lake_that_is_clipped_keeps_its_zeros():
    """It lies along the border, and its shore is dark."""
    depth = np.clip((np.add.outer(np.arange(40), np.arange(50)) - 20) / 30, -1, 1)[..., None]
    noise = np.random.default_rng(0).normal(0, 0.05, (40, 50, BANDS))
    assert not find_partial_fill([np.maximum(depth + noise, 0).astype(np.float32)])


def test_an_image_of_few_bands_is_not_looked_at():
    image = made_up_pairs.image(np.where(turned()[..., None] & (np.arange(4) < 3), 0, scene()[..., :4]))
    assert without_partial_fill(image) is image
