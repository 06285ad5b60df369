"""Georeferencing: coordinates of any order and type, grid mappings of any form, and what is said without."""

import h5py
import numpy as np
import pytest
import scipy.io

rasterio = pytest.importorskip("rasterio", reason="the extra io is not installed")

CUBE = np.random.default_rng(0).random((5, 4, 3)).astype(np.float32)
WKT = rasterio.CRS.from_epsg(32632).to_wkt()
Y, X = 4999985 - 30.0 * np.arange(5), 600015 + 30.0 * np.arange(4)
UTM = {
    "grid_mapping_name": "transverse_mercator",
    "longitude_of_central_meridian": 9.0,
    "latitude_of_projection_origin": 0.0,
    "scale_factor_at_central_meridian": 0.9996,
    "false_easting": 500000.0,
    "false_northing": 0.0,
}
GRID = (30, 0, 600000, 0, -30, 5000000)


@pytest.fixture
def of(tmp_path, whole):
    """The image of a cube with coordinates, as the NetCDF library lays it out in a group."""

    def read(y=Y, x=X, names=("y", "x"), units=("m", "m"), group="", mapping=None, attributes=None, of_file=None):
        with h5py.File(tmp_path / "x.nc", "w") as file:
            data = file.create_dataset(f"{group}/cube", data=CUBE)
            data.attrs.update(attributes or {})
            for axis, (name, values, unit) in enumerate(zip(names, (y, x), units, strict=True)):
                scale = file.create_dataset(f"{group}/{name}", data=values)
                scale.make_scale(name)
                data.dims[axis].attach_scale(scale)
                if unit:
                    scale.attrs["units"] = unit
            file.attrs.update(of_file or {})
            if mapping is not None:
                file[f"{group}/spatial_ref"] = np.int32(0)
                file[f"{group}/spatial_ref"].attrs.update(mapping)
        return whole(tmp_path / "x.nc")[0]

    return read


def epsg(image):
    return rasterio.CRS.from_wkt(image.grid.crs).to_epsg()


@pytest.mark.parametrize("name", ["crs_wkt", "spatial_ref"])
@pytest.mark.parametrize("group", ["", "/deep/er"])
@pytest.mark.parametrize("attributes", [{"grid_mapping": "spatial_ref"}, {}, {"grid_mapping": "spatial_ref: x y"}])
def test_a_grid_mapping_is_the_one_named_or_the_only_one(of, name, group, attributes):
    image = of(mapping={name: WKT}, attributes=attributes, group=group)
    assert (image.grid.crs, image.grid.transform, image.notes) == (WKT, GRID, ())


@pytest.mark.parametrize("up", [1, -1])
@pytest.mark.parametrize("left", [1, -1])
def test_coordinates_may_ascend_or_descend(of, up, left):
    grid = of(Y[::up], X[::left], mapping={"crs_wkt": WKT}).grid
    for row, column in ((0, 0), (4, 3)):
        x, y = grid.xy(row + 0.5, column + 0.5)
        assert (x, y) == pytest.approx((X[::left][column], Y[::up][row]))


def test_columns_may_come_first(tmp_path, whole):
    with h5py.File(tmp_path / "x.nc", "w") as file:
        file["cube"], file["crs"] = CUBE.transpose(1, 0, 2), 0
        file["crs"].attrs["crs_wkt"] = WKT
        for axis, (name, values) in enumerate((("x", X), ("y", Y))):
            file[name] = values
            file["cube"].dims[axis].attach_scale(file[name])
    image, got = whole(tmp_path / "x.nc")
    np.testing.assert_array_equal(got, CUBE)
    assert image.grid.transform == GRID


@pytest.mark.parametrize("dtype", ["<f4", ">f8"])
def test_rounded_coordinates_are_even_enough(of, dtype):
    grid = of(
        np.round(45 - 5.4e-4 * np.arange(5), 5).astype(dtype),
        np.round(9.5 + 5.4e-4 * np.arange(4), 5).astype(dtype),
        mapping={"crs_wkt": WKT},
    ).grid
    np.testing.assert_allclose(grid.transform, (5.4e-4, 0, 9.49973, 0, -5.4e-4, 45.00027), atol=1.2e-5)
    near = of(Y.astype("f4"), X.astype("f4"), mapping={"crs_wkt": WKT}).grid
    np.testing.assert_allclose(near.transform, GRID, atol=0.5)


