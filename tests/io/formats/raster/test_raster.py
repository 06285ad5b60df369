"""Rasters: grid, scale, no data and bands as other writers leave them."""

import warnings

import numpy as np
import pytest

rasterio = pytest.importorskip("rasterio", reason="the extra io is not installed")

from made_up_products import Place, write_raster  # noqa: E402

CUBE = np.random.default_rng(0).integers(1, 9999, (6, 8, 3)).astype(np.int16)


@pytest.fixture
def tiff(tmp_path):
    path = tmp_path / "x.tif"
    write_raster(path, CUBE, Place(), nodata=int(CUBE[2, 3, 1]))
    return path


def gdal_version() -> tuple[int, ...]:
    return tuple(int(part) for part in rasterio.__gdal_version__.split(".")[:2])


def test_scale_offset_and_no_data_of_each_band_count(tiff, whole):
    with rasterio.open(tiff, "r+") as file:
        file.scales, file.offsets = (1e-4, 1, 2), (0, 5, -1)
    image, got = whole(tiff)
    expected = CUBE * np.array([1e-4, 1, 2]) + [0, 5, -1]
    expected[CUBE == CUBE[2, 3, 1]] = np.nan
    np.testing.assert_allclose(got, expected, rtol=1e-6)
    assert image.nodata == CUBE[2, 3, 1]
    assert image.unit is None


def test_bands_may_differ_in_what_stands_for_no_data(tmp_path, whole):
    for band, nodata in enumerate((-1, -2)):
        write_raster(tmp_path / f"{band}.tif", np.array([[-1, -2], [3, 4]], np.int16), Place(), nodata=nodata)
    source = '<ComplexSource><SourceFilename relativeToVRT="1">{}.tif</SourceFilename></ComplexSource>'
    bands = "".join(
        f'<VRTRasterBand dataType="Int16" band="{band + 1}"><NoDataValue>{-band - 1}</NoDataValue>'
        f"{source.format(band)}</VRTRasterBand>"
        for band in range(2)
    )
    (tmp_path / "x.vrt").write_text(f'<VRTDataset rasterXSize="2" rasterYSize="2">{bands}</VRTDataset>')
    image, got = whole(tmp_path / "x.vrt")
    assert image.nodata is None
    assert np.isnan(got).tolist() == [[[True, False], [False, True]], [[False, False], [False, False]]]


def test_names_units_and_wavelengths_are_those_of_the_bands(tiff, whole):
    assert (whole(tiff)[0].bands.names, whole(tiff)[0].bands.wavelengths) == (None, None)
    with rasterio.open(tiff, "r+") as file:
        file.set_band_description(2, "green")
        file.units = ["reflectance"] * 3
        for band, (centre, width) in enumerate(((0.45, 0.02), (0.55, 0.03), (1.65, 0.1)), 1):
            file.update_tags(band, WAVELENGTH=centre, fwhm=width, wavelength_units="Micrometers")
    image, _ = whole(tiff)
    assert image.bands.names == ["band 1", "green", "band 3"]
    assert image.unit == "reflectance"
    np.testing.assert_allclose(image.bands.wavelengths, [450, 550, 1650])
    np.testing.assert_allclose(image.bands.fwhm, [20, 30, 100])


def test_wavelengths_are_all_there_or_count_for_nothing(tiff, whole):
    with rasterio.open(tiff, "r+") as file:
        file.update_tags(1, wavelength=450)
        file.update_tags(2, wavelength="green")
    image, _ = whole(tiff)
    assert image.bands.wavelengths is None
    assert any(note.startswith("wavelength: 2 of 3 bands have none") for note in image.notes)


@pytest.mark.skipif(gdal_version() < (3, 10), reason="GDAL before 3.10 does not name wavelengths so")
def test_gdal_s_own_names_of_wavelengths_are_known(tiff, whole):
    with rasterio.open(tiff, "r+") as file:
        for band, centre in enumerate((0.45, 0.55, 1.65), 1):
            file.update_tags(band, ns="IMAGERY", CENTRAL_WAVELENGTH_UM=centre, FWHM_UM=centre / 10)
    image, _ = whole(tiff)
    np.testing.assert_allclose(image.bands.wavelengths, [450, 550, 1650])
    np.testing.assert_allclose(image.bands.fwhm, [45, 55, 165])


