"""Numbers become measurements: scale, offset, no data, masks."""

import numpy as np
import pytest

from udaln.io.formats.stored import Stored

ROWS, COLUMNS = slice(0, 2), slice(0, 3)


def stored(numbers, **how):
    array = np.asarray(numbers)
    return Stored(array.shape, array.dtype, lambda r, c: array[r, c], **how)


def test_each_band_has_its_scale_and_offset():
    numbers = np.arange(12, dtype=np.int16).reshape(2, 3, 2)
    got = stored(numbers, scale=np.array([0.5, 1]), offset=np.array([0, -3.0])).values(ROWS, COLUMNS)
    np.testing.assert_array_equal(got, numbers * [0.5, 1] + [0, -3])
    assert got.dtype == np.float32
    np.testing.assert_array_equal(stored(numbers, scale=2, offset=1).values(ROWS, COLUMNS), numbers * 2 + 1)


@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "f4", "f8", ">f4", ">i2"])
def test_numbers_as_they_are_stored_stand_for_no_data(dtype):
    numbers = np.arange(12).reshape(2, 3, 2).astype(dtype)
    got = stored(numbers, scale=0.1, nodata=np.array([4.0, np.nan])).values(ROWS, COLUMNS)
    assert np.argwhere(np.isnan(got)).tolist() == [[0, 2, 0]]
    assert np.isnan(stored(numbers, nodata=7).values(ROWS, COLUMNS)).sum() == 1


def test_a_float32_is_no_data_though_its_header_has_it_in_decimal():
    numbers = np.array([[[-1.23e34, 1, -3.4028235e38]]], np.float32)
    for nodata in (-1.23e34, -3.4028234663852886e38, -3.4028235e38):
        assert np.isnan(stored(numbers, nodata=nodata).values(ROWS, COLUMNS)).sum() == 1
    assert not np.isnan(stored(numbers, nodata=-1e300).values(ROWS, COLUMNS)).any()


def test_what_a_mask_names_holds_no_data():
    numbers = np.ones((2, 3, 2), np.uint16)
    pixels, bands = np.zeros((2, 3), bool), np.zeros((2, 3, 2), bool)
    pixels[0, 1], bands[1, 2, 0] = True, True
    got = stored(numbers, masks=[lambda r, c: pixels[r, c], lambda r, c: bands[r, c]]).values(ROWS, COLUMNS)
    assert np.argwhere(np.isnan(got)).tolist() == [[0, 1, 0], [0, 1, 1], [1, 2, 0]]
