"""Undeclared fill is found for what it is: exact, in blocks, apart from the measurements."""

import made_up_pairs
import numpy as np
import pytest

from udaln.io.fill import find_fill, without_fill


def scene(bands, dtype=np.float32, seed=0):
    """A smooth scene with noise, 40×50 pixels, values from about 500 to 4000, or 10 to 200 in uint8."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:40, :50] / 40
    spectra = rng.uniform(0.3, 1, (3, bands))
    cube = np.stack([np.sin(3 * rows) ** 2, columns, 1 - rows * columns / 2], 2) @ spectra
    cube = 0.15 + 0.7 * (cube / cube.max()) + rng.normal(0, 0.01, cube.shape)
    return (cube * (220 if dtype == np.uint8 else 4000)).astype(dtype)


def footprint():
    """Outside of a turned footprint, 40×50 bool."""
    rows, columns = np.mgrid[:40, :50]
    return (rows + 0.5 * columns < 12) | (rows - 0.5 * columns > 28)


def hole():
    block = np.zeros((40, 50), bool)
    block[11:16, 20:27] = True
    return block


def filled_pixels(cube):
    image = without_fill(made_up_pairs.image(cube))
    return np.isnan(image.whole()).all(2), image


@pytest.mark.parametrize("where", [footprint, hole])
@pytest.mark.parametrize("value", [-9999, -1, 0, -32768, 65535, -9999 * 1e-4])
@pytest.mark.parametrize("bands", [4, 9, 60])
def test_fill_at_the_rim_or_in_a_block_is_found_and_named(bands, value, where):
    cube = scene(bands)
    cube[where()] = value
    found, image = filled_pixels(cube)
    np.testing.assert_array_equal(found, where())
    assert [cause.what for cause in image.causes] == [f"undeclared fill {value:g}"]
    np.testing.assert_array_equal(image.whole()[~where()], cube[~where()])


@pytest.mark.parametrize("bands", [1, 3])
@pytest.mark.parametrize("value", [0, 255])
def test_fill_of_few_bands_of_bytes_is_found_at_the_rim(bands, value):
    cube = scene(bands, np.uint8).astype(np.float32)
    cube[footprint()] = value
    np.testing.assert_array_equal(filled_pixels(cube)[0], footprint())


def test_fill_times_a_factor_of_each_band_is_found():
    cube, factors = scene(30), np.linspace(0.5e-4, 2e-4, 30)
    cube[footprint()] = -9999
    found, image = filled_pixels((cube * factors).astype(np.float32))
    np.testing.assert_array_equal(found, footprint())
    assert "(one value for each band)" in image.causes[0].what


def test_several_values_of_fill_are_found_beside_dead_bands_and_missing_values():
    cube = scene(20)
    cube[footprint()], cube[hole()] = -9999, 0
    cube[..., 3], cube[5, 30, 7] = 0.5, np.nan
    cube[0, 0] = np.nan
    found = filled_pixels(cube)[0]
    np.testing.assert_array_equal(found, footprint() | hole())


def test_fill_is_found_where_every_band_has_gaps():
    cube = scene(20)
    cube[np.random.default_rng(0).random(cube.shape) < 0.05] = np.nan
    cube[footprint()] = -9999
    cube[..., 4] = np.nan
    np.testing.assert_array_equal(filled_pixels(cube)[0] & footprint(), footprint())
    assert filled_pixels(cube)[0].sum() == footprint().sum()


@pytest.mark.parametrize("bands", [1, 3, 9, 60])
def test_measurements_are_left_in_peace(bands):
    cube = scene(bands)
    assert not filled_pixels(cube)[0].any()
    if bands > 3:
        cube[hole(), 2] = 0  # of a single band
        assert not np.isnan(without_fill(made_up_pairs.image(cube)).whole()).any()
    dark = np.maximum(scene(bands, np.uint8).astype(np.float32) - 90, 0)  # shadows that are black
    if bands <= 3:
        assert not filled_pixels(dark)[0].any()
    bright = np.minimum(cube, np.percentile(cube, 95))  # saturated
    assert filled_pixels(bright)[0].mean() < 0.01 or bands == 60


@pytest.mark.parametrize("bands", [3, 30])
def test_an_image_of_flat_areas_has_no_fill_for_that(bands):
    rng = np.random.default_rng(1)
    spectra = np.sort(rng.uniform(0.1, 0.9, (4, bands)), 0).astype(np.float32)
    classes = np.kron(rng.integers(0, 4, (10, 10)), np.ones((4, 4), int))
    assert find_fill([spectra[classes]]) == []


@pytest.mark.parametrize("value", [-9999, 65535, 1e20])
def test_single_pixels_of_many_bands_are_enough_if_they_are_far_off(value):
    cube = scene(30)
    cube[7, 8], cube[30, 41] = value, value
    assert np.argwhere(filled_pixels(cube)[0]).tolist() == [[7, 8], [30, 41]]
    cube = scene(30)
    cube[7, 8] = cube.mean()  # a grey reference panel
    assert not filled_pixels(cube)[0].any()


def test_nothing_is_found_where_there_is_nothing():
    assert find_fill([np.full((3, 3, 2), np.nan)]) == []
    assert find_fill([np.zeros((3, 3, 2))]) == []
    image = made_up_pairs.image(scene(5))
    assert without_fill(image) is image


@pytest.mark.parametrize("bands", [1, 3])
@pytest.mark.parametrize("levels", [6, 10, 20])
def test_a_dark_image_of_few_levels_is_no_series_of_fills(bands, levels):
    """Its darkest pixels are flat areas, also at the rim."""
    cube = scene(bands).astype(np.float64)
    cube = np.rint(levels * cube / cube.max()).astype(np.float32)
    assert not find_fill([cube]) and not find_fill([cube.max() - cube])