def test_uneven_coordinates_are_refused_with_a_remedy(of):
    with pytest.raises(Exception, match=r"/y: expected coordinates in even steps, got some that are 15 off; resample"):
        of(np.append(Y[:-1], Y[-1] - 20), mapping={"crs_wkt": WKT})


@pytest.mark.parametrize("names", [("lat", "lon"), ("latitude", "longitude"), ("y", "x")])
@pytest.mark.parametrize("units", [("degrees_north", "degrees_east"), ("degree_N", "degree_E"), ("degrees", "degrees")])
def test_degrees_are_wgs84(of, names, units):
    image = of(45 - 0.1 * np.arange(5), 9 + 0.1 * np.arange(4), names, units)
    assert epsg(image) == 4326
    np.testing.assert_allclose(image.grid.transform, (0.1, 0, 8.95, 0, -0.1, 45.05))
    assert image.notes == ()


def test_latitudes_may_lack_units_and_longitudes_go_to_360(of):
    image = of(45 - 0.1 * np.arange(5), 350 + 0.1 * np.arange(4), ("lat", "lon"), ("", ""))
    assert epsg(image) == 4326
    assert image.grid.transform[2] == pytest.approx(-10.05)


def test_degrees_count_more_than_a_projected_crs(of):
    """As where latitudes and longitudes were stored beside a grid mapping of the image before."""
    degrees = {"y": 45 - 0.1 * np.arange(5), "x": 9 + 0.1 * np.arange(4), "units": ("degrees_north", "degrees_east")}
    image = of(**degrees, mapping={"crs_wkt": WKT})
    assert epsg(image) == 4326
    assert any("in degrees, but the CRS of the grid mapping is projected" in note for note in image.notes)


def test_kilometres_are_metres(of):
    assert of(Y / 1000, X / 1000, units=("km", "km"), mapping={"crs_wkt": WKT}).grid.transform == pytest.approx(GRID)


def test_coordinates_without_a_crs_are_said(of):
    image = of()
    assert (image.grid.crs, image.grid.transform) == ("", GRID)
    assert image.notes == ("/y, /x: coordinates without a CRS; both images are taken to be in the same",)


def test_numbers_of_rows_and_columns_are_no_coordinates(of):
    assert of(np.arange(5.0), np.arange(1.0, 5), units=("", "")).grid is None
    assert of(np.arange(5), np.arange(4), units=("1", "1")).grid is None
    turned = {"crs_wkt": WKT, "GeoTransform": "600000 26 15 5000000 15 -26"}
    image = of(np.arange(1.0, 6), np.arange(1.0, 5), units=("", ""), mapping=turned)
    assert image.grid.transform == (26, 15, 600000, 15, -26, 5000000)


@pytest.mark.parametrize(
    ("mapping", "code"),
    [
        ({"epsg_code": "EPSG:32632", "grid_mapping_name": "transverse_mercator"}, 32632),
        ({"epsg_code": 32632, "grid_mapping_name": "transverse_mercator"}, 32632),
        ({"grid_mapping_name": "latitude_longitude"}, 4326),
        ({"wkt": WKT}, 32632),
        ({"proj4_string": "+proj=utm +zone=32 +datum=WGS84"}, 32632),
        (UTM, 32632),
        (UTM | {"inverse_flattening": 298.257223563, "false_northing": 1e7}, 32732),
    ],
)
def test_a_crs_may_be_a_code_or_a_name(of, mapping, code):
    assert epsg(of(mapping=mapping)) == code


@pytest.mark.parametrize("name", ["spatial_ref", "crs", "epsg"])
def test_a_crs_may_be_an_attribute_of_the_file(of, name):
    assert epsg(of(of_file={name: WKT if name == "spatial_ref" else "EPSG:32632"})) == 32632


def test_a_crs_that_is_not_understood_is_said(of):
    image = of(mapping={"grid_mapping_name": "oblique_mercator"})
    assert (image.grid.crs, image.grid.transform) == ("", GRID)
    assert any("grid mapping oblique_mercator" in note for note in image.notes)
    for other in ({"scale_factor_at_central_meridian": 1.0}, {"inverse_flattening": 299.15}):
        assert of(mapping=UTM | other).grid.crs == ""
    assert any("proj4='+proj=nothing' is left aside" in note for note in of(mapping={"proj4": "+proj=nothing"}).notes)
    assert any("epsg='999999' is left aside" in note for note in of(of_file={"epsg": 999999}).notes)


