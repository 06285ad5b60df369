"""Georeferencing in attributes, in the orders and spellings of GDAL, rasterio and ENVI."""

import h5py
import numpy as np
import pytest

rasterio = pytest.importorskip("rasterio", reason="the extra io is not installed")

CUBE = np.random.default_rng(0).random((5, 4, 3)).astype(np.float32)
WKT = rasterio.CRS.from_epsg(32632).to_wkt()
GRID = (30, 0, 600000, 0, -30, 5000000)
GDAL = [600000.0, 30, 0, 5000000, 0, -30]
INFO = "{UTM, 1, 1, 600000, 5000000, 30, 30, 32, North, WGS-84, units=Meters}"


@pytest.fixture
def of(tmp_path, whole):
    """The image in a group of a file, with attributes of the variable, the group or the file."""

    def read(where="variable", **attributes):
        with h5py.File(tmp_path / "x.h5", "w") as file:
            file["a/cube"] = CUBE
            {"variable": file["a/cube"], "group": file["a"], "file": file}[where].attrs.update(attributes)
        return whole(tmp_path / "x.h5")[0]

    return read


@pytest.mark.parametrize("where", ["variable", "group", "file"])
@pytest.mark.parametrize(
    "attributes",
    [
        {"GeoTransform": GDAL, "spatial_ref": WKT},
        {"geotransform": " ".join(map(str, GDAL)), "crs": "EPSG:32632"},
        {"transform": GRID, "crs": "+init=epsg:32632"},
        {"transform": (*GRID, 0, 0, 1), "epsg": 32632},
        {"map info": INFO},
        {"Map_Info": INFO.strip("{}"), "coordinate system string": WKT},
    ],
)
def test_a_grid_in_attributes(of, where, attributes):
    image = of(where, **attributes)
    assert image.grid.transform == GRID
    assert rasterio.CRS.from_wkt(image.grid.crs).to_epsg() == 32632
    assert image.notes == ()


def test_a_map_info_may_be_mirrored_as_in_a_header(of, tmp_path, whole):
    """Rows from south to north, and numbers in Fortran's notation."""
    info = "{UTM, 1, 1, 6D5, 5000000, 30, -30, 32, North, WGS-84, units=Meters}"
    assert of(map_info=info).grid.transform == (30, 0, 600000, 0, 30, 5000000)
    (tmp_path / "x.dat").write_bytes(bytes(20))
    fields = "samples=5\nlines=4\nbands=1\ndata type=1\ninterleave=bsq\nbyte order=0\n"
    (tmp_path / "x.hdr").write_text(f"ENVI\n{fields}map info={info.replace('6D5', '600000')}\n")
    assert whole(tmp_path / "x.dat")[0].grid.transform == (30, 0, 600000, 0, 30, 5000000)


def test_a_place_without_a_crs_is_said(of):
    image = of(geotransform=GDAL)
    assert (image.grid.crs, image.grid.transform) == ("", GRID)
    assert image.notes == ("geotransform: a place without a CRS; both images are taken to be in the same",)


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"geotransform": GDAL[:5]}, "geotransform is left aside: expected 6 numbers"),
        ({"transform": "north up"}, "transform is left aside: expected 6 numbers"),
        ({"transform": (0, 0, 1, 0, 0, 1)}, "transform is left aside: expected pixels with an area"),
        ({"map_info": "UTM, 1, 1"}, "map_info is left aside: expected 7 parts or more, got 3"),
        ({"map_info": "UTM, 1, 1, a, b, 30, 30"}, "map_info is left aside: expected six numbers after UTM"),
    ],
)
def test_what_is_unusable_is_left_aside(of, attributes, said):
    image = of(**attributes)
    assert image.grid is None
    assert any(note.startswith(said) for note in image.notes)
