"""Numbers become measurements: scale, offset, no data, masks."""

from pathlib import Path

import numpy as np
import pytest

from udaln.io.formats.source import Source
from udaln.io.formats.stored import Stored
from udaln.io.image import Cause


def image(numbers, given=None, **how):
    array = np.asarray(numbers)
    stored = Stored(array.shape, array.dtype, lambda r, c: array[r, c], **how)
    return stored.image(Source(Path("x"), "x", "dataset.lr_hsi", **(given or {})), "test")


def test_each_band_has_its_scale_and_offset():
    numbers = np.arange(12, dtype=np.int16).reshape(2, 3, 2)
    got = image(numbers, scale=np.array([0.5, 1]), offset=np.array([0, -3.0])).whole()
    np.testing.assert_array_equal(got, numbers * [0.5, 1] + [0, -3])
    assert got.dtype == np.float32
    np.testing.assert_array_equal(image(numbers, scale=2, offset=1).whole(), numbers * 2 + 1)


@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "f4", "f8", ">f4", ">i2"])
def test_numbers_as_they_are_stored_stand_for_no_data(dtype):
    numbers = np.arange(12).reshape(2, 3, 2).astype(dtype)
    got = image(numbers, scale=0.1, nodata=[np.array([4.0, np.nan])]).whole()
    assert np.argwhere(np.isnan(got)).tolist() == [[0, 2, 0]]
    assert np.isnan(image(numbers, nodata=[7]).whole()).sum() == 1


def test_a_float32_is_no_data_though_its_header_has_it_in_decimal_or_rounded():
    numbers = np.array([[[-9999.9, 1, -3.4028235e38, 1e20]]], np.float32)
    for nodata in (-9999.9, -3.4028234663852886e38, -3.4028235e38, -3.4e38, 1e20, 9.96921e36):
        assert np.isnan(image(numbers, nodata=[nodata]).whole()).sum() == 1, nodata
    assert not np.isnan(image(numbers, nodata=[-9999.0]).whole()).any()
    assert np.isnan(image(np.float32([[[0.1, 0.2, 0.1001]]]), nodata=[0.1]).whole()).sum() == 1


def test_what_a_mask_names_holds_no_data():
    numbers = np.ones((2, 3, 2), np.uint16)
    pixels, bands = np.zeros((2, 3, 1), bool), np.zeros((2, 3, 2), bool)
    pixels[0, 1], bands[1, 2, 0] = True, True
    masks = [Cause("clouds", lambda r, c: pixels[r, c]), Cause("errors", lambda r, c: bands[r, c])]
    one = image(numbers, masks=masks)
    assert np.argwhere(np.isnan(one.whole())).tolist() == [[0, 1, 0], [0, 1, 1], [1, 2, 0]]
    assert [cause.what for cause in one.causes] == ["clouds", "errors"]


def test_what_the_user_says_is_compared_with_the_numbers_as_they_are_stored():
    numbers = np.int16([[[-9999, 2], [5, 4095], [4096, 0]]])
    one = image(numbers, {"nodata": (-9999, 0), "saturation": 4095}, scale=1e-4, offset=0.5, nodata=[5.0])
    assert np.isnan(one.whole()).astype(int).tolist() == [[[1, 0], [1, 1], [1, 1]]]
    expected = [
        "no-data value 5 of the file",
        "dataset.nodata=-9999",
        "dataset.nodata=0",
        "dataset.saturation=4095",
    ]
    assert [cause.what for cause in one.causes] == expected
    assert [cause.flags(slice(0, 1), slice(0, 3)).sum() for cause in one.causes] == [1, 1, 1, 2]


def test_numbers_outside_of_the_valid_range_are_no_measurements():
    found = image(np.arange(6, dtype="u1").reshape(1, 3, 2), valid_range=(1, 4), scale=0.1).whole()
    assert np.isnan(found).astype(int).tolist() == [[[1, 0], [0, 0], [0, 1]]]


def test_bands_are_selected_with_all_that_belongs_to_them():
    numbers = np.arange(12, dtype=np.int16).reshape(2, 3, 2)
    bands, pixels = np.zeros((2, 3, 2), bool), np.zeros((2, 3, 1), bool)
    bands[0, 0, 1], pixels[1, 1] = True, True
    masks = [Cause("a", lambda r, c: bands[r, c]), Cause("b", lambda r, c: pixels[r, c])]
    array = Stored(
        (2, 3, 2), numbers.dtype, lambda r, c: numbers[r, c], np.array([1.0, 2]), 1, [np.array([4.0, 11])], masks=masks
    )
    source = Source(Path("x"), "x", "dataset.lr_hsi")
    whole, turned = array.image(source, "test").whole(), array.select(np.array([1, 0])).image(source, "test").whole()
    np.testing.assert_array_equal(turned, whole[..., ::-1])
    assert np.isnan(whole).sum() == 5
