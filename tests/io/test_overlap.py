"""Two images are cropped to pixels that nest, by where they lie; what does not nest is resampled only if asked."""

import math
import sys
from dataclasses import replace

import numpy as np
import pytest

from udaln.errors import InputError
from udaln.io.grid import Grid, onto, same_crs
from udaln.io.image import Image
from udaln.io.overlap import DRIFT, cropped, overlap, resampled

rasterio = pytest.importorskip("rasterio", reason="the extra io is not installed")
from rasterio.warp import Resampling, reproject, transform  # noqa: E402

KEY = "dataset.lr_hsi: lr.tif: "
UTM32, UTM33, WGS84 = (rasterio.CRS.from_epsg(code).to_wkt() for code in (32632, 32633, 4326))
UTM32_ESRI = rasterio.CRS.from_epsg(32632).to_wkt(version="WKT1_ESRI")
X, Y = 600000.0, 5000000.0  # in zone 32


def grid(size, x=X, y=Y, crs=UTM32, turned=0.0, flip=-1):
    """Of square pixels; ``turned`` [degrees] about the corner at x, y."""
    c, s = size * math.cos(math.radians(turned)), size * math.sin(math.radians(turned))
    return Grid(crs, (c, s, x, s if flip < 0 else -s, flip * c, y))


def image(shape, where, path, array=None, dtype=np.float64):
    """In memory; its values are numbers of pixels if none are given."""
    if array is None:
        array = np.arange(shape[0] * shape[1], dtype=dtype).reshape(*shape, 1)
    return Image(path, "made up", array.shape, array.dtype, lambda r, c: array[r, c], grid=where)


def pair(lr=(20, 24), hr=(60, 72), scale=3, corner=(0.0, 0.0), **differing):
    """An LR-HSI whose upper left corner lies at some point of an HR-MSI of 10 m pixels [HR pixels]."""
    on = grid(10.0)
    x, y = on.at(*corner)
    differing = {"x": x, "y": y, **differing}
    return image(lr, grid(10.0 * scale, **differing), "lr.tif"), image(hr, on, "hr.tif")


def field_at(x, y):
    """A smooth function of places in zone 32, 500 m and more from crest to crest."""
    return np.stack([np.sin(2 * np.pi * (x - X) / 500), np.cos(2 * np.pi * (y - Y) / 700)], -1)


def sampled(where, shape, path="lr.tif", dtype=np.float64):
    """That function at the pixels' centres."""
    i, j = np.mgrid[: shape[0], : shape[1]] + 0.5
    x, y = where.at(i, j)
    if not same_crs(where, grid(1)):
        x, y = (np.reshape(part, i.shape) for part in transform(where.crs, UTM32, x.ravel(), y.ravel()))
    return image(shape, where, path, field_at(x, y).astype(dtype))


def refused(lr, hr, **how):
    with pytest.raises(InputError) as caught:
        overlap(lr, hr, **how)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_images_that_fit_are_left_as_they_are():
    lr, hr = pair()
    found = overlap(lr, hr, resample=True, scale=3)
    assert found.lr_hsi is lr
    assert found.hr_msi is hr
    assert (found.scale, found.offset, found.grid) == (3, (0.0, 0.0), hr.grid)
    told = "\n".join(found.notes)
    assert all(part in told for part in ("UTM zone 32N", "scale factor: 3", "30×30 and 10×10", "resampling: none"))


@pytest.mark.parametrize("scale", [2, 3, 5])
@pytest.mark.parametrize("seed", range(12))
def test_every_corner_lies_where_scale_and_offset_say(scale, seed):
    rng = np.random.default_rng(seed)
    corner = rng.uniform(-6 * scale, 6 * scale, 2)
    turned = rng.choice([0.0, 0.0, 33.0])
    on = grid(10.0, turned=turned, flip=rng.choice([-1, 1]))
    lr = image(rng.integers(20, 30, 2), on.window(*corner, scale), "lr.tif")
    hr = image(rng.integers(20 * scale, 30 * scale, 2), on, "hr.tif")
    found = overlap(lr, hr)
    (h, w, _), (height, width, _) = found.lr_hsi.shape, found.hr_msi.shape
    assert (height, width) == (scale * h, scale * w)
    assert found.scale == scale
    assert np.abs(found.offset).max() <= 0.5
    for i, j in ((0, 0), (h, 0), (0, w), (h, w)):
        place = found.grid.pixel(*found.lr_hsi.grid.at(i, j))
        np.testing.assert_allclose(place, np.array([i, j]) * scale + found.offset, atol=1e-6)
    # all whole LR pixels that lie within, and their values
    corners = [c + scale * np.arange(n) for c, n in zip(corner, lr.shape[:2], strict=True)]
    inside = [(c >= -DRIFT) & (c + scale <= n + DRIFT) for c, n in zip(corners, hr.shape[:2], strict=True)]
    np.testing.assert_array_equal(found.lr_hsi.whole(), lr.whole()[np.ix_(*inside)])
    top, left = (math.floor(c[within][0] + 0.5) for c, within in zip(corners, inside, strict=True))
    np.testing.assert_array_equal(found.hr_msi.whole(), hr.whole()[top : top + height, left : left + width])


