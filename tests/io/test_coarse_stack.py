"""Bands that were upsampled are brought back to their own pixels and sharpened; all others stay as they are."""

from dataclasses import replace

import made_up_pairs
import numpy as np
import pytest
import torch
from made_up_stacks import textured, upsampled
from scipy.ndimage import gaussian_filter

from udaln.io.coarse_stack import sharpened_values, with_sharpened_bands
from udaln.io.image import Bands, Cause, Packing
from udaln.io.views import averaged, extended, masked, select_bands

COARSE = [1, 5]


def stack(factor=2, way="nearest"):
    """Six sharp bands, and the same with the second and the last as they come from larger pixels."""
    sharp = textured(bands=6).astype(np.float32)
    mixed = sharp.copy()
    mixed[..., COARSE] = upsampled(sharp[..., COARSE], factor, way)
    return sharp, mixed


@pytest.mark.parametrize("factor", [2, 3])
@pytest.mark.parametrize("way", ["nearest", "bilinear", "bicubic", "spline"])
def test_upsampled_bands_are_nearer_to_the_sharp_ones_and_said(factor, way):
    sharp, mixed = stack(factor, way)
    image = replace(made_up_pairs.image(mixed), bands=Bands([f"b{i}" for i in range(6)]))
    found = with_sharpened_bands(image, 4)
    got = found.whole()
    np.testing.assert_array_equal(got[..., [0, 2, 3, 4]], mixed[..., [0, 2, 3, 4]])
    error, before = (np.square(cube - sharp)[..., COARSE].mean() for cube in (got, mixed))
    assert error < 0.5 * before
    assert list(found.bands.names) == list(image.bands.names)
    assert found.notes == (
        f"bands 1, 5 (counted from 0): upsampled from pixels {factor} times as large; sharpened by the others",
    )
    window = slice(11, 50), slice(30, 77)
    np.testing.assert_allclose(found.read(*window), got[window], rtol=1e-4)


@pytest.mark.parametrize("way", ["nearest", "bicubic"])
def test_a_stack_that_begins_within_a_large_pixel(way):
    sharp, mixed = (cube[2:, 1:118] for cube in stack(3, way))
    got = with_sharpened_bands(made_up_pairs.image(mixed), 8).whole()
    error, before = (np.square(cube - sharp)[5:-5, 5:-5, COARSE].mean() for cube in (got, mixed))
    assert error < 0.1 * before


def test_bands_of_several_sizes_and_sides_that_are_no_multiples():
    sharp, mixed = stack(3, "bicubic")
    mixed[..., 3:4] = upsampled(sharp[..., 3:4], 2, "bicubic")
    found = with_sharpened_bands(made_up_pairs.image(mixed[:119, :118]), 8)
    assert [note.split(" times")[0][-1] for note in found.notes] == ["2", "3"]
    error, before = (
        np.square(cube - sharp[:119, :118])[..., [1, 3, 5]].mean() for cube in (found.whole(), mixed[:119, :118])
    )
    assert error < 0.5 * before


def test_bands_of_pixels_as_large_as_the_lr_ones_are_left_out_and_said():
    _, mixed = stack(4, "bicubic")
    found = with_sharpened_bands(made_up_pairs.image(mixed), 4)
    assert np.isnan(found.whole()[..., COARSE]).all() and not np.isnan(found.whole()[..., [0, 2, 3, 4]]).any()
    assert "4 times as large" in found.notes[0] and "left out" in found.notes[0]


@pytest.mark.parametrize("way", ["nearest", "bicubic"])
def test_what_is_masked_stays_so(way):
    _, mixed = stack(2, way)
    hole = np.zeros((120, 120, 1), bool)
    hole[10:14, 20:26] = True
    hole[51, 33] = True
    image = masked(made_up_pairs.image(mixed), Cause("a", lambda r, c: hole[r, c]))
    found = with_sharpened_bands(image, 4)
    assert found.notes
    np.testing.assert_array_equal(np.isnan(found.whole()), np.isnan(image.whole()))


