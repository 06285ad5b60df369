"""PlanetScope: reflectance of its bands at their place; what is not clear holds no data."""

import numpy as np
import pytest

rasterio = pytest.importorskip("rasterio", reason="the extra io is not installed")

from made_up_multispectral import planet  # noqa: E402
from made_up_products import STEP, Place, write_raster  # noqa: E402
from omegaconf import OmegaConf  # noqa: E402
from places import ROOT  # noqa: E402

CUBE = np.random.default_rng(0).uniform(0.01, 1.2, (7, 5, 8))
CUBE[3, 2] = np.nan
NAMES = ["coastal_blue", "blue", "green_i", "green", "yellow", "red", "red_edge", "nir"]


def clear(**marked):
    """A mask: all clear but for the pixels given for a band, by its number."""
    mask = np.zeros((7, 5, 8), np.uint8)
    mask[..., 0] = 1
    for band, pixel in marked.items():
        mask[(*pixel, 0)], mask[(*pixel, int(band[1:]))] = 0, 1
    return mask


@pytest.mark.parametrize("end", ["_SR_8b", "_SR_8b_clip", "_SR_8b_harmonized_clip", "_8b"])
def test_the_bands_come_at_their_place(tmp_path, whole, end):
    mask = clear(b1=(0, 0), b2=(0, 1), b3=(0, 2), b4=(0, 3), b5=(0, 4))  # snow, shadow, light and heavy haze, cloud
    path = planet(tmp_path / "x", CUBE, Place(32719, 431235.0, 7000005.0, 3.0), end=end, mask=mask)
    expected = CUBE.copy()
    expected[0, 1:] = np.nan
    for named in (path, path.parent):
        image, got = whole(named)
        np.testing.assert_allclose(got, expected, atol=0.51 * (STEP if "SR" in end else 0.01))
        assert (image.kind, image.bands.names, image.notes) == ("PlanetScope", NAMES, ())
        assert image.unit == ("reflectance" if "SR" in end else "W/(m² sr µm)")
        assert image.grid.transform == (3, 0, 431235, 0, -3, 7000005)
    what = ["no-data value 0 of the file", "shadow, haze, cloud (udm2)"]
    assert [cause.what for cause in image.causes] == what
    np.testing.assert_array_equal(np.isnan(whole(path, quality=False)[1]), np.isnan(CUBE))


@pytest.mark.parametrize("sensor", ["planetscope", "superdove"])
def test_its_bands_are_those_of_the_sensor(tmp_path, whole, sensor):
    edges = OmegaConf.to_container(OmegaConf.load(ROOT / "conf" / "sensor" / f"{sensor}.yaml"))["bands"]
    bands = whole(planet(tmp_path, CUBE))[0].bands
    assert bands.names == list(edges)
    np.testing.assert_allclose(bands.wavelengths, np.mean(list(edges.values()), 1))
    np.testing.assert_allclose(bands.fwhm, np.ptp(list(edges.values()), axis=1))


def test_four_bands_have_their_names_alone(tmp_path, whole):
    image, got = whole(planet(tmp_path, CUBE[..., :4], end="_SR", mask=clear()))
    assert (image.bands.names, image.bands.wavelengths) == (["blue", "green", "red", "nir"], None)
    np.testing.assert_allclose(got, CUBE[..., :4], atol=0.51 * STEP)


def test_other_numbers_of_bands_are_said(tmp_path, whole):
    image, _ = whole(planet(tmp_path, CUBE[..., :5], end="_SR", mask=clear()))
    assert image.notes == ("5 bands, expected 8 or 4: their names are not known",)
    assert image.bands.names is None


def test_a_mask_that_is_missing_or_of_another_size_is_said(tmp_path, whole):
    path = planet(tmp_path, CUBE)
    note = "20230207_143613_03_241c_3B_*udm2*.tif: none of its size beside it, so that clouds are not masked"
    assert whole(path)[0].notes == (note,)
    write_raster(tmp_path / "20230207_143613_03_241c_3B_udm2.tif", np.zeros((9, 5, 8), np.uint8), Place())
    assert whole(path)[0].notes == (note,)
    planet(tmp_path, CUBE, mask=clear())  # the clipped one
    assert whole(path)[0].notes == ()


def test_several_images_in_a_folder_are_refused(tmp_path, refused):
    planet(tmp_path, CUBE)
    planet(tmp_path, CUBE, end="_8b_clip")
    assert "expected one PlanetScope image in the folder, got 2; name one of 2023" in refused(tmp_path)


def test_a_file_is_cut_short(tmp_path, cut_short):
    cut_short(planet(tmp_path, CUBE, mask=clear()))
