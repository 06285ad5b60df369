"""Lines of one number are found where a detector or a transmission failed, and only there."""

import made_up_pairs
import numpy as np
import pytest

from udaln.io import missing
from udaln.io.dead_lines import find_dead_lines, without_dead_lines


def scene(bands=6, sides=(40, 50), seed=0):
    """A smooth scene with texture."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[: sides[0], : sides[1]] / 40
    cube = 1.5 + np.sin(5 * rows + 3 * columns)[..., None] * rng.uniform(0.3, 1, bands)
    return (cube + rng.normal(0, 0.05, cube.shape)).astype(np.float32)


@pytest.mark.parametrize("value", [0, -9999, 65535, 3.2])
@pytest.mark.parametrize("bands", [slice(None), slice(2, 3)])
@pytest.mark.parametrize("line", [0, 17, slice(8, 11), -1])
@pytest.mark.parametrize("axis", [0, 1])
def test_a_line_of_one_number_is_no_measurement(axis, line, bands, value):
    cube = scene()
    where = np.zeros(cube.shape, bool)
    (where if axis == 0 else where.swapaxes(0, 1))[line, :, bands] = True
    cube[where] = value
    image = without_dead_lines(made_up_pairs.image(cube))
    np.testing.assert_array_equal(image.whole(), np.where(where, np.nan, cube))
    part = (slice(5, 20), slice(3, 30))
    np.testing.assert_array_equal(image.read(*part), np.where(where, np.nan, cube)[part])
    (cause,) = image.causes
    assert cause.what.startswith(f"one number along {('row', 'column')[axis]}")


def test_numbers_that_differ_by_band_are_dead_where_the_whole_line_is():
    cube = scene()
    cube[17] = np.linspace(0.1, 4, 6)  # in a band or two it is near the measurements
    (where,) = np.flatnonzero(find_dead_lines([cube]).rows.all(1))
    assert where == 17


def test_lines_through_what_has_no_data_are_looked_at_where_there_are_data():
    cube = scene()
    cube[:10, :30], cube[:, 35] = np.nan, 0
    dead = find_dead_lines([cube])
    assert not dead.rows.any() and np.flatnonzero(dead.columns.all(1)).tolist() == [35]


@pytest.mark.parametrize(
    "spoilt",
    [
        lambda cube: np.where((np.arange(40) > 25)[:, None, None], 0, cube),  # a border, or a lake
        lambda cube: np.where((cube < np.median(cube)), 0, cube),  # zeros of single bands
        lambda cube: np.minimum(cube, 1.0),  # saturated
        lambda cube: np.where(np.arange(6) == 3, 7, cube),  # a band without a signal
        lambda cube: np.rint(4 * cube),  # few levels
        lambda cube: np.where((np.arange(40) % 2 == 0)[:, None, None], 0, cube),  # half of the lines
        lambda cube: np.where((np.arange(50) < 49)[None, :, None], np.nan, cube),
        lambda cube: cube * np.linspace(1, 1.5, 50)[None, :, None],
    ],
)
def test_what_else_is_constant_is_left_in_peace(spoilt):
    image = made_up_pairs.image(spoilt(scene()).astype(np.float32))
    assert without_dead_lines(image) is image


def test_a_band_that_fades_to_zero_along_a_lake_keeps_its_zeros():
    rng = np.random.default_rng(0)
    cube = np.maximum(np.abs(np.arange(40) - 20)[:, None, None] / 20 + rng.normal(0, 0.05, (40, 50, 3)), 0)
    cube[18:21] = 0
    assert find_dead_lines([cube.astype(np.float32)]) is None


def test_windows_below_each_other_are_one_image():
    cube = scene()
    cube[12], cube[:, 7] = 0, 0
    one, several = find_dead_lines([cube]), find_dead_lines([cube[:12], cube[12:13], cube[13:]])
    np.testing.assert_array_equal(one.rows, several.rows)
    np.testing.assert_array_equal(one.columns, several.columns)


def test_of_a_large_image_columns_are_found(monkeypatch):
    cube = scene(3, (400, 50))
    cube[12], cube[:, 7] = 0, 0
    monkeypatch.setattr(missing, "LOOKED_AT", 9000)
    found = np.isnan(without_dead_lines(made_up_pairs.image(cube)).whole())
    np.testing.assert_array_equal(found, np.broadcast_to((np.arange(50) == 7)[None, :, None], cube.shape))