def test_other_images_stay_as_they_are():
    sharp, mixed = stack()
    noisy = (sharp + np.random.default_rng(0).normal(0, 0.03 * sharp.std(), sharp.shape)).astype(np.float32)
    soft = gaussian_filter(sharp, (1.2, 1.2, 0))
    for cube in (sharp, mixed[..., COARSE], noisy, soft, sharp[..., :1], sharp[:7, :9]):
        image = made_up_pairs.image(np.ascontiguousarray(cube))
        assert with_sharpened_bands(image, 4) is image


def test_a_large_image_is_looked_at_where_it_has_data():
    tile = stack(2, "bicubic")[1]
    large = np.tile(np.concatenate([tile, tile[::-1]]), (3, 5, 1))[:720, :550].copy()
    large[:300, :300] = np.nan
    assert "bands 1, 5" in with_sharpened_bands(made_up_pairs.image(large), 4).notes[0]


@pytest.mark.parametrize("way", ["nearest", "bicubic"])
def test_arrays_become_what_files_become(way):
    _, mixed = stack(2, way)
    valid = torch.ones(mixed.shape, dtype=torch.bool)
    valid[40:44, 7] = False
    values, left, notes = sharpened_values(torch.from_numpy(mixed), valid, 4)
    gaps = Cause("a", lambda r, c: ~valid.numpy()[r, c])
    found = with_sharpened_bands(masked(made_up_pairs.image(mixed), gaps), 4)
    np.testing.assert_array_equal(values.numpy(), found.whole())
    assert notes == found.notes and torch.equal(left, valid)


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
    larger = averaged(image, 2)
    means = values.reshape(2, 2, 3, 2, 3).mean((1, 3))
    np.testing.assert_allclose(larger.whole(), means)
    np.testing.assert_allclose(larger.read(slice(1, 2), slice(1, 3)), means[1:2, 1:3])
    blocks = flags.reshape(2, 2, 3, 2, 3).all((1, 3))
    np.testing.assert_array_equal(larger.causes[0].flags(slice(0, 2), slice(0, 3)), blocks)
    np.testing.assert_array_equal(larger.causes[1].flags(slice(0, 2), slice(0, 3)), blocks[..., :1])
    assert larger.grid.pixel_size == "20×20" and larger.shape == (2, 3, 3)
    both = extended(image, 4, (1, 2))
    assert both.shape == (8, 8, 3) and both.grid.xy(1, 2) == pytest.approx(image.grid.xy(0, 0))
    np.testing.assert_array_equal(both.whole(), np.pad(values, ((1, 3), (2, 0), (0, 0)), mode="edge"))
    longer = extended(image, 5)
    assert longer.shape == (5, 10, 3)
    np.testing.assert_array_equal(longer.whole(), np.pad(values, ((0, 1), (0, 4), (0, 0)), mode="edge"))
    np.testing.assert_array_equal(longer.read(slice(4, 5), slice(7, 9)), np.broadcast_to(values[3, 5], (1, 2, 3)))
    np.testing.assert_array_equal(
        longer.causes[0].flags(slice(3, 5), slice(5, 7)), np.broadcast_to(flags[3, 5], (2, 2, 3))
    )


def test_means_are_those_of_the_values_with_data():
    values = np.arange(16, dtype=np.float32).reshape(4, 4, 1)
    values[0, 0], values[2:, 2:] = np.nan, np.nan
    means = averaged(made_up_pairs.image(values), 2).whole()[..., 0]
    np.testing.assert_allclose(means, [[10 / 3, 4.5], [10.5, np.nan]])


def test_the_packing_is_that_of_each_band():
    _, mixed = stack()
    for packing in (Packing(), Packing(np.arange(1.0, 7) * 1e-4, np.arange(6.0))):
        image = replace(made_up_pairs.image(mixed), packing=packing)
        found = with_sharpened_bands(image, 4).packing
        np.testing.assert_allclose(found.numbers(mixed), packing.numbers(mixed), rtol=1e-6)
