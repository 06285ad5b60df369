"""Sentinel-2: reflectance of either resolution, with the offset of its baseline; clouds hold no data."""

import numpy as np
import pytest

rasterio = pytest.importorskip("rasterio", reason="the extra io is not installed")

from made_up_products import (  # noqa: E402
    S2_10M,
    S2_20M,
    S2_FWHM,
    S2_NAMES,
    S2_WAVELENGTHS,
    STEP,
    Place,
    sentinel2,
    write_raster,
)

RNG = np.random.default_rng(0)
CUBE, CUBE_20M = RNG.uniform(0.01, 1.2, (8, 12, 4)), RNG.uniform(0.01, 1.2, (4, 6, 9))


def jp2(safe, end):
    return next(safe.glob(f"GRANULE/*/IMG_DATA/*/*_{end}.jp2"))


@pytest.mark.parametrize("baseline", ["02.14", "03.01", "04.00", "05.11"])
@pytest.mark.parametrize(
    ("variable", "expected", "names", "size"),
    [(None, CUBE, S2_10M, 10), ("10m", CUBE, S2_10M, 10), ("20m", CUBE_20M, S2_20M, 20)],
)
def test_either_resolution_of_any_baseline(tmp_path, whole, baseline, variable, expected, names, size):
    place = Place(32755, 399960.0, 6200020.0, 10.0)
    image, got = whole(sentinel2(tmp_path, CUBE, place, cube_20m=CUBE_20M, baseline=baseline), variable)
    np.testing.assert_allclose(got, expected, atol=0.51 * STEP)
    bands = [S2_NAMES.index(name) for name in names]
    np.testing.assert_allclose(image.bands.wavelengths, np.array(S2_WAVELENGTHS)[bands])
    np.testing.assert_allclose(image.bands.fwhm, np.array(S2_FWHM)[bands])
    assert image.bands.names[0] == "B02"
    assert len(image.bands.names) == len(names)
    assert (image.unit, image.nodata) == ("reflectance", 0)
    assert image.grid.transform == (size, 0, 399960, 0, -size, 6200020)
    assert rasterio.CRS.from_wkt(image.grid.crs).to_epsg() == 32755


def test_without_a_response_the_width_is_that_from_end_to_end(tmp_path, whole):
    fwhm = whole(sentinel2(tmp_path, CUBE, response=False))[0].bands.fwhm
    np.testing.assert_allclose(fwhm, [2 * S2_FWHM[S2_NAMES.index(name)] for name in S2_10M])


def test_without_spectral_information_there_are_no_wavelengths(tmp_path, whole):
    safe = sentinel2(tmp_path, CUBE)
    path = safe / "MTD_MSIL2A.xml"
    path.write_text(
        path.read_text().replace("Spectral_Information ", "Other ").replace("/Spectral_Information>", "/Other>")
    )
    bands = whole(safe)[0].bands
    assert (bands.names, bands.wavelengths, bands.fwhm) == (["B02", "B03", "B04", "B08"], None, None)


@pytest.mark.parametrize("variable", ["10m", "20m"])
def test_pixels_of_no_use_hold_no_data_in_either_resolution(tmp_path, whole, variable):
    classes = np.arange(24).reshape(4, 6) % 12
    safe = sentinel2(tmp_path, CUBE, cube_20m=CUBE_20M, classes=classes)
    image, got = whole(safe, variable)
    times = 2 if variable == "10m" else 1
    expected = np.isin(classes, [0, 1, 3, 8, 9, 10]).repeat(times, 0).repeat(times, 1)
    np.testing.assert_array_equal(np.isnan(got), np.broadcast_to(expected[..., None], got.shape))
    assert image.causes[-1].what == "no data, saturated, cloud shadow, cloud, cirrus (scene classification)"
    image, got = whole(safe, variable, quality=False)
    assert (np.isnan(got).any(), len(image.causes)) == (False, 1)


def test_numbers_that_are_0_hold_no_data(tmp_path, whole):
    cube = np.where(np.arange(12)[:, None] == 5, np.nan, CUBE)
    np.testing.assert_array_equal(np.isnan(whole(sentinel2(tmp_path, cube))[1]), np.isnan(cube))


def test_another_resolution_is_refused(tmp_path, refused):
    message = refused(sentinel2(tmp_path, CUBE), "60m")
    assert message.startswith("dataset.variable: ")
    assert message.endswith("holds 10m, 20m, got '60m'")


@pytest.mark.parametrize(
    ("told", "taken", "message"),
    [
        ("BOA_QUANTIFICATION_VALUE", "VALUE", "BOA_QUANTIFICATION_VALUE: expected a number, got None"),
        (">10000<", ">0<", "BOA_QUANTIFICATION_VALUE: expected more than 0, got 0"),
        ('BOA_ADD_OFFSET band_id="3"', 'BOA_ADD_OFFSET band_id="99"', "BOA_ADD_OFFSET, PROCESSING_BASELINE: expected"),
        ("<BOA_ADD_OFFSET band_id", "<OTHER band_id", "expected the XML file"),
        ("05.09", "new", "BOA_ADD_OFFSET, PROCESSING_BASELINE: expected numbers"),
        ('<CENTRAL unit="nm">492.7', '<CENTRAL unit="nm">blue', "Wavelength/CENTRAL: expected a number, got 'blue'"),
        ("<VALUES>0.1", "<VALUES>none", "Spectral_Response/VALUES: expected numbers"),
    ],
)
def test_metadata_that_do_not_fit_are_refused(tmp_path, refused, told, taken, message):
    safe = sentinel2(tmp_path, CUBE)
    path = safe / "MTD_MSIL2A.xml"
    assert told in path.read_text()
    path.write_text(path.read_text().replace(told, taken))
    assert message in refused(safe)


def test_a_later_baseline_without_offsets_is_refused(tmp_path, refused):
    safe = sentinel2(tmp_path, CUBE, baseline="03.01")
    path = safe / "MTD_MSIL2A.xml"
    path.write_text(path.read_text().replace("03.01", "05.09"))
    assert "expected BOA_ADD_OFFSET of B1, B2, " in refused(safe)


@pytest.mark.parametrize("end", ["B03_10m", "SCL_20m"])
def test_missing_parts_are_refused(tmp_path, refused, end):
    safe = sentinel2(tmp_path, CUBE)
    jp2(safe, end).unlink()
    assert refused(safe).endswith(f"expected one R{end[-3:]}/*_{end}.jp2, got 0")


def test_an_image_of_another_size_is_refused(tmp_path, refused):
    safe = sentinel2(tmp_path, CUBE)
    for end, message in (
        ("B04_10m", "expected 8×12×1 numbers as in B2"),
        ("SCL_20m", "expected classes of whole pixels"),
    ):
        path = jp2(safe, end)
        kept = path.read_bytes()
        write_raster(path, np.ones((5, 5), np.uint8), Place(), "JP2OpenJPEG", QUALITY=100, REVERSIBLE="YES")
        assert message in refused(safe)
        path.write_bytes(kept)


@pytest.mark.parametrize("end", ["B03_10m", "SCL_20m"])
def test_an_image_is_cut_short(tmp_path, cut_short, end):
    safe = sentinel2(tmp_path, CUBE)
    cut_short(jp2(safe, end), safe)


def test_the_metadata_are_cut_short(tmp_path, cut_short):
    safe = sentinel2(tmp_path, CUBE)
    cut_short(safe / "MTD_MSIL2A.xml", safe)
