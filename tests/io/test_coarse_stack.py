"""Bands whose pixels are repeated are brought back to them and sharpened; all others stay as they are."""

from dataclasses import replace

import made_up_pairs
import numpy as np
import pytest

from udaln.io.coarse_stack import with_sharpened_bands
from udaln.io.image import Bands, Cause, Packing
from udaln.io.views import every_nth, masked, select_bands


def stack(factor=2, side=96):
    """Six sharp bands, and the same with the second and the last as they come from larger pixels."""
    sharp = made_up_pairs.images((side // 4, side // 4), 4, bands=12, msi_bands=6)[1]
    blocks = sharp.reshape(side // factor, factor, side // factor, factor, 6).mean((1, 3))
    coarse = blocks.repeat(factor, 0).repeat(factor, 1)
    return sharp, np.where(np.isin(np.arange(6), (1, 5)), coarse, sharp).astype(np.float32)


@pytest.mark.parametrize("factor", [2, 3])
def test_repeated_bands_are_nearer_to_the_sharp_ones_and_said(factor):
    sharp, mixed = stack(factor)
    image = replace(made_up_pairs.image(mixed), bands=Bands([f"b{i}" for i in range(6)]))
    found = with_sharpened_bands(image)
    got = found.whole()
    np.testing.assert_array_equal(got[..., [0, 2, 3, 4]], mixed[..., [0, 2, 3, 4]])
    error, before = (np.square(cube - sharp)[..., [1, 5]].mean() for cube in (got, mixed))
    assert error < 0.5 * before
    assert list(found.bands.names) == list(image.bands.names)
    assert found.notes == (
        f"bands 1, 5 (counted from 0): their pixels are repeated {factor}×{factor} times; sharpened by the others",
    )


def test_what_is_masked_stays_so():
    _, mixed = stack()
    hole = np.zeros((96, 96, 1), bool)
    hole[10:14, 20:26] = True
    found = with_sharpened_bands(masked(made_up_pairs.image(mixed), Cause("a", lambda r, c: hole[r, c])))
    assert np.isnan(found.whole()[10:14, 20:26]).all() and not np.isnan(found.whole()[30:]).any()


def test_other_images_stay_as_they_are():
    sharp, mixed = stack()
    for cube in (sharp, mixed[..., [1, 5]], mixed[1:, :], mixed[:, :95]):
        image = made_up_pairs.image(np.ascontiguousarray(cube))
        assert with_sharpened_bands(image) is image


def test_views_of_bands_and_of_larger_pixels():
    values = np.arange(4 * 6 * 3, dtype=np.float32).reshape(4, 6, 3)
    bands = Bands(list("abc"), np.array([1.0, 2, 3]), None, np.array([True, False, True]))
    flags = values > 50
    image = replace(
        made_up_pairs.image(values, grid=made_up_pairs.grid(10.0)),
        bands=bands,
        causes=(Cause("x", lambda r, c: flags[r, c]), Cause("y", lambda r, c: flags[r, c, :1])),
    )
    some = select_bands(image, [2, 0])
    np.testing.assert_array_equal(some.whole(), values[..., [2, 0]])
    assert some.bands.names == ["c", "a"] and some.bands.good.tolist() == [True, True] and some.bands.fwhm is None
    whole = slice(0, 4), slice(0, 6)
    np.testing.assert_array_equal(some.causes[0].flags(*whole), flags[..., [2, 0]])
    np.testing.assert_array_equal(some.causes[1].flags(*whole), flags[..., :1])
    larger = every_nth(image, 2)
    np.testing.assert_array_equal(larger.whole(), values[::2, ::2])
    np.testing.assert_array_equal(larger.read(slice(1, 2), slice(1, 3)), values[2:3, 2:5:2])
    np.testing.assert_array_equal(larger.causes[0].flags(slice(0, 2), slice(0, 3)), flags[::2, ::2])
    assert larger.grid.pixel_size == "20×20" and larger.shape == (2, 3, 3)


def test_the_packing_is_that_of_each_band():
    _, mixed = stack()
    for packing in (Packing(), Packing(np.arange(1.0, 7) * 1e-4, np.arange(6.0))):
        image = replace(made_up_pairs.image(mixed), packing=packing)
        found = with_sharpened_bands(image).packing
        np.testing.assert_allclose(found.numbers(mixed), packing.numbers(mixed), rtol=1e-6)
