"""Landsat Level-2: reflectance of its bands at their place; clouds and what is saturated hold no data."""

import shutil

import numpy as np
import pytest
import yaml

rasterio = pytest.importorskip("rasterio", reason="the extra io is not installed")

from made_up_multispectral import LANDSAT, landsat  # noqa: E402
from made_up_products import Place, write_raster  # noqa: E402
from places import ROOT  # noqa: E402

NAMES = ["coastal", "blue", "green", "red", "nir", "swir1", "swir2"]
CUBE = np.random.default_rng(0).uniform(-0.05, 1.2, (7, 5, 7))
STEP = 2.75e-5


@pytest.fixture
def folder(tmp_path):
    return landsat(tmp_path / "scene", CUBE, Place(32719, 431235.0, 7000005.0))


@pytest.mark.parametrize("metadata", ["txt", "xml", None])
def test_all_bands_come_at_their_place(tmp_path, whole, metadata):
    folder = landsat(tmp_path / "x", CUBE, Place(32719, 431235.0, 7000005.0), metadata=metadata)
    for path in (folder, *([folder / f"{LANDSAT}_MTL.{metadata}"] if metadata else [])):
        image, got = whole(path)
        np.testing.assert_allclose(got, CUBE, atol=0.51 * STEP)
        assert (image.kind, image.unit, image.nodata, image.bands.names) == ("Landsat 8 L2SP", "reflectance", 0, NAMES)
        assert image.grid.transform == (30, 0, 431235, 0, -30, 7000005)
        assert rasterio.CRS.from_wkt(image.grid.crs).to_epsg() == 32719
        assert [note.split(":")[0] for note in image.notes] == ([] if metadata else ["*_MTL.txt"])


@pytest.mark.parametrize("sensor", ["landsat8", "landsat9"])
def test_the_bands_have_the_names_of_the_sensor_s(folder, whole, sensor):
    bands = yaml.safe_load((ROOT / "conf" / "sensor" / f"{sensor}.yaml").read_text())["bands"]
    image = whole(folder)[0]
    assert list(bands) == image.bands.names
    np.testing.assert_allclose(image.bands.wavelengths, np.mean(list(bands.values()), 1), atol=2)
    np.testing.assert_allclose(image.bands.fwhm, np.ptp(list(bands.values()), axis=1), atol=2)


def test_clouds_and_saturated_values_hold_no_data(tmp_path, whole):
    quality, saturated = np.full((7, 5), 21824), np.zeros((7, 5), int)  # clear, with low confidences
    for column, bit in enumerate(range(5)):  # fill, dilated cloud, cirrus, cloud, shadow
        quality[0, column] |= 1 << bit
    quality[1, :3] |= (1 << 5, 1 << 6, 1 << 7)  # snow, clear, water
    saturated[3, 2], saturated[4, 1], saturated[5, 0] = 1 << 1, 1 << 6 | 1, 1 << 8  # band 2; 7 and 1; 9
    cube = np.where(np.arange(5)[:, None] == 4, np.nan, CUBE)
    folder = landsat(tmp_path / "x", cube, quality=quality, saturated=saturated)
    image, got = whole(folder)
    expected = np.isnan(cube)
    expected[0] = expected[3, 2, 1] = expected[4, 1, 6] = expected[4, 1, 0] = True
    np.testing.assert_array_equal(np.isnan(got), expected)
    assert [cause.what for cause in image.causes] == [
        "no-data value 0 of the file",
        "fill, dilated cloud, cirrus, cloud, cloud shadow (QA_PIXEL)",
        "saturated (QA_RADSAT)",
    ]
    np.testing.assert_array_equal(np.isnan(whole(folder, quality=False)[1]), np.isnan(cube))


@pytest.mark.parametrize("kind", ["zip", "tar", "gztar"])
def test_archives_are_read_without_unpacking_them(tmp_path, folder, whole, kind):
    archive = shutil.make_archive(tmp_path / "LC08, (1)", kind, folder)
    expected, values = whole(folder)
    image, got = whole(archive)
    np.testing.assert_array_equal(got, values)
    assert (image.grid, image.notes) == (expected.grid, expected.notes)


