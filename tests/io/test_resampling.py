"""A resampled image has the values of its places, whatever the window, and no data where there are none."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("rasterio", reason="the extra io is not installed")

from made_up_grids import UTM32, UTM33, WGS84, X, beside, field_at, grid, image, rasterio, sampled
from rasterio.warp import Resampling, reproject

from udaln.io.image import Cause
from udaln.io.missing import describe_shares
from udaln.io.overlap import overlap
from udaln.io.resampling import OUTSIDE, resampled
from udaln.io.views import masked


@pytest.mark.parametrize(
    ("where", "dtype"), [(beside(UTM33, 30.0), np.float32), (beside(WGS84, 3e-4), np.float64)], ids=["UTM", "degrees"]
)
def test_resampled_values_are_those_of_their_places(where, dtype):
    lr, hr = sampled(where, (140, 140), dtype=dtype), image((180, 210), grid(10.0), "hr.tif")
    found = overlap(lr, hr, resample=True)
    whole = found.lr_hsi.whole()
    assert whole.dtype == found.lr_hsi.dtype == dtype
    assert found.scale == 3
    assert min(found.lr_hsi.shape[:2]) >= 58
    i, j = np.mgrid[: whole.shape[0], : whole.shape[1]] + 0.5
    x, y = found.lr_hsi.grid.xy(i, j)
    truth = field_at(x, y)
    np.testing.assert_allclose(whole, truth, atol=1e-3)
    # a place that is off shows as a part of the slope [m]: 0.05 LR pixels are 1.5 m
    slopes = np.stack([field_at(x + 1, y) - truth, field_at(x, y - 1) - truth], -1)
    for band, axis in ((0, 0), (1, 1)):
        slope = slopes[..., band, axis].ravel()
        off = slope @ (whole - truth)[..., band].ravel() / (slope @ slope)
        assert abs(off) < 0.05


def test_resampling_agrees_with_gdal():
    """Up to what its warper approximates, away from borders."""
    where, target = beside(UTM33, 30.0), grid(40.0)
    lr = sampled(where, (140, 140))
    ours = resampled(lr, target, (50, 50)).whole()
    theirs = np.full((2, 50, 50), np.nan)
    reproject(
        np.moveaxis(lr.whole(), -1, 0).copy(),
        theirs,
        src_transform=rasterio.Affine(*where.transform),
        src_crs=UTM33,
        dst_transform=rasterio.Affine(*target.transform),
        dst_crs=UTM32,
        src_nodata=np.nan,
        resampling=Resampling.cubic,
        XSCALE=1,
        YSCALE=1,
    )
    np.testing.assert_allclose(ours, np.moveaxis(theirs, 0, -1), atol=2e-3)


def test_resampling_onto_its_own_grid_changes_nothing_and_spreads_no_gap():
    array = np.random.default_rng(0).normal(size=(9, 11, 3))
    array[3, 4, 1] = np.nan
    one = image((9, 11), grid(30.0), "lr.tif", array)
    np.testing.assert_allclose(resampled(one, one.grid, (9, 11)).whole(), array, atol=1e-6)


def test_gaps_and_the_outside_hold_no_data():
    array = np.ones((20, 20, 2), np.float32)
    array[10, 10, 1] = np.nan
    one = image((20, 20), grid(30.0), "lr.tif", array)
    got = resampled(one, one.grid.window(-2.5, 0.5), (24, 20)).whole()
    holds = np.isfinite(got)
    assert not holds[:2].any()  # their centres lie above it
    assert not holds[:, -1:].all()
    assert holds[3:22, :19, 0].all()
    gap = np.argwhere(~holds[3:22, :19, 1])
    assert len(gap) == 16  # whatever four by four pixels are made of
    assert np.nanmax(np.abs(got - 1)) < 1e-6


def test_windows_of_a_resampled_image_agree_and_read_little():
    reads = []
    lr = sampled(beside(UTM33, 30.0), (140, 140), dtype=np.float32)

    def read(rows, cols):
        reads.append((rows.stop - rows.start) * (cols.stop - cols.start))
        return lr.read(rows, cols)

    view = resampled(replace(lr, read=read), grid(30.0), (70, 80))
    whole = view.whole()
    parts = [
        np.concatenate([view.read(slice(i, i + 14), slice(j, min(80, j + 33))) for j in range(0, 80, 33)], 1)
        for i in range(0, 70, 14)
    ]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    reads.clear()
    view.read(slice(30, 34), slice(40, 44))
    assert sum(reads) <= 12 * 12
    assert np.isfinite(whole).all()


def test_a_window_wholly_outside_reads_nothing():
    view = resampled(image((9, 9), grid(30.0), "lr.tif"), grid(30.0, x=X + 5000), (4, 4))
    assert np.isnan(replace(view).whole()).all()


def test_what_is_missing_is_missing_for_the_same_causes():
    """On the new pixels: those interpolated from a pixel without data, and those outside."""
    lr = sampled(grid(30.0), (20, 22))
    flags = np.zeros((*lr.shape[:2], 1), bool)
    flags[3:6, 4:9] = True
    lr = masked(lr, Cause("cloud", lambda rows, cols: flags[rows, cols]))
    found = resampled(lr, grid(12.0).window(-10, 5), (60, 70))
    values = found.whole()
    outside, cloud = (cause.flags(slice(0, 60), slice(0, 70)) for cause in found.causes)
    np.testing.assert_array_equal(np.isnan(values), np.broadcast_to(outside, values.shape) | cloud)
    assert outside.any() and cloud.any() and not (outside & cloud).any()
    part = found.causes[1].flags(slice(15, 40), slice(3, 30))
    np.testing.assert_array_equal(part, cloud[15:40, 3:30])
    said = describe_shares(found)
    assert len(said) == 2 and said[0].endswith(OUTSIDE) and said[1].endswith("cloud")
