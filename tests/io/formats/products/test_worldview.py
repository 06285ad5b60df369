"""WorldView: the numbers of the image, one or in tiles, with the names of its bands."""

import numpy as np
import pytest

rasterio = pytest.importorskip("rasterio", reason="the extra io is not installed")

from made_up_multispectral import worldview  # noqa: E402
from made_up_products import Place  # noqa: E402

NUMBERS = np.random.default_rng(0).integers(1, 2000, (9, 14, 8)).astype(np.uint16)
EIGHT, NAMES = "C B G Y R RE N N2".split(), "coastal blue green yellow red red_edge nir1 nir2".split()
PLACE = Place(32719, 431235.0, 7000005.0, 2.0)
NOTE = "14JUN11-M2AS-0146_01_P001.IMD: names the bands; its calibration is not applied"


def files(folder, suffix):
    return sorted(path for path in folder.iterdir() if path.suffix == suffix)


@pytest.mark.parametrize("tiles", [1, 2, 3])
def test_an_image_is_read_whole(tmp_path, whole, tiles):
    folder = worldview(tmp_path / "x", NUMBERS, EIGHT, PLACE, tiles=tiles)
    paths = [folder, *files(folder, ".IMD"), *(files(folder, ".TIF") if tiles == 1 else files(folder, ".TIL"))]
    for path in paths:
        image, got = whole(path)
        np.testing.assert_array_equal(got, NUMBERS)
        assert (image.kind, image.bands.names, image.notes[-1]) == ("WorldView", NAMES, NOTE)
        assert image.grid.transform == (2, 0, 431235, 0, -2, 7000005)


def test_tiles_lie_where_the_first_lies(tmp_path, whole):
    folder = worldview(tmp_path / "x", NUMBERS, EIGHT, PLACE, tiles=2)
    (path,) = files(folder, ".IMD")
    path.write_text(path.read_text().replace("ULX", "other"))
    image, got = whole(folder)
    np.testing.assert_array_equal(got, NUMBERS)
    assert image.grid.transform == (2, 0, 431235, 0, -2, 7000005)
    assert image.notes[0].endswith(".TIL: the place of the image is that of its first tile, not that in the .IMD")


def test_a_tile_is_read_alone_and_that_is_said(tmp_path, whole):
    folder = worldview(tmp_path / "x", NUMBERS, EIGHT, PLACE, tiles=2)
    image, got = whole(files(folder, ".TIF")[1])
    np.testing.assert_array_equal(got, NUMBERS[:, 7:])
    assert image.bands.names == NAMES
    assert image.notes[-2:] == ("one of 2 tiles; name 14JUN11-M2AS-0146_01_P001.TIL for all", NOTE)
    assert image.grid.transform[2] == 431235 + 7 * 2


@pytest.mark.parametrize(
    ("groups", "satellite", "names"),
    [
        ("B G R N", "WV02", "blue green red nir1"),
        ("B G R N", "GE01", "blue green red nir"),
        ("P", "WV03", "pan"),
        ("S1 S2 S8", "WV03", "swir1 swir2 swir8"),
    ],
)
def test_other_bands_have_their_names(tmp_path, whole, groups, satellite, names):
    groups = groups.split()
    folder = worldview(tmp_path / "x", NUMBERS[..., : len(groups)], groups)
    (path,) = files(folder, ".IMD")
    path.write_text(path.read_text().replace("WV02", satellite))
    assert whole(folder)[0].bands.names == names.split()


def test_names_of_other_bands_are_set_aside(tmp_path, whole):
    image, got = whole(worldview(tmp_path / "x", NUMBERS, ["B", "G"]))
    np.testing.assert_array_equal(got, NUMBERS)
    assert image.notes[-1] == "14JUN11-M2AS-0146_01_P001.IMD: names 2 bands of 8, set aside"


def test_what_is_missing_or_too_much_is_refused(tmp_path, refused):
    folder = worldview(tmp_path / "x", NUMBERS, EIGHT, tiles=2)
    files(folder, ".TIF")[0].unlink()
    assert "expected its tiles beside it, 14JUN11_R1C1-M2AS-0146_01_P001.TIF missing" in refused(folder)
    worldview(folder, NUMBERS, EIGHT, name="14JUN11-P2AS-0146_01_P001")
    assert "expected one image in the folder, got 2" in refused(folder)
    folder = worldview(tmp_path / "y", NUMBERS, EIGHT)
    files(folder, ".TIF")[0].unlink()
    assert "expected its .TIL or one .TIF beside it, got 0 .TIF" in refused(folder)