@pytest.mark.parametrize("values", [np.zeros(5), np.full(5, np.nan), [1.0, 2, np.inf, 4, 5]])
def test_coordinates_that_are_none_are_left_aside(of, values):
    image = of(values, mapping={"crs_wkt": WKT})
    assert image.grid is None
    assert any(note.startswith("/y is left aside: expected coordinates of places") for note in image.notes)


@pytest.mark.parametrize("value", ["EPSG:32632", "32632", b"+proj=utm +zone=32 +datum=WGS84"])
def test_a_crs_that_is_no_wkt_is_parsed_or_left_aside(of, value):
    assert epsg(of(mapping={"spatial_ref": value})) == 32632
    image = of(mapping={"spatial_ref": b"some\nwhere \xff"})
    assert image.grid.crs == ""
    assert any("spatial_ref='some where" in note and "is left aside" in note for note in image.notes)


@pytest.mark.parametrize("value", ["600000 30 0 5000000 0 -30", np.array([600000, 30, 0, 5000000, 0, -30.0])])
def test_a_geotransform_stands_in_for_coordinates(tmp_path, whole, value):
    with h5py.File(tmp_path / "x.nc", "w") as file:
        file["cube"], file["crs"] = CUBE, 0
        file["cube"].attrs["grid_mapping"] = "crs"
        file["crs"].attrs.update({"spatial_ref": WKT, "GeoTransform": value})
    image, _ = whole(tmp_path / "x.nc")
    assert (image.grid.transform, image.grid.crs) == (GRID, WKT)


@pytest.mark.parametrize("value", ["600000 30 0", "600000 0 0 5000000 0 -30", "somewhere"])
def test_a_geotransform_that_is_none_is_left_aside(tmp_path, whole, value):
    with h5py.File(tmp_path / "x.nc", "w") as file:
        file["cube"], file["crs"] = CUBE, 0
        file["cube"].attrs["grid_mapping"] = "crs"
        file["crs"].attrs.update({"spatial_ref": WKT, "GeoTransform": value})
    image, _ = whole(tmp_path / "x.nc")
    assert image.grid is None
    assert any("GeoTransform is left aside" in note for note in image.notes)
    assert any("its grid mapping crs is left aside" in note for note in image.notes)


def test_coordinates_count_more_than_a_geotransform(of):
    """Of a part that was cut out, the geotransform is often still that of the whole."""
    image = of(mapping={"crs_wkt": WKT, "GeoTransform": "0 30 0 0 0 -30"})
    assert image.grid.transform == GRID


@pytest.mark.parametrize("names", [("lat", "lon"), ("geo/Latitude", "geo/Longitude")])
def test_geolocation_arrays_are_said(tmp_path, whole, names):
    with h5py.File(tmp_path / "x.nc", "w") as file:
        file["cube"] = CUBE
        for name in names:
            file[name] = np.zeros((5, 4))
        file.attrs.update({"geotransform": np.array([9.5, 1, 0, 45, 0, -1]), "spatial_ref": WKT})
    image, _ = whole(tmp_path / "x.nc")
    assert image.grid is None
    assert any(f"/{names[0]}, /{names[1]}: the image has geolocation arrays" in note for note in image.notes)


def test_netcdf3_as_well(tmp_path, whole):
    with scipy.io.netcdf_file(tmp_path / "x.nc", "w") as file:
        for name, size, values in (("lat", 5, 45 - 0.1 * np.arange(5)), ("lon", 4, 9 + 0.1 * np.arange(4))):
            file.createDimension(name, size)
            file.createVariable(name, "f8", (name,))[:] = values
            file.variables[name].units = {"lat": "degrees_north", "lon": "degrees_east"}[name]
        file.createDimension("band", 3)
        file.createVariable("cube", "f4", ("lat", "lon", "band"))[:] = CUBE
    image, got = whole(tmp_path / "x.nc")
    np.testing.assert_array_equal(got, CUBE)
    assert epsg(image) == 4326
