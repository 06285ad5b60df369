"""DESIS: reflectance at its place; shadow, haze and cloud hold no data. More is in ``test_enmap``."""

import numpy as np
import pytest

rasterio = pytest.importorskip("rasterio", reason="the extra io is not installed")

from made_up_products import STEP, Place, desis, write_raster  # noqa: E402

WAVELENGTHS = [401.3, 550.0, 700.2, 999.5]
CUBE = np.random.default_rng(0).uniform(-0.02, 1.1, (7, 5, 4))


def part(folder, end):
    return next(path for path in folder.iterdir() if path.stem.endswith(end))


def test_all_bands_come_at_their_place(tmp_path, whole):
    image, got = whole(desis(tmp_path / "x", CUBE, WAVELENGTHS, Place(32611, 431234.5, 3800000.0)))
    np.testing.assert_allclose(got, CUBE, atol=0.51 * STEP)
    np.testing.assert_allclose(image.bands.wavelengths, WAVELENGTHS)
    np.testing.assert_allclose(image.bands.fwhm, 3.5)
    assert (image.unit, image.nodata, image.notes) == ("reflectance", -32768, ())
    assert image.grid.transform == (30, 0, 431234.5, 0, -30, 3800000)
    assert rasterio.CRS.from_wkt(image.grid.crs).to_epsg() == 32611


@pytest.mark.parametrize("named", ["QL_QUALITY-2", "QL_QUALITY"])
def test_shadow_haze_and_cloud_hold_no_data(tmp_path, whole, named):
    flags = np.zeros((7, 5, 10), np.uint8)
    flags[..., [1, 7, 8, 9]] = 1  # clear land, clear water, aerosol, water vapour
    flags[4, 4, 2] = 1  # snow
    for row, layer in enumerate((0, 3, 4, 5, 6)):
        flags[row, 2, layer] = 1
    folder = desis(tmp_path / "x", CUBE, WAVELENGTHS, flags=flags)
    path = part(folder, "QL_QUALITY-2")
    path.replace(path.with_name(path.name.replace("QL_QUALITY-2", named)))
    image, got = whole(folder)
    expected = np.zeros((7, 5), bool)
    expected[:5, 2] = True
    np.testing.assert_array_equal(np.isnan(got), np.broadcast_to(expected[..., None], CUBE.shape))
    assert [cause.what for cause in image.causes[1:]] == ["shadow, haze, cloud (quality layer)"]
    assert not np.isnan(whole(folder, quality=False)[1]).any()


def test_flags_of_another_size_are_refused(tmp_path, refused):
    folder = desis(tmp_path / "x", CUBE, WAVELENGTHS, flags=np.zeros((7, 5, 9)))
    assert "QL_QUALITY-2.tif: expected 7×5×10 values, to fit the spectral image, got 7×5×9" in refused(folder)


def test_metadata_of_other_bands_are_refused(tmp_path, refused):
    folder = desis(tmp_path / "x", CUBE, WAVELENGTHS)
    write_raster(part(folder, "SPECTRAL_IMAGE"), np.ones((7, 5, 3), np.int16), Place())
    assert refused(folder).endswith("SPECTRAL_IMAGE.tif: expected 4 bands, as its metadata says, got 3")


def test_other_levels_are_refused(tmp_path, refused):
    message = refused(desis(tmp_path / "x", CUBE, WAVELENGTHS, level="L1B"))
    assert message.endswith("expected DESIS L2A, got L1B; order the scene as L2A, reflectance on a map grid")


@pytest.mark.parametrize("end", ["SPECTRAL_IMAGE", "QL_QUALITY-2", "METADATA"])
def test_a_file_is_cut_short(tmp_path, cut_short, end):
    folder = desis(tmp_path / "x", CUBE, WAVELENGTHS, flags=np.zeros((7, 5, 10)))
    cut_short(part(folder, end), folder)
