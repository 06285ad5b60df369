"""Single pixels of undeclared fill are found; what is dark, clipped, saturated or of few levels is left in peace."""

import made_up_pairs
import numpy as np
import pytest

from udaln.io.lone_fill import find_lone_fill, without_lone_fill

PLACES = ([7, 20, 33, 5], [8, 41, 12, 30])


def scene(bands, dtype=np.float32, seed=0):
    """A smooth scene with noise, 40×50 pixels, values from about 0.1 to 0.9; whole numbers up to 9000 or 220."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:40, :50] / 40
    spectra = rng.uniform(0.4, 1, (3, bands))
    cube = np.stack([np.sin(3 * rows) ** 2, columns, 1 - rows * columns / 2], 2) @ spectra
    cube = 0.1 + 0.7 * (cube / cube.max()) + rng.normal(0, 0.01, cube.shape)
    factor = {np.uint8: 240, np.int16: 1e4}.get(dtype, 1)
    return (cube * factor).astype(dtype).astype(np.float32)


def check(cube, where):
    expected = np.where(where, np.nan, cube)
    image = without_lone_fill(made_up_pairs.image(cube))
    np.testing.assert_array_equal(image.whole(), expected)
    np.testing.assert_array_equal(image.read(slice(5, 30), slice(2, 50)), expected[5:30, 2:50])
    assert all("in single pixels" in cause.what for cause in image.causes)


def places(count=4):
    there = np.zeros((40, 50), bool)
    there[tuple(np.array(PLACES)[:, :count])] = True
    return there


@pytest.mark.parametrize("count", [1, 4])
@pytest.mark.parametrize("dtype", [np.float32, np.int16, np.uint8])
@pytest.mark.parametrize("bands", [3, 4, 8, 60])
def test_zeros_of_single_pixels_are_found(bands, dtype, count):
    cube = scene(bands, dtype)
    cube[places(count)] = 0
    check(cube, places(count)[..., None])


@pytest.mark.parametrize("number", [-9999, -1, 0, 65535])
@pytest.mark.parametrize("part", [slice(0, 30), slice(20, 60), slice(25, 45)])
def test_a_number_in_a_part_of_many_bands_is_found(part, number):
    cube = scene(60)
    cube[places(), part] = number
    check(cube, places()[..., None] & np.isin(np.arange(60), np.arange(60)[part]))


def test_zeros_are_found_beside_negative_values_missing_ones_and_dead_bands():
    cube = scene(30) - 0.3
    cube[5, 6], cube[9, 9, 4] = np.nan, np.nan
    cube[places()] = 0
    cube[..., 3] = 0.5
    check(cube, np.isnan(cube) | places()[..., None] & (np.arange(30) != 3))
    assert find_lone_fill([scene(30)]) == []


@pytest.mark.parametrize("bands", [1, 2, 3, 4, 8, 60])
@pytest.mark.parametrize(
    "change",
    [
        lambda cube: cube,
        lambda cube: np.rint(255 * cube),
        lambda cube: np.rint(20 * cube),
        lambda cube: np.rint(5 * cube),
        lambda cube: np.maximum(cube - np.quantile(cube, 0.3), 0),  # clipped below
        lambda cube: np.rint(255 * np.maximum(cube - np.quantile(cube, 0.01), 0)),  # black shadows
        lambda cube: np.minimum(cube, np.quantile(cube, 0.8)),  # saturated
        lambda cube: np.minimum(cube, np.quantile(cube, 0.999)),
        lambda cube: np.where(places()[..., None] & (np.arange(cube.shape[2]) == 0), 0, cube),  # of single bands
        lambda cube: np.where(places(1)[..., None], cube.mean(), cube),  # a grey reference panel
        lambda cube: np.full_like(cube, np.nan),
        np.zeros_like,
    ],
)
def test_measurements_are_left_in_peace(change, bands):
    cube = change(scene(bands)).astype(np.float32)
    image = made_up_pairs.image(cube)
    assert without_lone_fill(image) is image


def test_a_dark_pond_keeps_its_zeros():
    """Its spectrum falls to zero, and stays there."""
    cube = scene(60)
    cube[places(2)] = np.maximum(0.2 - 0.01 * np.arange(60), 0)
    assert find_lone_fill([cube]) == []


def test_a_glint_that_is_saturated_in_all_bands_is_no_fill():
    cube = scene(4, np.uint8)
    cube[places()] = 255
    assert find_lone_fill([cube]) == []
