"""Images are cropped to pixels that nest, by their georeferencing; what does not nest is resampled only if asked."""

import math
import re
import sys
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("rasterio", reason="the extra io is not installed")

import made_up_pairs
from made_up_grids import UTM32, UTM33, X, Y, beside, grid, image, rasterio

from udaln.errors import InputError
from udaln.io.grid import Grid
from udaln.io.image import Bands, Cause
from udaln.io.overlap import DRIFT, overlap

KEY = "dataset.lr_hsi: lr.tif: "
UTM32_ESRI = rasterio.CRS.from_epsg(32632).to_wkt(version="WKT1_ESRI")


def pair(lr=(20, 24), hr=(60, 72), scale=3, corner=(0.0, 0.0), **differing):
    """An LR-HSI whose upper left corner lies at some point of an HR-MSI of 10 m pixels [HR pixels]."""
    on = grid(10.0)
    x, y = on.xy(*corner)
    differing = {"x": x, "y": y, **differing}
    return image(lr, grid(10.0 * scale, **differing), "lr.tif"), image(hr, on, "hr.tif")


def noted_offset(found):
    """How far the LR-HSI lies below and to the right of whole HR pixels, by the pair's notes [HR pixels]."""
    (note,) = (note for note in found.notes if note.startswith("offset: the LR-HSI lies"))
    return np.array([float(number) for number in re.findall(r"-?\d+\.\d\d", note)])


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
    assert (found.scale, found.grid) == (3, hr.grid)
    assert noted_offset(found).tolist() == [0.0, 0.0]
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
    offset = np.array(found.grid.pixel(*found.lr_hsi.grid.xy(0, 0)))
    assert np.abs(offset).max() <= 0.5 + 1e-8
    np.testing.assert_allclose(noted_offset(found), offset, atol=0.005 + 1e-8)
    for i, j in ((0, 0), (h, 0), (0, w), (h, w)):
        place = found.grid.pixel(*found.lr_hsi.grid.xy(i, j))
        np.testing.assert_allclose(place, np.array([i, j]) * scale + offset, atol=1e-6)
    # all whole LR pixels that lie within, and their values
    corners = [c + scale * np.arange(n) for c, n in zip(corner, lr.shape[:2], strict=True)]
    inside = [(c >= -DRIFT) & (c + scale <= n + DRIFT) for c, n in zip(corners, hr.shape[:2], strict=True)]
    np.testing.assert_array_equal(found.lr_hsi.whole(), lr.whole()[np.ix_(*inside)])
    top, left = (math.floor(c[within][0] + 0.5) for c, within in zip(corners, inside, strict=True))
    np.testing.assert_array_equal(found.hr_msi.whole(), hr.whole()[top : top + height, left : left + width])


def test_half_an_lr_pixel_is_an_offset_of_half_an_hr_pixel():
    found = overlap(*pair(corner=(1.5, -1.5)))
    assert np.abs(noted_offset(found)).tolist() == [0.5, 0.5]
    np.testing.assert_allclose(np.abs(found.grid.pixel(*found.lr_hsi.grid.xy(0, 0))), 0.5, atol=1e-8)
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
    assert found.grid.xy(0, 0) == high.grid.xy(*hr_first)


def test_a_drift_too_small_to_matter_passes_and_is_shared_out():
    lr, hr = pair(scale=3 + 0.04 / 25)
    found = overlap(lr, hr)
    ends = [np.subtract(found.grid.pixel(*found.lr_hsi.grid.xy(n, n)), 3 * n + noted_offset(found)[0]) for n in (0, 20)]
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
    assert noted_offset(found).tolist() == [0.0, 0.0]
    assert found.lr_hsi.grid == found.grid.window(0, 0, found.scale)
    assert said in found.notes[-1]
    assert found.hr_msi.shape[:2] == tuple(found.scale * side for side in found.lr_hsi.shape[:2])
    assert np.isfinite(found.lr_hsi.whole()).mean() > (0.7 if "turned" in how else 0.99)


def test_another_crs_is_refused():
    lr, hr = image((40, 40), beside(UTM33, 30.0), "lr.tif"), image((60, 72), grid(10.0), "hr.tif")
    expected = "expected the CRS of hr.tif, WGS 84 / UTM zone 32N, got WGS 84 / UTM zone 33N; dataset.resample=true"
    assert refused(lr, hr).startswith(KEY + expected)
    assert overlap(lr, hr, resample=True).scale == 3  # the remedy


@pytest.mark.parametrize("lr", [{"crs": UTM33}, {"x": X + 1e5}, {"x": 11.0, "y": 45.0}])
def test_where_the_ground_differs_no_remedy_is_offered_that_cannot_help(lr):
    lr, hr = pair(**lr)
    message = refused(lr, hr)
    assert message.startswith(KEY + "expected pixels on the same ground as those of hr.tif")
    assert refused(lr, hr, resample=True) == message and "resample" not in message


