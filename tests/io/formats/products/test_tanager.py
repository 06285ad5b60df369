"""Tanager: bands come first, masks and flags are kept, the grid is that of StructMetadata."""

import h5py
import numpy as np
import pytest
from made_up_hdf5 import tanager

rasterio = pytest.importorskip("rasterio", reason="the extra io is not installed")

CUBE = np.random.default_rng(0).random((6, 5, 8)).astype(np.float32)
CUBE[:2, 3] = np.nan
WAVELENGTHS = np.linspace(380, 2500, 8)


def test_an_ortho_product_is_on_its_grid(tmp_path, whole):
    good = [1, 1, 1, 0, 1, 1, 0, 1]
    image, got = whole(tanager(tmp_path / "x.h5", CUBE, WAVELENGTHS, good=good))
    np.testing.assert_array_equal(got, CUBE)
    assert (image.kind, image.unit, image.nodata) == ("Tanager ortho", "reflectance", -9999)
    np.testing.assert_allclose(image.bands.wavelengths, WAVELENGTHS, rtol=1e-6)
    assert image.bands.fwhm.tolist() == [5.5] * 8
    assert image.bands.good.tolist() == [bool(flag) for flag in good]
    assert image.grid.transform == (30, 0, 300000, 0, -30, 6600000)
    assert rasterio.CRS.from_wkt(image.grid.crs).to_epsg() == 32750
    assert image.notes == ()


def test_masks_are_applied_and_the_quality_masks_only_on_request(tmp_path, whole):
    nodata, cloud = np.zeros((2, 6, 5))
    nodata[0], cloud[:, 4] = 255, 1
    masks = {"nodata_pixels": nodata, "beta_cloud_mask": cloud}
    path = tanager(tmp_path / "x.h5", CUBE, WAVELENGTHS, masks=masks)
    expected = np.where(nodata[..., None] > 0, np.nan, CUBE)
    np.testing.assert_array_equal(whole(path, quality=False)[1], expected)
    image, got = whole(path)
    np.testing.assert_array_equal(got, np.where(cloud[..., None] > 0, np.nan, expected))
    assert "cloud (beta_cloud_mask)" in [cause.what for cause in image.causes]


def test_a_basic_product_has_no_grid_and_that_is_said(tmp_path, whole):
    image, got = whole(tanager(tmp_path / "x.h5", CUBE, WAVELENGTHS, ortho=False))
    np.testing.assert_array_equal(got, CUBE)
    assert (image.kind, image.grid) == ("Tanager basic", None)
    assert any("ortho product" in note for note in image.notes)
    assert any("Geolocation Fields/Latitude" in note for note in image.notes)


def test_radiance_is_read_where_there_is_no_reflectance(tmp_path, whole):
    path = tanager(tmp_path / "x.h5", CUBE, WAVELENGTHS)
    with h5py.File(path, "r+") as file:
        fields = file["HDFEOS/GRIDS/HYP/Data Fields"]
        fields.move("surface_reflectance", "toa_radiance")
        fields["toa_radiance"].attrs["Unit"] = "W/(m^2 sr um)"
    image, got = whole(path)
    np.testing.assert_array_equal(got, CUBE)
    assert image.unit == "W/(m^2 sr um)"


def test_a_mask_of_another_size_is_left_aside(tmp_path, whole):
    path = tanager(tmp_path / "x.h5", CUBE, WAVELENGTHS)
    with h5py.File(path, "r+") as file:
        del file["HDFEOS/GRIDS/HYP/Data Fields/beta_cirrus_mask"]
        file["HDFEOS/GRIDS/HYP/Data Fields/beta_cirrus_mask"] = np.ones((3, 5), np.uint8)
    image, got = whole(path)
    np.testing.assert_array_equal(got, CUBE)
    assert any("beta_cirrus_mask is left aside: expected 6×5" in note for note in image.notes)


def test_the_uncertainty_is_a_variable_to_name(tmp_path, whole):
    name = "/HDFEOS/GRIDS/HYP/Data Fields/surface_reflectance_uncertainty"
    image, got = whole(tanager(tmp_path / "x.h5", CUBE, WAVELENGTHS), name)
    np.testing.assert_array_equal(got, CUBE)  # its axes are those of the reflectance
    assert image.kind == "HDF5"
    assert image.grid.transform == (30, 0, 300000, 0, -30, 6600000)