def test_the_raster_of_a_band_is_read_as_the_product_has_it(tmp_path, whole):
    folder = landsat(tmp_path / "x", CUBE, quality=np.where(np.eye(7, 5), 21824 | 8, 21824))
    landsat(folder, CUBE, scene=LANDSAT.replace("0830", "0831"))
    image, got = whole(folder / f"{LANDSAT}_SR_B5.TIF")
    expected = np.where(np.eye(7, 5) == 1, np.nan, CUBE[..., 4])
    np.testing.assert_allclose(got[..., 0], expected, atol=0.51 * STEP)
    assert image.bands.names == ["nir"]
    np.testing.assert_allclose(image.bands.wavelengths, [865])


def test_older_landsats_are_read(tmp_path, whole):
    image, got = whole(landsat(tmp_path / "x", CUBE[..., :6], scene=LANDSAT.replace("LC08", "LT05")))
    np.testing.assert_allclose(got, CUBE[..., :6], atol=0.51 * STEP)
    assert (image.kind, image.bands.names) == ("Landsat 5 L2SP", NAMES[1:])


def test_factors_are_those_of_level_2(folder, whole):
    path = folder / f"{LANDSAT}_MTL.txt"
    text = path.read_text()
    path.write_text(text.replace("MULT_BAND_3 = 2.75e-05", "MULT_BAND_3 = 5.5e-05"))
    np.testing.assert_allclose(whole(folder)[1][..., 2] + 0.2, 2 * (CUBE[..., 2] + 0.2), atol=STEP)
    path.write_text(text.replace("LEVEL2_SURFACE_REFLECTANCE_PARAMETERS", "OTHER"))
    image, got = whole(folder)
    np.testing.assert_allclose(got, CUBE, atol=0.51 * STEP)
    (note,) = image.notes
    assert "LEVEL2_SURFACE_REFLECTANCE_PARAMETERS has no REFLECTANCE_MULT_BAND_1; reflectance is 2.75e-05" in note


@pytest.mark.parametrize(("suffix", "lost"), [("QA_PIXEL", "clouds"), ("QA_RADSAT", "saturated values")])
def test_a_missing_mask_is_said(folder, whole, suffix, lost):
    (folder / f"{LANDSAT}_{suffix}.TIF").unlink()
    assert whole(folder)[0].notes == (f"*_{suffix}.TIF: missing, so that {lost} are not masked",)


def test_what_does_not_fit_is_refused(tmp_path, folder, refused):
    assert "holds one array without a name" in refused(folder, "SR_B4")
    path = folder / f"{LANDSAT}_SR_B4.TIF"
    write_raster(path, np.ones((7, 4), np.uint16), Place())
    assert "expected 7×5×1 numbers in all rasters of LC08" in refused(folder)
    path.unlink()
    assert refused(folder).endswith(f"expected {LANDSAT}_SR_B4.TIF in it, got 0 of them")
    landsat(folder, CUBE, scene=LANDSAT.replace("0830", "0831"))
    assert "expected one scene, got 2: LC08" in refused(folder)


def test_level_1_is_refused_with_the_remedy(tmp_path, refused):
    name = LANDSAT.replace("L2SP", "L1TP")
    path = tmp_path / f"{name}_MTL.txt"
    path.write_text("GROUP = LANDSAT_METADATA_FILE\nEND\n")
    write_raster(tmp_path / f"{name}_B1.TIF", np.ones((7, 5), np.uint16), Place())
    for file in (path, tmp_path, shutil.make_archive(tmp_path.parent / "level1", "tar", tmp_path)):
        message = refused(file)
        assert "expected a Level-2 product, got L1TP; order the scene as Collection 2 Level-2, L2SP" in message


@pytest.mark.parametrize("end", ["SR_B3", "QA_PIXEL"])
def test_a_file_is_cut_short(folder, cut_short, end):
    cut_short(folder / f"{LANDSAT}_{end}.TIF", folder)