@pytest.mark.parametrize("transform", [(3, 1, 100, 1, -3, 200), (10, 0, 0, 0, 10, 0)])
def test_a_turned_or_mirrored_grid_is_kept(tmp_path, whole, transform):
    profile = {"height": 6, "width": 8, "count": 1, "dtype": "uint8", "crs": "EPSG:25833"}
    with rasterio.open(tmp_path / "x.tif", "w", transform=rasterio.Affine(*transform), **profile) as file:
        file.write(np.ones((1, 6, 8), np.uint8))
    grid = whole(tmp_path / "x.tif")[0].grid
    assert grid.transform == transform
    assert rasterio.CRS.from_wkt(grid.crs).to_epsg() == 25833
    assert grid.crs_name == "ETRS89 / UTM zone 33N"


def test_without_georeferencing_there_is_no_grid(tmp_path, whole):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(tmp_path / "x.png", "w", driver="PNG", height=6, width=8, count=1, dtype="uint8") as file:
            file.write(np.ones((1, 6, 8), np.uint8))
    assert whole(tmp_path / "x.png")[0].grid is None


def test_a_crs_that_is_nowhere_on_the_earth_is_not_known(tmp_path, whole):
    """So GDAL calls a GeoTIFF's coordinates whose EPSG code it does not know."""
    write_raster(tmp_path / "x.tif", CUBE, Place())
    data, code = (tmp_path / "x.tif").read_bytes(), np.array([3072, 0, 1, 32632], "<u2").tobytes()
    assert data.count(code) == 1
    (tmp_path / "x.tif").write_bytes(data.replace(code, np.array([3072, 0, 1, 29999], "<u2").tobytes()))
    grid = whole(tmp_path / "x.tif")[0].grid
    assert (grid.crs, grid.transform) == ("", (30, 0, 600000, 0, -30, 5000000))


@pytest.mark.parametrize("dtype", ["uint32", "int32", "float64"])
def test_what_float32_does_not_hold_is_float64(tmp_path, whole, dtype):
    cube = CUBE.astype(dtype) + 2**24
    write_raster(tmp_path / "x.tif", cube, Place())
    image, got = whole(tmp_path / "x.tif")
    assert image.dtype == got.dtype == np.float64
    np.testing.assert_array_equal(got, cube)


def test_complex_numbers_are_refused(tmp_path, refused):
    write_raster(tmp_path / "x.tif", CUBE.astype(np.complex64), Place())
    assert refused(tmp_path / "x.tif").endswith("x.tif: holds no real numbers but is complex64")


@pytest.mark.parametrize(
    ("name", "driver", "options"),
    [
        ("x.tif", "GTiff", {}),
        ("x.tif", "GTiff", {"compress": "deflate", "tiled": True, "blockxsize": 16, "blockysize": 16}),
        ("x.tif", "COG", {}),
        ("x.pix", "PCIDSK", {}),
        ("x.img", "HFA", {}),
        ("x.jp2", "JP2OpenJPEG", {"QUALITY": 100, "REVERSIBLE": "YES"}),
        ("x.bil", "EHdr", {}),
    ],
)
def test_a_file_is_cut_short(tmp_path, cut_short, name, driver, options):
    noise = np.random.default_rng(1).integers(1, 60000, (20, 25, 1 if driver == "EHdr" else 3)).astype(np.uint16)
    write_raster(tmp_path / name, noise, Place(), driver, **options)
    cut_short(tmp_path / name)


def test_what_a_failed_read_says_is_gdal_s_own_reason(tiff, refused):
    tiff.write_bytes(tiff.read_bytes()[:-40])
    assert "IReadBlock failed" in refused(tiff)


def test_a_header_of_a_larger_image_is_refused(tmp_path, refused):
    write_raster(tmp_path / "x.bil", CUBE[..., :1], Place(), "EHdr")
    header = (tmp_path / "x.hdr").read_text()
    (tmp_path / "x.hdr").write_text(header.replace("NROWS          6", "NROWS          7"))
    assert refused(tmp_path / "x.bil").endswith("x.bil: expected 112 bytes, as its header says, got 96")


@pytest.mark.parametrize("missing", [True, False])
def test_a_vrt_of_files_that_are_not_there_is_refused(tiff, tmp_path, refused, missing):
    (tmp_path / "x.vrt").write_text(
        '<VRTDataset rasterXSize="8" rasterYSize="6"><VRTRasterBand dataType="Int16" band="1"><SimpleSource>'
        '<SourceFilename relativeToVRT="1">x.tif</SourceFilename><SourceBand>1</SourceBand>'
        "</SimpleSource></VRTRasterBand></VRTDataset>"
    )
    if missing:
        tiff.unlink()
    else:
        tiff.write_bytes(tiff.read_bytes()[:100])
    assert "cannot be read" in refused(tmp_path / "x.vrt")
