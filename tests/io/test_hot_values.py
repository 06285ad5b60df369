"""Single numbers far beyond the others of a band are found, and bright objects are left in peace."""

import made_up_pairs
import numpy as np
import pytest
from real_scenes import muufl

from udaln.io import missing
from udaln.io.hot_values import find_hot_values, without_hot_values


def scene(bands=6, sides=(40, 50), seed=0):
    """A smooth scene with texture, from 0.5 to 2.5."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[: sides[0], : sides[1]] / 40
    cube = 1.5 + np.sin(5 * rows + 3 * columns)[..., None] * rng.uniform(0.3, 1, bands)
    return (cube + rng.normal(0, 0.05, cube.shape)).astype(np.float32)


@pytest.mark.parametrize("value", [1e10, -1e10, 2e4, 3e38, 30, -30, 12])
@pytest.mark.parametrize(
    "where",
    [
        [(7, 9, 2)],
        [(0, 0, 0)],
        [(39, 49, 5), (20, 20, 1), (20, 22, 4)],
        [(10, 10, 3), (10, 11, 3), (11, 10, 3), (11, 11, 3)],
        [(10, column, 3) for column in range(0, 50, 6)],
    ],
)
def test_numbers_far_beyond_the_others_of_their_band_are_hot(where, value):
    cube = scene()
    hot = np.zeros(cube.shape, bool)
    hot[tuple(np.transpose(where))] = True
    cube[hot] = value
    image = without_hot_values(made_up_pairs.image(cube))
    np.testing.assert_array_equal(image.whole(), np.where(hot, np.nan, cube))
    part = (slice(5, 20), slice(3, 30))
    np.testing.assert_array_equal(image.read(*part), np.where(hot, np.nan, cube)[part])
    (cause,) = image.causes
    assert cause.what.startswith(f"{len(where)} hot value{'s' * (len(where) > 1)}, far beyond the others of band")


@pytest.mark.parametrize("bands", [1, 6])
def test_a_pixel_is_hot_in_all_bands_only_if_no_object_is_as_bright(bands):
    cube = scene(bands)
    cube[7, 9] = 20
    assert find_hot_values([cube]) is None
    cube[7, 9] = 1e4
    flags = find_hot_values([cube]).flags(cube)
    assert flags[7, 9].all() and flags.sum() == bands


def with_part(cube, rows, columns, value):
    cube = cube.copy()
    cube[rows, columns] = value
    return cube


@pytest.mark.parametrize(
    "genuine",
    [
        lambda cube: cube,
        lambda cube: with_part(cube, slice(10, 14), slice(10, 14), 40),  # a bright roof
        lambda cube: with_part(0.01 * cube, 20, 20, 0.9),  # a boat on dark water
        lambda cube: np.where(np.arange(6) == 3, 7, cube),  # a constant band
        lambda cube: np.where(np.arange(6) == 3, cube > 2, cube),  # a mask
        lambda cube: np.where((np.arange(6) == 3) & (np.arange(50) < 40)[:, None], np.nan, cube),
        lambda cube: np.random.default_rng(0).normal(0, 1, cube.shape),  # nothing but noise
        lambda cube: np.random.default_rng(0).standard_exponential(cube.shape),
        lambda cube: np.full_like(cube, np.nan),
    ],
)
def test_measurements_are_not_hot(genuine):
    cube = genuine(scene())
    assert find_hot_values([cube]) is None
    image = made_up_pairs.image(cube)
    assert without_hot_values(image) is image


def test_windows_below_each_other_show_what_the_whole_image_does():
    cube = scene()
    cube[12:14, 30, 2], cube[38, 4, 5] = 1e4, -80
    one, several = find_hot_values([cube]), find_hot_values([cube[:12], cube[12:13], cube[13:]])
    np.testing.assert_array_equal(one.flags(cube), several.flags(cube))
    assert one.count.tolist() == several.count.tolist() == [0, 0, 2, 0, 0, 1]


def test_in_a_part_of_an_image_only_the_farthest_values_are_sure_to_be_hot(monkeypatch):
    cube = scene(sides=(200, 50))
    cube[0, 4, 2], cube[0, 30, 5] = 30, 1e5
    monkeypatch.setattr(missing, "LOOKED_AT", 10_000)
    monkeypatch.setattr("udaln.io.hot_values.LOOKED_AT", 10_000)
    found = np.isnan(without_hot_values(made_up_pairs.image(cube)).whole())
    assert np.argwhere(found).tolist() == [[0, 30, 5]]


def test_no_value_of_a_real_scene_is_hot():
    pair = muufl()
    for image in (pair.lr_hsi, pair.hr_msi, pair.truth.image):
        assert find_hot_values([image.numpy()]) is None
