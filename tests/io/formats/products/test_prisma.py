"""PRISMA: reflectance of both spectrometers, in order, at its place; its pixel errors hold no data."""

import json

import h5py
import numpy as np
import pytest

rasterio = pytest.importorskip("rasterio", reason="the extra io is not installed")

from made_up_products import Place, prisma  # noqa: E402
from places import SHARED  # noqa: E402
from rasterio.warp import transform  # noqa: E402

from udaln.io.formats import open_image  # noqa: E402

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
    what = "invalid at level 1, negative or saturated after atmospheric correction (pixel error matrices)"
    assert [cause.what for cause in image.causes] == ["no-data value 0 of the file", what]
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


@pytest.mark.parametrize("level", ["L1", "L2B", "L2C"])
def test_other_levels_are_refused(path, refused, level):
    with h5py.File(path, "r+") as file:
        file.move("HDFEOS/SWATHS/PRS_L2D_HCO", f"HDFEOS/SWATHS/PRS_{level}_HCO")
    for variable in (None, "pan"):
        message = refused(path, variable)
        expected = f"got PRS_{level}_HCO, whose pixels are not on a map grid; order the scene as L2D"
        assert message.endswith(expected)


def test_a_variable_that_it_does_not_hold_is_refused(path, refused):
    assert refused(path, "VNIR").startswith("dataset.variable: ")
    assert refused(path, "pan").endswith("expected PRS_L2D_PCO in it, got PRS_L2D_HCO")


def test_corners_that_are_edges_are_told_by_their_distance(path, whole):
    expected = whole(path)[0].grid
    with h5py.File(path, "r+") as file:
        for corner, sign in (("UL", -1), ("LR", 1)):
            file.attrs[f"Product_{corner}corner_easting"] += sign * 15
            file.attrs[f"Product_{corner}corner_northing"] -= sign * 15
    image, _ = whole(path)
    assert image.grid == expected
    (note,) = image.notes
    assert "taken for the edges of the image" in note


PAN = np.random.default_rng(1).uniform(0.01, 1.4, (42, 30))


def test_the_panchromatic_image_is_read(tmp_path, whole):
    pan, errors = PAN.copy(), np.zeros(PAN.shape, np.uint8)
    pan[3, 4], errors[7, 8:10] = np.nan, (1, 4)
    place = Place(32719, 431234.5, 7000000.0)
    path = prisma(tmp_path / "x.he5", CUBE, WAVELENGTHS, place, vnir=VNIR, pan=pan, pan_errors=errors)
    image, got = whole(path, "pan")
    expected = np.where(errors == 0, pan, np.nan)
    np.testing.assert_allclose(got[..., 0], expected, atol=0.51 * 1.5 / 65535)
    assert (image.kind, image.shape, image.unit) == ("PRISMA L2D PAN", (42, 30, 1), "reflectance")
    assert (image.bands.names, image.bands.wavelengths, image.bands.fwhm) == (["PAN"], [550], [300])
    assert image.grid.transform == (5, 0, 431234.5, 0, -5, 7000000)
    assert whole(path)[0].grid.transform == (30, 0, 431234.5, 0, -30, 7000000)
    np.testing.assert_array_equal(np.isnan(whole(path, "pan", quality=False)[1][..., 0]), np.isnan(pan))
    for name in ("PAN", "/HDFEOS/SWATHS/PRS_L2D_PCO/Data Fields/Cube"):
        np.testing.assert_array_equal(whole(path, name)[1], got)


def test_an_error_matrix_that_is_missing_is_said(tmp_path, whole):
    path = prisma(tmp_path / "x.he5", CUBE, WAVELENGTHS, vnir=VNIR, pan=PAN)
    with h5py.File(path, "r+") as file:
        del file["HDFEOS/SWATHS/PRS_L2D_PCO/Data Fields/PIXEL_L2_ERR_MATRIX"]
    (note,) = whole(path, "pan")[0].notes
    assert "PIXEL_L2_ERR_MATRIX: missing" in note


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("Cube", PAN, "expected HDFEOS/SWATHS/PRS_L2D_PCO/Data Fields/Cube of uint16 numbers"),
        ("Cube", np.ones((3, 4, 5), np.uint16), "Cube of uint16 numbers, rows×columns"),
        ("Cube", np.ones((48, 30), np.uint16), "PIXEL_L2_ERR_MATRIX: expected 48×30 values as in Cube, got 42×30"),
        ("PIXEL_L2_ERR_MATRIX", np.ones((3, 3), np.uint8), "expected 42×30 values as in Cube, got 3×3"),
    ],
)
def test_a_panchromatic_image_that_does_not_fit_is_refused(tmp_path, refused, name, array, message):
    path = prisma(tmp_path / "x.he5", CUBE, WAVELENGTHS, vnir=VNIR, pan=PAN)
    with h5py.File(path, "r+") as file:
        del file[f"HDFEOS/SWATHS/PRS_L2D_PCO/Data Fields/{name}"]
        file[f"HDFEOS/SWATHS/PRS_L2D_PCO/Data Fields/{name}"] = array
    assert message in refused(path, "pan")


def test_the_grid_is_that_of_a_genuine_product(tmp_path, whole):
    """Its latitudes and longitudes are those of the centres of pixels, of both images, for one corner."""
    header = SHARED / "product_headers" / "PRS_L2D_STD_20240402102837_20240402102842_0001_he5.json"
    if not header.exists():
        pytest.skip("no genuine header here")
    content = json.loads(header.read_text())["expectedContent"]
    path = tmp_path / "x.he5"
    prisma(path, np.zeros((1, 1, 2)), [500.0, 1000.0], pan=np.ones((6, 6)))
    rows, columns = content["sceneHeight"], content["sceneWidth"]
    corner = 547467.5, 5953052.5  # the centre of the first pixel of 30 m
    with h5py.File(path, "r+") as file:
        for fields, shape in (("HCO", (rows, 3, columns)), ("PCO", (6 * rows, 6 * columns))):
            group = file[f"HDFEOS/SWATHS/PRS_L2D_{fields}/Data Fields"]
            for name in list(group):
                bands = (group[name].shape[1],) if len(shape) == 3 else ()
                kind = group[name].dtype
                del group[name]
                group.create_dataset(name, (shape[0], *bands, shape[-1]), kind, chunks=True)
        file.attrs["Product_ULcorner_easting"], file.attrs["Product_ULcorner_northing"] = corner
        file.attrs["Product_LRcorner_easting"] = corner[0] + 30 * (columns - 1)
        file.attrs["Product_LRcorner_northing"] = corner[1] - 30 * (rows - 1)
    bands = {band["name"]: band for band in content["bands"]}
    for variable, fields in ((None, "HCO"), ("pan", "PCO")):
        with open_image(path, variable, key="dataset.lr_hsi") as image:
            assert image.shape[:2] == (
                bands[f"{fields}_Latitude"]["bandHeight"],
                bands[f"{fields}_Latitude"]["bandWidth"],
            )
            for name, index in (("Longitude", 0), ("Latitude", 1)):
                for pixel in bands[f"{fields}_{name}"]["expectedPixels"]:
                    x, y = image.grid.xy(pixel["y"] + 0.5, pixel["x"] + 0.5)
                    place = transform("EPSG:32632", "EPSG:4326", [x], [y])
                    assert abs(place[index][0] - pixel["value"]) < 4e-6  # half a metre


def test_a_file_is_cut_short(path, cut_short):
    cut_short(path)
