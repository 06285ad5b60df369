"""A crop is a window at its place; masked values are NaN."""

from dataclasses import replace

import made_up_pairs
import numpy as np
import pytest

from udaln.errors import InputError
from udaln.io.grid import Grid
from udaln.io.views import cropped, masked


def test_a_crop_is_a_view_at_its_place():
    where = Grid("", (30.0, 0.0, 600000.0, 0.0, -30.0, 5000000.0))
    one = made_up_pairs.image(np.arange(20.0 * 24).reshape(20, 24, 1), "lr.tif", grid=where)
    view = cropped(one, slice(3, 17), slice(5, None))
    assert view.shape == (14, 19, 1)
    np.testing.assert_array_equal(view.whole(), one.whole()[3:17, 5:])
    np.testing.assert_array_equal(cropped(view, slice(2, 4), slice(1, 3)).whole(), one.whole()[5:7, 6:8])
    assert view.grid.xy(0, 0) == one.grid.xy(3, 5)
    assert cropped(one, slice(0, 20), slice(0, 24)) is one
    assert cropped(replace(one, grid=None), slice(1, 20), slice(0, 24)).grid is None
    with pytest.raises(InputError, match=r"lr\.tif: expected a window of its 20×24 pixels"):
        cropped(one, slice(25, 30), slice(0, 24))


def test_masked_makes_nan_of_what_is_not_valid():
    values = np.arange(24, dtype=np.float32).reshape(3, 4, 2)
    image = made_up_pairs.image(values)
    mask = np.zeros((3, 4, 1), np.float32)
    mask[1, 2], mask[2, 0] = 3, -0.5
    assert masked(image) is image
    by_mask = masked(image, mask=made_up_pairs.image(mask))
    assert np.argwhere(np.isnan(by_mask.whole()).all(2)).tolist() == [[1, 2], [2, 0]]
    found = masked(image, mask=made_up_pairs.image(mask), nodata=5, saturation=22)
    expected = values.copy()
    expected[1, 2], expected[2, 0], expected[0, 2, 1], expected[2, 3] = np.nan, np.nan, np.nan, np.nan
    np.testing.assert_array_equal(found.whole(), expected)
    np.testing.assert_array_equal(found.read(slice(1, 3), slice(2, 4)), expected[1:3, 2:4])
    assert found.dtype == found.whole().dtype == np.float32


@pytest.mark.parametrize(("nodata", "empty"), [(None, [[0, 0], [1, 1]]), (0.0, [[1, 1]]), (255.0, [[0, 0], [1, 1]])])
def test_what_a_mask_has_no_data_of_is_not_used_unless_zero_is_called_so(nodata, empty):
    mask = made_up_pairs.image(np.array([[np.nan, 0], [0, 1]])[..., None], nodata=nodata)
    found = masked(made_up_pairs.image(np.ones((2, 2, 1), np.float32)), mask=mask)
    assert np.argwhere(np.isnan(found.whole()[..., 0])).tolist() == empty
