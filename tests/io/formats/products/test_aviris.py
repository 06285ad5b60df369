"""ENVI images in the sensor's geometry: on the map by the lookup table beside them."""

import numpy as np
import pytest

rasterio = pytest.importorskip("rasterio", reason="the extra io is not installed")

from made_up_products import Place, write_raster  # noqa: E402

from udaln.io.formats import open_image  # noqa: E402

RAW = np.random.default_rng(0).uniform(0.01, 1, (9, 6, 4)).astype(np.float32)
PLACE = Place(32611, 431235.0, 3800005.0, 4.0)
FLIGHT = "ang20180814t224053"


def glt():
    """A map grid of 12×10 pixels on which the image lies aslant; some pixels are those of neighbours."""
    i, j = np.mgrid[:12, :10]
    line, sample = np.floor(0.8 * i + 0.3 * j).astype(int), np.floor(0.8 * j - 0.25 * i + 1).astype(int)
    inside = (line >= 0) & (line < 9) & (sample >= 0) & (sample < 6)
    table = np.stack([sample + 1, line + 1], -1) * inside[..., None]
    table[::3] *= -1
    return table.astype(np.int32), line, sample, inside


def write(path, array, place=None):
    """An ENVI file without a suffix; without a place, in the sensor's geometry."""
    write_raster(path, array, place or PLACE, "ENVI")
    header = path.with_suffix(".hdr")
    lines = header.read_text().splitlines()
    if place is None:
        lines = [line for line in lines if not line.startswith(("map info", "coordinate system string"))]
    header.write_text("\n".join(lines) + "\n")
    for aux in path.parent.glob("*.aux.xml"):
        aux.unlink()


@pytest.fixture
def image(tmp_path):
    write(tmp_path / f"{FLIGHT}_corr_v2_img", RAW)
    write(tmp_path / f"{FLIGHT}_rdn_v2_glt", glt()[0], PLACE)
    return tmp_path / f"{FLIGHT}_corr_v2_img"


def test_each_pixel_of_the_map_is_the_image_s_own(image, whole):
    _, line, sample, inside = glt()
    expected = np.where(inside[..., None], RAW[line.clip(0, 8), sample.clip(0, 5)], np.nan)
    for path in (image, image.with_suffix(".hdr")):
        got_image, got = whole(path)
        np.testing.assert_array_equal(got, expected)
        assert got_image.shape == (12, 10, 4)
        assert got_image.grid.transform == (4, 0, 431235, 0, -4, 3800005)
        assert got_image.notes[-1].endswith(
            f"put on the map by {FLIGHT}_rdn_v2_glt: each pixel is the one that it names"
        )
    with open_image(image, key="dataset.lr_hsi", nodata=[float(RAW[4, 3, 1])]) as opened:
        part = opened.read(slice(2, 9), slice(1, 8))
        np.testing.assert_array_equal(part[..., 0], expected[2:9, 1:8, 0])
        flags = {cause.what: cause.flags(slice(0, 12), slice(0, 10)) for cause in opened.causes}
        np.testing.assert_array_equal(flags["outside of the image (GLT)"][..., 0], ~inside)
        (own,) = (flags[what] for what in flags if what.startswith("dataset.nodata"))
        np.testing.assert_array_equal(own[..., 1], inside & (line == 4) & (sample == 3))
        assert np.isnan(opened.read(slice(0, 1), slice(8, 10))).all()


def test_an_image_on_the_map_is_left_as_it_is(tmp_path, whole):
    write(tmp_path / f"{FLIGHT}_rdn_glt", glt()[0], PLACE)
    write(tmp_path / f"{FLIGHT}_rdn_img", RAW, PLACE)
    image, got = whole(tmp_path / f"{FLIGHT}_rdn_img")
    np.testing.assert_array_equal(got, RAW)
    assert not any("geometry of the sensor" in note for note in image.notes)


def test_coordinates_alone_are_refused_with_the_remedy(tmp_path, refused):
    write(tmp_path / f"{FLIGHT}_rdn_img", RAW)
    write(tmp_path / f"{FLIGHT}_rdn_igm", np.ones((9, 6, 3)))
    message = refused(tmp_path / f"{FLIGHT}_rdn_img")
    assert f"got the coordinates of its pixels, {FLIGHT}_rdn_igm, alone; put it on a map grid first" in message


def test_a_table_of_another_image_is_refused(image, refused):
    path = image.with_name(f"{FLIGHT}_rdn_v2_glt")
    table = glt()[0]
    table[3, 3] = 99, 1
    write(path, table, PLACE)
    message = refused(image)
    assert "of an image of 9 lines and 6 samples, got up to sample 99" in message
    write(path, table.astype(np.float32), PLACE)
    assert "expected a GLT of 2 bands of whole numbers on a map grid, got 12×10×2" in refused(image)


def test_a_table_of_another_flight_is_not_used(tmp_path, whole):
    write(tmp_path / "one_img", RAW)
    write(tmp_path / f"{FLIGHT}_rdn_glt", glt()[0], PLACE)
    assert whole(tmp_path / "one_img")[0].shape == RAW.shape


def test_the_table_itself_is_an_image(image, whole):
    assert whole(image.with_name(f"{FLIGHT}_rdn_v2_glt"))[0].shape == (12, 10, 2)