def test_half_an_lr_pixel_is_an_offset_of_half_an_hr_pixel():
    found = overlap(*pair(corner=(1.5, -1.5)))
    assert np.abs(found.offset).tolist() == [0.5, 0.5]
    assert found.lr_hsi.shape[:2] == (19, 23)


@pytest.mark.parametrize(
    ("corner", "lr", "kept", "lr_first", "hr_first"),
    [
        ((-6.0, -9.0), (30, 40), (20, 24), (2, 3), (0, 0)),  # the LR-HSI goes beyond on all sides
        ((6.0, 9.0), (15, 16), (15, 16), (0, 0), (6, 9)),  # the HR-MSI does
        ((-3.0, 6.0), (40, 10), (20, 10), (1, 0), (0, 6)),
        ((30.0, -30.0), (20, 20), (10, 10), (0, 10), (30, 0)),  # corner on corner
    ],
)
def test_what_only_one_shows_is_cropped(corner, lr, kept, lr_first, hr_first):
    low, high = pair(lr=lr, corner=corner)
    found = overlap(low, high)
    assert found.lr_hsi.shape[:2] == kept
    assert found.lr_hsi.whole()[0, 0] == low.whole()[lr_first]
    assert found.hr_msi.whole()[0, 0] == high.whole()[hr_first]
    assert found.grid.at(0, 0) == high.grid.at(*hr_first)


def test_a_drift_too_small_to_matter_passes_and_is_shared_out():
    lr, hr = pair(scale=3 + 0.04 / 25)
    found = overlap(lr, hr)
    ends = [np.subtract(found.grid.pixel(*found.lr_hsi.grid.at(n, n)), 3 * n + found.offset[0]) for n in (0, 20)]
    assert np.abs(ends).max() < 0.025
    assert "0.06" in refused(*pair(scale=3 + 0.06 / 24))


def test_one_crs_may_be_written_in_two_ways():
    assert UTM32_ESRI != UTM32
    assert overlap(*pair(crs=UTM32_ESRI)).scale == 3


def test_nothing_is_read():
    def read(rows, cols):
        raise AssertionError

    lr, hr = pair(corner=(1.2, 3.4), turned=3.0)
    overlap(replace(lr, read=read), replace(hr, read=read), resample=True)


ELSEWHERE = {
    "no overlap": ({"corner": (100.0, 0.0)}, f"{KEY}expected pixels on the same ground as those of hr.tif"),
    "too small": ({"corner": (0.0, 51.0)}, f"{KEY}expected at least 8×8 pixels within those of hr.tif"),
    "swapped": ({"scale": 0.5}, f"{KEY}expected larger pixels than those of hr.tif"),
}


@pytest.mark.parametrize("resample", [False, True])
@pytest.mark.parametrize(("how", "said"), ELSEWHERE.values(), ids=ELSEWHERE)
def test_what_makes_no_pair_is_refused_with_both_extents(how, said, resample):
    message = refused(*pair(**how), resample=resample)
    assert message.startswith(said)
    assert "pixels of 10×10 at x 600000 to 600720, y 4999400 to 5000000, WGS 84 / UTM zone 32N" in message
    assert message.count(" at x ") == 2


def test_too_small_tells_how_small():
    assert "got 20×7 of the pixels of 30×30" in refused(*pair(corner=(0.0, 51.0)))


MISFITS = {
    "no whole factor": ({"scale": 2.5, "lr": (24, 28)}, "2.5 by 2.5 times"),
    "hardly larger": ({"scale": 1.3, "lr": (46, 55)}, "1.3 by 1.3 times"),
    "turned": ({"turned": 12.0}, "turned by 12°"),
    "mirrored": ({"flip": 1, "y": Y - 600}, "mirrored"),
}


