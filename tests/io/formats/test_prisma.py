"""PRISMA: reflectance of both spectrometers, in order, at its place; its pixel errors hold no data."""

import h5py
import numpy as np
import pytest

rasterio = pytest.importorskip("rasterio", reason="the extra io is not installed")

from made_up_products import Place, prisma  # noqa: E402

WAVELENGTHS = [450.0, 700.0, 950.0, 955.0, 975.0, 1600.0]
VNIR = [True, True, False, True, False, False]
CUBE = np.random.default_rng(0).uniform(0.01, 1.1, (7, 5, 6))
FIELDS = "HDFEOS/SWATHS/PRS_L2D_HCO/Data Fields"


@pytest.fixture
def path(tmp_path):
    return prisma(tmp_path / "PRS_L2D_STD.he5", CUBE, WAVELENGTHS, Place(32719, 431234.5, 7000000.0), vnir=VNIR)


def test_all_bands_come_in_order_of_wavelength_and_at_their_place(path, whole):
    image, got = whole(path)
    np.testing.assert_allclose(got, CUBE, atol=0.51 * 1.2 / 65535)
    np.testing.assert_allclose(image.bands.wavelengths, WAVELENGTHS)
    np.testing.assert_allclose(image.bands.fwhm, 10)
    assert image.bands.names == ["VNIR 4", "VNIR 3", "SWIR 3", "VNIR 2", "SWIR 2", "SWIR 1"]
    assert image.bands.good.all()
    assert (image.unit, image.nodata) == ("reflectance", 0)
    assert image.grid.transform == (30, 0, 431234.5, 0, -30, 7000000)
    assert rasterio.CRS.from_wkt(image.grid.crs).to_epsg() == 32719


def test_it_is_laid_out_as_the_agency_does(path):
    """Rows, bands, columns; descending wavelengths; corners are centres; a band each that was not acquired."""
    with h5py.File(path) as file:
        assert file[f"{FIELDS}/VNIR_Cube"].shape == (7, 4, 5)
        assert file.attrs["List_Cw_Vnir"].tolist() == [0, 955, 700, 450]
        assert file.attrs["List_Cw_Swir"].tolist() == [1600, 975, 950, 0]
        assert file.attrs["Product_LRcorner_easting"] - file.attrs["Product_ULcorner_easting"] == 4 * 30


def test_pixel_errors_and_what_lies_outside_the_swath_hold_no_data(tmp_path, whole):
    errors, cube = np.zeros(CUBE.shape, np.uint8), CUBE.copy()
    errors[2, 3, 1], errors[4, 0, 5], cube[0, 1] = 2, 3, np.nan
    path = prisma(tmp_path / "x.he5", cube, WAVELENGTHS, errors=errors)
    image, got = whole(path)
    np.testing.assert_array_equal(np.isnan(got), (errors != 0) | np.isnan(cube))
    assert image.causes[-1].what.endswith("negative or saturated after atmospheric correction (pixel error matrices)")
    image, got = whole(path, quality=False)
    np.testing.assert_array_equal(np.isnan(got), np.isnan(cube))
    assert len(image.causes) == 1


def test_bands_that_are_flagged_are_not_good(tmp_path, whole):
    path = prisma(tmp_path / "x.he5", CUBE, WAVELENGTHS, good=[1, 0, 1, 1, 0, 1])
    assert whole(path)[0].bands.good.tolist() == [True, False, True, True, False, True]


def change(path, name, value):
    with h5py.File(path, "r+") as file:
        if name in file.attrs:
            del file.attrs[name]
        if value is not None:
            file.attrs[name] = value


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("Epsg_Code", 99999, "unknown CRS: expected an EPSG code, got 99999"),
        ("Epsg_Code", None, "Epsg_Code: expected 1 numbers, got none"),
        ("List_Cw_Vnir", [450.0, 700], "List_Cw_Vnir: expected 4 numbers, got 2"),
        ("List_Fwhm_Swir", None, "List_Fwhm_Swir: expected 4 numbers, got none"),
        ("L2ScaleSwirMax", "high", "L2ScaleSwirMax: expected 1 numbers"),
        ("Product_LRcorner_easting", 0.0, "expected 180×120 m between the centres of 7×5 pixels of 30 m, got 180×-"),
        ("Product_ULcorner_northing", None, "Product_ULcorner_northing: expected 1 numbers, got none"),
    ],
)
def test_attributes_that_do_not_fit_are_refused(path, refused, name, value, message):
    change(path, name, value)
    assert message in refused(path)


@pytest.mark.parametrize(
    ("name", "shape", "dtype", "message"),
    [
        ("SWIR_Cube", (7, 4, 5), "f4", "SWIR_Cube: expected uint16 numbers, got 7×4×5 float32"),
        ("SWIR_Cube", (6, 4, 5), "u2", "SWIR_PIXEL_L2_ERR_MATRIX: expected 6×4×5 values as in SWIR_Cube, got 7×4×5"),
        ("VNIR_Cube", (7, 4), "u2", "VNIR_Cube of 3 axes, got none"),
        ("VNIR_PIXEL_L2_ERR_MATRIX", None, None, "VNIR_PIXEL_L2_ERR_MATRIX of 3 axes, got none"),
        ("VNIR_PIXEL_L2_ERR_MATRIX", (7, 5, 4), "u1", "expected 7×4×5 values as in VNIR_Cube, got 7×5×4"),
    ],
)
def test_parts_that_do_not_fit_are_refused(path, refused, name, shape, dtype, message):
    with h5py.File(path, "r+") as file:
        del file[f"{FIELDS}/{name}"]
        if shape:
            file[f"{FIELDS}/{name}"] = np.ones(shape, dtype)
    assert message in refused(path)


def test_spectrometers_of_other_sizes_are_refused(path, refused):
    with h5py.File(path, "r+") as file:
        for name in ("SWIR_Cube", "SWIR_PIXEL_L2_ERR_MATRIX"):
            del file[f"{FIELDS}/{name}"]
            file[f"{FIELDS}/{name}"] = np.ones((7, 4, 4), np.uint16)
    assert "expected SWIR of 7×5 pixels as VNIR, got 7×4" in refused(path)


def test_other_levels_are_refused(path, refused):
    with h5py.File(path, "r+") as file:
        file.move("HDFEOS/SWATHS/PRS_L2D_HCO", "HDFEOS/SWATHS/PRS_L1_HCO")
    assert refused(path).endswith("expected PRISMA L2D, got PRS_L1_HCO")


def test_there_is_no_variable_to_choose(path, refused):
    assert refused(path, "VNIR").startswith("dataset.variable: ")


def test_a_file_is_cut_short(path, cut_short):
    cut_short(path)
