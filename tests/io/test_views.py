"""A crop is a window at its place; masked values are NaN."""

from dataclasses import replace

import made_up_pairs
import numpy as np
import pytest

from udaln.errors import InputError
from udaln.io.grid import Grid
from udaln.io.image import Cause, Packing
from udaln.io.views import cropped, masked, select_bands


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


def test_masked_makes_nan_of_what_a_cause_flags_and_a_crop_takes_the_cause_along():
    values = np.arange(24, dtype=np.float32).reshape(3, 4, 2)
    flags = np.zeros((3, 4, 1), bool)
    flags[1, 2], flags[2, 0] = True, True
    found = masked(made_up_pairs.image(values), Cause("clouds", lambda rows, cols: flags[rows, cols]))
    np.testing.assert_array_equal(found.whole(), np.where(flags, np.nan, values))
    assert found.dtype == found.whole().dtype == np.float32 and not np.isnan(values).any()
    window = cropped(found, slice(1, 3), slice(2, 4))
    np.testing.assert_array_equal(window.whole(), found.whole()[1:3, 2:4])
    np.testing.assert_array_equal(window.causes[0].flags(slice(0, 2), slice(0, 2)), flags[1:3, 2:4])


def test_the_packing_follows_the_bands():
    numbers = np.arange(24.0, dtype=np.float32).reshape(2, 3, 4)
    packing = Packing(np.array([1.0, 2.0, 4.0, 8.0]), -1.0)
    image = made_up_pairs.image((numbers * packing.scale + packing.offset).astype(np.float32), packing=packing)
    part = select_bands(image, [3, 0])
    assert np.array_equal(part.packing.numbers(part.whole()), numbers[..., [3, 0]])
    assert not part.packing.is_plain and select_bands(made_up_pairs.image(numbers), [1]).packing.is_plain
