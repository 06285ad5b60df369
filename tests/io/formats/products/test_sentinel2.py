"""Sentinel-2: reflectance of either resolution, with the offset of its baseline; clouds hold no data."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

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
from places import SHARED  # noqa: E402

from udaln.io.formats import open_image  # noqa: E402

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
    what = "no data, saturated, cloud shadow, cloud, cirrus (scene classification)"
    assert [cause.what for cause in image.causes] == ["no-data value 0 of the file", what]
    image, got = whole(safe, variable, quality=False)
    assert (np.isnan(got).any(), len(image.causes)) == (False, 1)


def test_numbers_that_are_0_hold_no_data(tmp_path, whole):
    cube = np.where(np.arange(12)[:, None] == 5, np.nan, CUBE)
    np.testing.assert_array_equal(np.isnan(whole(sentinel2(tmp_path, cube))[1]), np.isnan(cube))


def test_what_it_does_not_hold_is_refused(tmp_path, refused):
    safe = sentinel2(tmp_path, CUBE)
    for variable in ("15m", "B13", "B2,B2", ""):
        message = refused(safe, variable or ",")
        assert message.startswith("dataset.variable: ")
        assert "holds 10m, 20m, 60m, all or bands such as B4+B8+B11" in message
    assert "expected bands of 10 m and 20 m or those of 60m" in refused(safe, "B1,B8")


@pytest.mark.parametrize(
    ("told", "taken", "message"),
    [
        ("BOA_QUANTIFICATION_VALUE", "VALUE", "BOA_QUANTIFICATION_VALUE: expected a number, got None"),
        (">10000<", ">0<", "BOA_QUANTIFICATION_VALUE: expected more than 0, got 0"),
        ('BOA_ADD_OFFSET band_id="3"', 'BOA_ADD_OFFSET band_id="99"', "BOA_ADD_OFFSET, PROCESSING_BASELINE: expected"),
        ("<BOA_ADD_OFFSET band_id", "<OTHER band_id", "expected the XML file"),
        ("05.09", "new", "BOA_ADD_OFFSET, PROCESSING_BASELINE: expected numbers"),
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


@pytest.mark.parametrize(
    ("told", "taken", "note"),
    [
        ('<CENTRAL unit="nm">492.7', '<CENTRAL unit="nm">blue', "Wavelength/CENTRAL: expected a number, got 'blue'"),
        ("<VALUES>0.1", "<VALUES>none", "Spectral_Response/VALUES: expected numbers"),
    ],
)
def test_wavelengths_that_cannot_be_used_are_set_aside(tmp_path, whole, told, taken, note):
    safe = sentinel2(tmp_path, CUBE)
    path = safe / "MTD_MSIL2A.xml"
    path.write_text(path.read_text().replace(told, taken))
    image, got = whole(safe)
    np.testing.assert_allclose(got, CUBE, atol=0.51 * STEP)
    assert (image.bands.names, image.bands.wavelengths) == (["B02", "B03", "B04", "B08"], None)
    (line,) = image.notes
    assert line.startswith("wavelengths are set aside: ")
    assert note in line


def test_missing_bands_are_refused(tmp_path, refused):
    safe = sentinel2(tmp_path, CUBE)
    jp2(safe, "B03_10m").unlink()
    assert refused(safe).endswith("expected one IMG_DATA/R10m/*_B03_10m.jp2, got 0")
    assert refused(safe, "20m").endswith("expected one IMG_DATA/R20m/*_B02_20m.jp2, got 0")


def test_a_missing_classification_is_said(tmp_path, whole):
    safe = sentinel2(tmp_path, CUBE)
    jp2(safe, "SCL_20m").unlink()
    image, got = whole(safe)
    assert not np.isnan(got).any()
    (note,) = image.notes
    assert note == (
        "IMG_DATA/R20m/*_SCL_20m.jp2: missing, so that clouds are not masked; dataset.lr_hsi_mask=FILE masks them"
    )


def test_bands_are_taken_by_their_names(tmp_path, whole):
    safe = sentinel2(tmp_path, CUBE, cube_20m=CUBE_20M, cube_60m=RNG.uniform(0.01, 1, (2, 2, 11)))
    for variable, names, expected in (
        ("B04", ["B04"], CUBE[..., [2]]),
        ("b8,B2", ["B02", "B08"], CUBE[..., [0, 3]]),
        ("B8 + B3", ["B03", "B08"], CUBE[..., [1, 3]]),
        ("B5,B8A", ["B05", "B8A"], CUBE_20M[..., [3, 6]]),
    ):
        image, got = whole(safe, variable)
        assert image.bands.names == names
        np.testing.assert_allclose(got, expected, atol=0.51 * STEP)
    assert whole(safe, "60m", quality=False)[1].shape == (2, 2, 11)
    assert whole(safe, "B9,B1", quality=False)[0].bands.names == ["B01", "B09"]


@pytest.mark.parametrize("baseline", ["02.14", "05.11"])
def test_level_1c_is_read(tmp_path, whole, baseline):
    cube, rng = RNG.uniform(0.01, 1.2, (12, 18, 4)), np.random.default_rng(1)
    clouds = rng.integers(0, 2, (2, 3, 3))
    safe = sentinel2(tmp_path / "x", cube, cube_20m=CUBE_20M[..., 3:], level="L1C", baseline=baseline, classes=clouds)
    image, got = whole(safe)
    hidden = (clouds[..., :2] != 0).any(2).repeat(6, 0).repeat(6, 1)  # snow is ground
    np.testing.assert_array_equal(np.isnan(got), np.broadcast_to(hidden[..., None], got.shape))
    np.testing.assert_allclose(got[~hidden], cube[~hidden], atol=0.51 * STEP)
    assert (image.kind, image.bands.names) == ("Sentinel-2 L1C", ["B02", "B03", "B04", "B08"])
    assert image.notes == ("reflectance at the top of the atmosphere; L2A is at the surface",)
    safe = sentinel2(tmp_path / "y", cube, level="L1C")
    assert "MSK_CLASSI_B00.jp2: missing, so that clouds are not masked" in whole(safe)[0].notes[1]


@pytest.mark.parametrize("level", ["L1C", "L2A"])
@pytest.mark.parametrize("variable", [None, "20m", "all"])
def test_a_zip_is_read_without_unpacking_it(tmp_path, whole, variable, level):
    cubes = {"cube_20m": CUBE_20M if level == "L2A" else CUBE_20M[..., 3:]}
    safe = sentinel2(
        tmp_path / "a folder, with [brackets]", CUBE, Place(32755, 399960.0, 6200020.0, 10.0), level=level, **cubes
    )
    archive = shutil.make_archive(tmp_path / "Ünï (1)", "zip", safe.parent, safe.name)
    expected, values = whole(safe, variable)
    image, got = whole(archive, variable)
    np.testing.assert_array_equal(got, values)
    assert (image.bands.names, image.grid, image.notes) == (expected.bands.names, expected.grid, expected.notes)
    np.testing.assert_array_equal(image.bands.wavelengths, expected.bands.wavelengths)
    assert not list(tmp_path.glob("**/*.SAFE/**/*.aux.xml"))


def test_a_zip_that_was_replaced_is_read_anew(tmp_path, whole):
    archive = tmp_path / "x.zip"
    for name, cube in (("a", CUBE), ("b", RNG.uniform(0.01, 1.2, (6, 8, 4)))):
        safe = sentinel2(tmp_path / name, cube, baseline="05.09" if name == "a" else "05.10")
        shutil.make_archive(archive.with_suffix(""), "zip", safe.parent)
        np.testing.assert_allclose(whole(archive)[1], cube, atol=0.51 * STEP)


def test_a_zip_is_cut_short(tmp_path, cut_short):
    safe = sentinel2(tmp_path / "a", CUBE)
    cut_short(Path(shutil.make_archive(tmp_path / "x", "zip", safe.parent)), lengths=8)


def test_it_is_found_by_its_folder_and_its_files(tmp_path, whole, refused):
    safe = sentinel2(tmp_path / "one", CUBE)
    (safe / "manifest.safe").write_text("<xml/>")
    for path in (safe, safe.parent, safe / "manifest.safe", safe / "MTD_MSIL2A.xml"):
        np.testing.assert_allclose(whole(path)[1], CUBE, atol=0.51 * STEP)
    sentinel2(tmp_path / "one", CUBE, baseline="05.11")
    assert "expected one product in the folder, got 2" in refused(safe.parent)
    archive = shutil.make_archive(tmp_path / "two", "zip", safe.parent)
    assert "expected one product with its MTD_MSIL2A.xml or MTD_MSIL1C.xml, got S2B" in refused(archive)
    (tmp_path / "x.SAFE").mkdir()
    assert "expected MTD_MSIL2A.xml or MTD_MSIL1C.xml in it, got neither" in refused(tmp_path / "x.SAFE")


@pytest.mark.parametrize("level", ["L1C", "L2A"])
def test_the_image_of_a_band_is_read_as_the_product_has_it(tmp_path, whole, level):
    cube_20m = CUBE_20M if level == "L2A" else CUBE_20M[..., 3:]
    safe = sentinel2(tmp_path, CUBE, cube_20m=cube_20m, level=level)
    ends = {"B04_10m": (CUBE, 2), "B04_20m": (CUBE_20M, 2), "B8A_20m": (CUBE_20M, 6)}
    if level == "L1C":
        ends = {"B04": (CUBE, 2), "B8A": (CUBE_20M, 6)}
    for end, (cube, band) in ends.items():
        (path,) = safe.glob(f"GRANULE/*/IMG_DATA/**/*_{end}.jp2")
        image, got = whole(path)
        np.testing.assert_allclose(got[..., 0], cube[..., band], atol=0.51 * STEP)
        assert (image.kind, image.bands.names) == (f"Sentinel-2 {level}", [end[:3]])


def test_a_zip_with_a_part_missing_is_refused(tmp_path, refused):
    safe = sentinel2(tmp_path / "x", CUBE)
    jp2(safe, "B08_10m").unlink()
    archive = shutil.make_archive(tmp_path / "x", "zip", safe.parent)
    assert refused(archive).endswith("expected one IMG_DATA/R10m/*_B08_10m.jp2, got 0")


def test_all_bands_come_together_on_pixels_of_10_m(tmp_path, whole):
    """The bands of 20 m follow from those of 10 m here, so that they can be had exactly."""
    rng = np.random.default_rng(3)
    cube = gaussian_filter(rng.uniform(0.1, 0.9, (48, 64, 4)), (1, 1, 0))
    fine = cube @ rng.uniform(0, 0.4, (4, 6))
    coarse = fine.reshape(24, 2, 32, 2, 6).mean((1, 3))
    classes = np.full((24, 32), 4)
    classes[3, 5] = 9
    hidden = (classes == 9).repeat(2, 0).repeat(2, 1)
    cube_20m = np.concatenate([coarse[..., :3], coarse], 2)
    safe = sentinel2(tmp_path, cube, cube_20m=cube_20m, classes=classes)
    with open_image(safe, "all", key="dataset.hr_msi") as image:
        got = image.whole()
        for cause, expected in zip(image.causes, (np.zeros_like(hidden), hidden), strict=True):
            flags = cause.flags(slice(1, 47), slice(3, 64))
            np.testing.assert_array_equal(flags, np.broadcast_to(expected[1:47, 3:, None], (46, 61, 10)))
    names = ["B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12"]
    assert (image.bands.names, image.shape, image.grid.transform[0]) == (names, (48, 64, 10), 10)
    assert (np.diff(image.bands.wavelengths) > 0).all()
    (note,) = image.notes
    assert note.startswith("B05, B06, B07, B8A, B11, B12: of pixels of 20 m, sharpened by those of 10 m, B02, B03,")
    np.testing.assert_array_equal(np.isnan(got), np.broadcast_to(hidden[..., None], got.shape))
    sharp = got[..., [0, 1, 2, 6]]
    np.testing.assert_allclose(sharp[~hidden], cube[~hidden], atol=0.51 * STEP)
    error = np.sqrt(np.nanmean((got[..., [3, 4, 5, 7, 8, 9]] - fine) ** 2, axis=(0, 1)))
    flat = np.sqrt(((coarse.repeat(2, 0).repeat(2, 1) - fine) ** 2).mean((0, 1)))
    assert (error < 0.1 * flat).all()
    assert whole(safe, "B4,B11,B12")[0].bands.names == ["B04", "B11", "B12"]
    assert whole(safe, "ALL")[0].bands.names == names


def test_genuine_metadata_are_understood(tmp_path, whole):
    path = SHARED / "product_headers" / "S2C_MTD_MSIL2A.xml"
    if not path.exists():
        pytest.skip("no genuine metadata here")
    safe = sentinel2(tmp_path, CUBE, cube_20m=CUBE_20M)
    shutil.copy(path, safe / "MTD_MSIL2A.xml")
    image, got = whole(safe, "20m")
    np.testing.assert_allclose(got, CUBE_20M, atol=0.51 * STEP)  # its quantification and offset are the usual ones
    assert image.bands.names == ["B02", "B03", "B04", "B05", "B06", "B07", "B8A", "B11", "B12"]
    bands = [S2_NAMES.index(name) for name in S2_20M]
    np.testing.assert_allclose(image.bands.wavelengths, np.array(S2_WAVELENGTHS)[bands], atol=12)  # another satellite
    np.testing.assert_allclose(image.bands.fwhm, np.array(S2_FWHM)[bands], atol=12)


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