@pytest.mark.parametrize("georeferenced", [True, False])
def test_swapped_images_and_the_same_twice_are_told(georeferenced):
    lr, hr = pair()
    if not georeferenced:
        lr, hr = replace(lr, grid=None), replace(hr, grid=None)
    assert "are the two images swapped?" in refused(hr, lr)
    assert "the same" in refused(lr, lr) and "twice" in refused(lr, lr) and "resampled" not in refused(lr, lr)
    assert "twice" not in refused(lr, replace(lr, path="other.tif"))


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
    if without == "crs":  # of both, at places that have nothing in common
        lr, hr = replace(lr, grid=Grid("", lr.grid.transform)), replace(hr, grid=Grid("", hr.grid.transform))
    found = overlap(lr, hr)
    assert found.lr_hsi is lr
    assert found.hr_msi is hr
    assert (found.scale, found.grid) == (3, hr.grid)
    assert "offset: not known" in found.notes
    assert ("LR-HSI" in found.notes[0], "HR-MSI" in found.notes[0]) == (
        without != "hr",
        without in ("hr", "both", "crs"),
    )


@pytest.mark.parametrize("without", [("lr",), ("hr",), ("lr", "hr")])
def test_a_geotransform_without_a_crs_tells_the_place(without):
    lr, hr = pair(corner=(6.0, 9.0))
    expected = overlap(lr, hr)
    bare = {name: replace(one, grid=Grid("", one.grid.transform)) for name, one in (("lr", lr), ("hr", hr))}
    images = [bare[name] if name in without else one for name, one in (("lr", lr), ("hr", hr))]
    found = overlap(*images)
    assert found.lr_hsi.shape == expected.lr_hsi.shape and found.notes[2] == expected.notes[2]
    assert "its coordinates are taken to be those of the other image" in found.notes[0]
    assert found.grid.crs == ("" if len(without) == 2 else expected.grid.crs)


def test_a_geotransform_without_a_crs_at_another_place_is_refused_with_the_remedy():
    lr, hr = pair(corner=(100.3, 0.0))
    message = refused(replace(lr, grid=Grid("", lr.grid.transform)), hr)
    assert "expected pixels on the same ground" in message and "gdal_edit.py -a_srs" in message


@pytest.mark.parametrize("sizes", [(60, 73), (20, 24), (59, 72), (40, 72), (10, 12)])
def test_without_georeferencing_sizes_that_do_not_divide_are_refused(sizes):
    message = refused(image((20, 24), None, "lr.tif"), image(sizes, None, "hr.tif"))
    assert message.startswith("dataset.hr_msi: hr.tif: expected an HR-MSI of r·20×r·24 pixels")
    assert f"got {sizes[0]}×{sizes[1]}" in message
    assert ("give it in its own" in message) == (sizes == (20, 24))


def test_an_lr_hsi_on_the_pixels_of_the_hr_msi_is_refused_with_the_size_of_its_own():
    _, hr = pair()
    values = np.random.default_rng(0).random((20, 24, 5)).repeat(3, 0).repeat(3, 1)
    upsampled = replace(hr, path="lr.tif", shape=values.shape, read=lambda rows, cols: values[rows, cols])
    for where in (hr.grid, None):
        message = refused(replace(upsampled, grid=where), hr, resample=True)
        assert "resampled" in message and "they are 3 times as large, every one repeated 3×3 times" in message
        assert "resample=true" not in message


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


@pytest.mark.parametrize("first", ["LR-HSI", "HR-MSI", "both"])
def test_bands_that_come_first_are_known_by_the_sizes_of_the_pair(first):
    lr, hr = np.random.default_rng(0).random((8, 10, 50)), np.random.default_rng(1).random((24, 30, 4))
    moved_lr = np.moveaxis(lr, 2, 0) if first != "HR-MSI" else lr
    moved_hr = np.moveaxis(hr, 2, 0) if first != "LR-HSI" else hr
    gaps = Cause("a gap", lambda rows, cols: moved_lr[rows, cols] < 0.1)
    lr_image = replace(made_up_pairs.image(moved_lr), causes=(gaps,))
    found = overlap(lr_image, made_up_pairs.image(moved_hr))
    assert found.scale == 3
    np.testing.assert_array_equal(found.lr_hsi.whole(), lr)
    np.testing.assert_array_equal(found.hr_msi.whole(), hr)
    window = slice(2, 5), slice(3, 9)
    np.testing.assert_array_equal(found.lr_hsi.read(*window), lr[window])
    np.testing.assert_array_equal(found.lr_hsi.causes[0].flags(*window), lr[window] < 0.1)
    said = [note for note in found.notes if note.startswith("axes of the")]
    assert len(said) == (2 if first == "both" else 1)
    assert all("bands×rows×columns" in note for note in said)


def test_bands_are_last_where_that_fits_and_where_the_file_tells():
    square = made_up_pairs.image(np.random.default_rng(0).random((8, 8, 8)))
    found = overlap(square, made_up_pairs.image(np.zeros((24, 24, 4))))
    assert found.lr_hsi is square
    told = replace(made_up_pairs.image(np.zeros((50, 8, 8))), bands=Bands(wavelengths=np.linspace(400, 900, 8)))
    assert "expected an HR-MSI of r·50×r·8 pixels" in refused(told, made_up_pairs.image(np.zeros((24, 24, 4))))
    few = made_up_pairs.image(np.zeros((3, 8, 8)))  # fewer than the HR-MSI has
    assert "expected an HR-MSI of r·3×r·8 pixels" in refused(few, made_up_pairs.image(np.zeros((24, 24, 4))))