@pytest.mark.parametrize(("how", "said"), MISFITS.values(), ids=MISFITS)
def test_pixels_that_do_not_nest_are_refused_or_resampled(how, said):
    lr, hr = pair(**how)
    message = refused(lr, hr, keys=("a.lr", "a.hr"))
    assert message.startswith("a.lr: lr.tif: expected")
    assert said in message
    assert message.endswith("; a.resample=true brings it onto that grid")
    found = overlap(lr, hr, resample=True)
    assert found.offset == (0.0, 0.0)
    assert found.lr_hsi.grid == found.grid.window(0, 0, found.scale)
    assert said in found.notes[-1]
    assert found.hr_msi.shape[:2] == tuple(found.scale * side for side in found.lr_hsi.shape[:2])
    assert np.isfinite(found.lr_hsi.whole()).mean() > (0.7 if "turned" in how else 0.99)


def test_another_crs_is_refused():
    lr, hr = pair(crs=UTM33)
    expected = "expected the CRS of hr.tif, WGS 84 / UTM zone 32N, got WGS 84 / UTM zone 33N; dataset.resample=true"
    assert refused(lr, hr).startswith(KEY + expected)


def beside(crs, size, margin=400.0):
    """A grid in another CRS whose pixel in the upper left lies some way off the corner at X, Y."""
    x, y = transform(UTM32, crs, [X - margin], [Y + margin])
    return grid(size, x[0], y[0], crs)


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
    x, y = found.lr_hsi.grid.at(i, j)
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


def test_a_scale_that_is_not_the_pairs_is_refused():
    assert refused(*pair(), scale=4) == "scale.factor: expected 3, as the pixels of the pair imply, got 4"
    lr, hr = pair()
    assert refused(replace(lr, grid=None), hr, scale=4).startswith("scale.factor: expected 3")


@pytest.mark.parametrize("without", ["lr", "hr", "both", "crs"])
def test_without_georeferencing_the_sizes_tell(without):
    lr, hr = pair(corner=(100.3, 0.0))
    if without in ("lr", "both"):
        lr = replace(lr, grid=None)
    if without in ("hr", "both"):
        hr = replace(hr, grid=None)
    if without == "crs":
        lr = replace(lr, grid=Grid("", lr.grid.transform))
    found = overlap(lr, hr)
    assert found.lr_hsi is lr
    assert found.hr_msi is hr
    assert (found.scale, found.offset, found.grid) == (3, (0.0, 0.0), hr.grid)
    assert ("LR-HSI" in found.notes[0], "HR-MSI" in found.notes[0]) == (without != "hr", without in ("hr", "both"))


@pytest.mark.parametrize("sizes", [(60, 73), (20, 24), (59, 72), (40, 72), (10, 12)])
def test_without_georeferencing_sizes_that_do_not_divide_are_refused(sizes):
    message = refused(image((20, 24), None, "lr.tif"), image(sizes, None, "hr.tif"))
    assert message.startswith("dataset.hr_msi: hr.tif: expected an HR-MSI of r·20×r·24 pixels")
    assert message.endswith(f"got {sizes[0]}×{sizes[1]}")


def test_a_crop_is_a_view_at_its_place():
    one = image((20, 24), grid(30.0), "lr.tif")
    view = cropped(one, slice(3, 17), slice(5, None))
    assert view.shape == (14, 19, 1)
    np.testing.assert_array_equal(view.whole(), one.whole()[3:17, 5:])
    np.testing.assert_array_equal(cropped(view, slice(2, 4), slice(1, 3)).whole(), one.whole()[5:7, 6:8])
    assert view.grid.at(0, 0) == one.grid.at(3, 5)
    assert cropped(one, slice(0, 20), slice(0, 24)) is one
    assert cropped(replace(one, grid=None), slice(1, 20), slice(0, 24)).grid is None
    with pytest.raises(InputError, match=r"lr\.tif: expected a window of its 20×24 pixels"):
        cropped(one, slice(25, 30), slice(0, 24))


def test_bad_georeferencing_is_refused():
    lr, hr = pair()
    assert "expected a CRS as WKT, got 'nonsense'" in refused(replace(lr, grid=Grid("nonsense", lr.grid.transform)), hr)
    assert "with an area" in refused(replace(lr, grid=Grid(UTM32, (0, 0, X, 0, 0, Y))), hr)
    beyond = replace(lr, grid=grid(30.0, crs=UTM33, x=1e12))
    assert refused(beyond, hr, resample=True).startswith(KEY)


def test_without_rasterio_one_crs_will_do_and_two_name_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "rasterio", None)
    assert overlap(*pair()).scale == 3
    assert "udaln[io]" in refused(*pair(crs=UTM33))


def test_places_are_carried_from_one_crs_to_the_other_and_back():
    there, back = onto(grid(10.0), beside(UTM33, 30.0)), onto(beside(UTM33, 30.0), grid(10.0))
    rows, columns = np.random.default_rng(0).uniform(0, 100, (2, 7))
    np.testing.assert_allclose(back(*there(rows, columns)), (rows, columns), atol=1e-5)
