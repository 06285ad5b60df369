"""NEON's reflectance: scale, no data, absorption windows and map info, each where NEON writes it."""

import h5py
import numpy as np
import pytest
from made_up_hdf5 import neon

rasterio = pytest.importorskip("rasterio", reason="the extra io is not installed")

CUBE = np.random.default_rng(0).integers(0, 9999, (6, 5, 8)) / 1e4
CUBE[:2, 3] = np.nan
WAVELENGTHS = np.array([400.0, 700, 1339, 1340, 1400, 1445, 1500, 2300])


def test_a_file_is_reflectance_on_its_grid(tmp_path, whole):
    image, got = whole(neon(tmp_path / "x.h5", CUBE, WAVELENGTHS, windows=[(1340, 1445), (2280, 2400)]))
    np.testing.assert_allclose(got, CUBE, rtol=1e-6)
    assert (image.kind, image.unit, image.nodata, image.shape) == ("NEON", "reflectance", -9999, CUBE.shape)
    assert image.bands.wavelengths.tolist() == WAVELENGTHS.tolist()
    assert image.bands.fwhm.tolist() == [5.8] * 8
    assert image.bands.good.tolist() == [True, True, True, False, False, False, True, False]
    assert image.grid.transform == (1, 0, 600000, 0, -1, 5000000)
    assert rasterio.CRS.from_wkt(image.grid.crs).to_epsg() == 32618
    assert any("Scale_Factor=10000 divides" in note for note in image.notes)


def test_numbers_may_be_text(tmp_path, whole):
    path = neon(tmp_path / "x.h5", CUBE, WAVELENGTHS)
    with h5py.File(path, "r+") as file:
        attributes = file["HARV/Reflectance/Reflectance_Data"].attrs
        attributes["Scale_Factor"], attributes["Data_Ignore_Value"] = "10000.0", np.bytes_("-9999")
    image, got = whole(path)
    np.testing.assert_allclose(got, CUBE, rtol=1e-6)
    assert image.bands.good is None


@pytest.mark.parametrize("rotation", [0, 30, -17.5])
def test_map_info_places_and_turns_as_gdal_does(tmp_path, whole, rotation):
    info = f"UTM, 1, 1, 257000.5, 4112000, 0.5, 0.5, 11, North, WGS-84, units=Meters, rotation={rotation}"
    grid = whole(neon(tmp_path / "x.h5", CUBE, WAVELENGTHS, map_info=info, epsg=None))[0].grid
    (tmp_path / "y.hdr").write_text(
        "ENVI\nsamples = 5\nlines = 6\nbands = 1\ndata type = 1\ninterleave = bsq\nbyte order = 0\n"
        f"map info = {{{info}}}\n"
    )
    (tmp_path / "y.img").write_bytes(bytes(30))
    with rasterio.open(tmp_path / "y.img") as file:
        np.testing.assert_allclose(grid.transform, tuple(file.transform)[:6], atol=1e-9)
        assert rasterio.CRS.from_wkt(grid.crs) == file.crs


def test_the_tie_point_may_be_any_pixel(tmp_path, whole):
    info = "UTM, 3.5, 2, 1000, 2000, 10, 20, 18, South, WGS-84"
    grid = whole(neon(tmp_path / "x.h5", CUBE, WAVELENGTHS, map_info=info, epsg=None))[0].grid
    assert grid.xy(1.0, 2.5) == (1000, 2000)
    assert rasterio.CRS.from_wkt(grid.crs).to_epsg() == 32718


def test_a_crs_that_is_not_understood_is_left_aside(tmp_path, whole):
    wkt = rasterio.CRS.from_epsg(32619).to_wkt()
    image, _ = whole(neon(tmp_path / "x.h5", CUBE, WAVELENGTHS, epsg="99999", wkt=wkt))
    assert rasterio.CRS.from_wkt(image.grid.crs).to_epsg() == 32619
    assert any("99999" in note for note in image.notes)


def test_what_is_unusable_is_said(tmp_path, whole):
    path = neon(tmp_path / "x.h5", CUBE, WAVELENGTHS, windows=[(1340, 1445)])
    with h5py.File(path, "r+") as file:
        file["HARV/Reflectance"].attrs["Band_Window_2_Nanometers"] = "none"
        del file["HARV/Reflectance/Metadata/Coordinate_System/Map_Info"]
        file["HARV/Reflectance/Metadata/Ancillary_Imagery/Haze_Cloud_Water_Map"] = np.zeros((6, 5))
    image, got = whole(path)
    np.testing.assert_allclose(got, CUBE, rtol=1e-6)
    assert image.grid is None
    assert image.bands.good.sum() == 5
    for said in (
        "Band_Window_2_Nanometers='none' is left aside",
        "Map_Info: expected the place",
        "Haze_Cloud_Water_Map",
    ):
        assert any(said in note for note in image.notes)


@pytest.mark.parametrize(
    ("info", "said"),
    [
        ("UTM, 1, 1, 0, 0, 0, 1, 18, North, WGS-84", "expected pixels with an area"),
        ("Arbitrary, 1, 1, 0, 0, 1, 1", "expected a map projection, got Arbitrary"),
        ("UTM, 1, 1", "expected 7 parts"),
        ("UTM, 1, 1, 0, 0, 1, 1, 18, North, rotation=some", "could not convert"),
    ],
)
def test_a_map_info_that_is_unusable_is_left_aside(tmp_path, whole, info, said):
    image, got = whole(neon(tmp_path / "x.h5", CUBE, WAVELENGTHS, map_info=info))
    np.testing.assert_allclose(got, CUBE, rtol=1e-6)
    assert image.grid is None
    assert any("Map_Info is left aside" in note and said in note for note in image.notes)


def test_radiance_in_two_parts_is_refused(tmp_path, refused):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        for name in ("RadianceIntegerPart", "RadianceDecimalPart"):
            file[f"HARV/Radiance/{name}"] = np.zeros((6, 5, 8), np.int16)
    assert "expected NEON's reflectance" in refused(tmp_path / "x.h5")


def test_a_damaged_file_is_refused(tmp_path, cut_short):
    cut_short(neon(tmp_path / "x.h5", CUBE, WAVELENGTHS), lengths=12)
