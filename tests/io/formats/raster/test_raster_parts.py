"""What GDAL knows beside the numbers of a raster: masks, alpha bands, pages, ground control points."""

import numpy as np
import pytest

rasterio = pytest.importorskip("rasterio", reason="the extra io is not installed")

from made_up_products import Place, write_raster  # noqa: E402
from PIL import Image  # noqa: E402
from rasterio.control import GroundControlPoint  # noqa: E402
from rasterio.enums import ColorInterp  # noqa: E402

from udaln.errors import InputError  # noqa: E402
from udaln.io.formats import open_image  # noqa: E402

RNG = np.random.default_rng(0)
CUBE = RNG.integers(1, 250, (16, 20, 3)).astype(np.uint8)
OUTSIDE = np.add.outer(np.arange(16), np.arange(20)) < 9


def opaque(largest=255):
    return np.where(OUTSIDE, 0, largest)[..., None]


def written(path, cube, *, alpha=False, **options):
    write_raster(path, cube, Place(), **options)
    if alpha:
        with rasterio.open(path, "r+") as file:
            colours = [ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha]
            file.colorinterp = colours[-cube.shape[2] :]
    return path


@pytest.mark.parametrize(("dtype", "largest"), [("uint8", 255), ("uint8", 1), ("uint16", 65535), ("float32", 1)])
def test_an_alpha_band_is_a_mask(tmp_path, whole, dtype, largest):
    cube = np.concatenate([CUBE, opaque(largest)], 2).astype(dtype)
    image, got = whole(written(tmp_path / "x.tif", cube, alpha=True))
    assert image.shape == CUBE.shape and image.notes == ()
    np.testing.assert_array_equal(np.isnan(got), np.broadcast_to(OUTSIDE[..., None], got.shape))
    np.testing.assert_array_equal(got[~OUTSIDE], CUBE[~OUTSIDE])
    assert [cause.what for cause in image.causes] == ["transparent (alpha band 4)"]


def test_hardly_opaque_pixels_are_none(tmp_path, whole):
    cube = np.concatenate([CUBE, opaque()], 2).astype("uint8")
    cube[15, 18, 3], cube[15, 19, 3] = 60, 200
    got = whole(written(tmp_path / "x.tif", cube, alpha=True))[1]
    assert np.isnan(got[15, 18]).all() and not np.isnan(got[15, 19]).any()


def test_an_alpha_band_that_is_an_image_stays_one(tmp_path, whole):
    infrared = RNG.integers(0, 250, (16, 20, 1)).astype("uint8")
    image, got = whole(written(tmp_path / "x.tif", np.concatenate([CUBE, infrared], 2), alpha=True))
    assert image.shape == (16, 20, 4) and not np.isnan(got).any()
    assert image.notes == ("band 4 is tagged alpha, but is an image: it is used as one",)


def test_a_single_band_is_no_mask(tmp_path, whole):
    image, got = whole(written(tmp_path / "x.tif", opaque().astype("uint8"), alpha=True))
    assert image.shape == (16, 20, 1) and not np.isnan(got).any()


@pytest.mark.parametrize("internal", [True, False])
def test_masks_of_the_file_count(tmp_path, whole, internal):
    path = written(tmp_path / "x.tif", CUBE)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=internal), rasterio.open(path, "r+") as file:
        file.write_mask(~OUTSIDE)
    assert (tmp_path / "x.tif.msk").exists() != internal
    image, got = whole(path)
    np.testing.assert_array_equal(np.isnan(got), np.broadcast_to(OUTSIDE[..., None], got.shape))
    assert [cause.what for cause in image.causes] == ["mask of the file"]


def test_a_mask_and_a_no_data_value_count_both(tmp_path, whole):
    path = written(tmp_path / "x.tif", np.where(CUBE == CUBE[10, 10], 7, CUBE), nodata=7)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False), rasterio.open(path, "r+") as file:
        file.write_mask(~OUTSIDE)
    got = whole(path)[1]
    assert np.isnan(got[10, 10]).all() and np.isnan(got[OUTSIDE]).all()


def pages(path, images):
    first, *others = (Image.fromarray(page) for page in images)
    first.save(path, save_all=True, append_images=others)
    return path


def test_pages_of_one_size_are_one_image(tmp_path, whole):
    image, got = whole(pages(tmp_path / "x.tif", np.moveaxis(CUBE, 2, 0)))
    np.testing.assert_array_equal(got, CUBE)
    assert image.notes == ("its 3 pages of 16×20 pixels are taken as one image",)


def test_pages_of_other_sizes_are_said_and_can_be_named(tmp_path, whole):
    path = pages(tmp_path / "x.tif", [CUBE[..., 0], CUBE[::2, ::2, 1]])
    image, got = whole(path)
    np.testing.assert_array_equal(got, CUBE[..., :1])
    assert "1 pages of another size (8×10) are not used" in image.notes[0]
    with open_image(path, "2", key="dataset.lr_hsi") as second:
        np.testing.assert_array_equal(second.whole(), CUBE[::2, ::2, 1:2])
    with pytest.raises(InputError, match=r"^dataset.variable: .* holds 1, 2, got '3'$"):
        open_image(path, "3", key="dataset.lr_hsi").__enter__()


def points(transform, noise=0.0):
    corners = [(row, column) for row in (0, 8, 16) for column in (0, 10, 20)]
    a, b, c, d, e, f = tuple(transform)[:6]
    places = [(a * column + b * row + c, d * column + e * row + f) for row, column in corners]
    shifts = noise * RNG.normal(size=(9, 2))
    return [
        GroundControlPoint(row, column, x + dx, y + dy)
        for (row, column), (x, y), (dx, dy) in zip(corners, places, shifts, strict=True)
    ]


@pytest.mark.parametrize("noise", [0.0, 30.0])
def test_ground_control_points_are_a_grid_if_they_lie_on_one(tmp_path, whole, noise):
    path = tmp_path / "x.tif"
    transform = rasterio.Affine(10, 2, 500000, -2, -10, 4600000)
    profile = {"driver": "GTiff", "width": 20, "height": 16, "count": 3, "dtype": "uint8"}
    with rasterio.open(path, "w", gcps=points(transform, noise), crs="EPSG:32633", **profile) as file:
        file.write(np.moveaxis(CUBE, 2, 0))
    image, _ = whole(path)
    if noise:
        assert image.grid is None and "ground control points are not used" in image.notes[0]
    else:
        np.testing.assert_allclose(image.grid.transform, tuple(transform)[:6], rtol=1e-9)
        assert "33N" in image.grid.crs_name and image.notes == ()


@pytest.mark.parametrize("count", [1, 3])
def test_too_few_ground_control_points_are_said(tmp_path, whole, count):
    path = tmp_path / "x.tif"
    profile = {"driver": "GTiff", "width": 20, "height": 16, "count": 3, "dtype": "uint8"}
    corners = points(rasterio.Affine(10, 0, 500000, 0, -10, 4600000), 0.0)[:count]
    with rasterio.open(path, "w", gcps=corners, crs="EPSG:32633", **profile) as file:
        file.write(np.moveaxis(CUBE, 2, 0))
    image, _ = whole(path)
    assert image.grid is None
    assert image.notes == (f"its {count} ground control points are not used: expected at least 4",)
