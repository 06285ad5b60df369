"""From attributes to measurements: what means no data, what is valid, which way a scale works."""

import h5py
import numpy as np
import pytest
import scipy.io

CUBE = np.random.default_rng(0).integers(1, 9999, (5, 4, 3)).astype(np.int16)
FILL = CUBE[2, 3, 1]


@pytest.fixture
def of(tmp_path, whole):
    """The image and the values of a cube with some attributes, in HDF5."""

    def read(cube, attributes, name="cube", **created):
        with h5py.File(tmp_path / "x.h5", "w") as file:
            file.create_dataset(name, data=cube, **created).attrs.update(attributes)
        return whole(tmp_path / "x.h5")

    return read


@pytest.mark.parametrize(
    "name",
    [
        *("_FillValue", "missing_value", "Data_Ignore_Value", "data ignore value", "Nodata", "NoData", "no_data_value"),
        *("fill_value", "FillValue", "ignore_value", "MissingValue"),
    ],
)
@pytest.mark.parametrize("kind", [np.int16, float, str, lambda v: np.bytes_(str(v)), lambda v: np.array([v])])
def test_a_number_that_means_no_data_has_many_names_and_types(of, name, kind):
    image, got = of(CUBE, {name: kind(FILL)})
    np.testing.assert_array_equal(got, np.where(CUBE == FILL, np.nan, CUBE))
    assert (image.nodata, image.notes) == (FILL, ())


def test_all_numbers_that_mean_no_data_count(of):
    others = CUBE.ravel()[[5, 17]]
    image, got = of(CUBE, {"_FillValue": FILL, "missing_value": others, "Nodata": "nan"})
    np.testing.assert_array_equal(np.isnan(got), np.isin(CUBE, [FILL, *others]))
    assert len(image.causes) == 3


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", "<f2"])
@pytest.mark.parametrize("fill", [1e20, 9.969209968386869e36, -3.4028234663852886e38, np.nan, -9999.0, np.inf])
def test_floating_point_numbers_that_mean_no_data(of, dtype, fill):
    cube = np.ones((5, 4, 3), dtype)
    with np.errstate(over="ignore"):
        cube[1, 2, 0] = fill
    image, got = of(cube, {"_FillValue": np.array([fill])})
    assert np.flatnonzero(~np.isfinite(got)).tolist() == [18]
    assert image.notes == ()


def test_a_fill_value_of_the_data_set_itself_counts(of):
    _, got = of(CUBE, {}, fillvalue=FILL)
    np.testing.assert_array_equal(np.isnan(got), CUBE == FILL)
    assert not np.isnan(of(CUBE * (CUBE > 99), {}, fillvalue=0)[1]).any()  # a default, as a rule
    for dtype in (np.uint8, np.uint16):
        cube = np.full((5, 4, 3), np.iinfo(dtype).max, dtype)
        assert of(cube, {"valid_range": np.array([0, cube.max()])}, fillvalue=cube.max())[0].causes == ()


@pytest.mark.parametrize("unsigned", ["true", "True", np.bytes_(b"true"), np.int8(1)])
def test_signed_bytes_may_be_unsigned(of, unsigned):
    cube = np.arange(240, dtype=np.uint8).reshape(10, 8, 3)
    attributes = {"_Unsigned": unsigned, "_FillValue": np.int8(-56), "valid_range": np.array([10, -26], np.int8)}
    image, got = of(cube.view(np.int8), attributes)
    expected = np.where((cube == 200) | (cube < 10) | (cube > 230), np.nan, cube)
    np.testing.assert_array_equal(got, expected)
    assert (image.nodata, image.notes) == (200, ())


def test_unsigned_bytes_may_be_signed(of):
    cube = np.arange(-120, 120, dtype=np.int8).reshape(10, 8, 3)
    _, got = of(cube.view(np.uint8), {"_Unsigned": "false", "_FillValue": np.uint8(255)})
    np.testing.assert_array_equal(got, np.where(cube == -1, np.nan, cube))


def test_netcdf3_has_no_unsigned_numbers(tmp_path, whole):
    cube = np.linspace(0, 65535, 60).astype(np.uint16).reshape(5, 4, 3)
    with scipy.io.netcdf_file(tmp_path / "x.nc", "w") as file:
        for name, size in zip("yxb", cube.shape, strict=True):
            file.createDimension(name, size)
        data = file.createVariable("rgb", "i2", tuple("yxb"))
        data[:] = cube.view(np.int16)
        data._Unsigned, data.missing_value, data.scale_factor = "true", np.int16(-1), 1e-4
    _, got = whole(tmp_path / "x.nc")
    np.testing.assert_allclose(got, np.where(cube == 65535, np.nan, cube * 1e-4), rtol=1e-6)


def test_what_the_library_leaves_where_nothing_was_written_is_no_data(tmp_path, whole):
    cube = CUBE.copy()
    cube[3, 1] = -32767
    with scipy.io.netcdf_file(tmp_path / "x.nc", "w") as file:
        for name, size in zip("yxb", cube.shape, strict=True):
            file.createDimension(name, size)
        file.createVariable("cube", "i2", tuple("yxb"))[:] = cube
    np.testing.assert_array_equal(np.isnan(whole(tmp_path / "x.nc")[1]), cube == -32767)


def test_a_number_of_the_other_sign_is_taken_as_the_type_holds_it(of):
    cube = CUBE.astype(np.uint16)
    cube[0, 0, 0] = 55537
    image, got = of(cube, {"_FillValue": -9999.0})
    assert np.flatnonzero(np.isnan(got)).tolist() == [0]
    assert image.notes == ("/cube: _FillValue=-9999 is taken as 55537, the same uint16 number",)


@pytest.mark.parametrize(
    "attributes",
    [
        {"valid_range": np.array([100, 9000], np.int16)},
        {"valid_range": "100, 9000"},
        {"valid_min": np.int16(100), "valid_max": np.int16(9000)},
        {"Valid_Min": 100.0, "Valid_Max": 9000.0},
        {"valid_range": np.array([0.01, 0.9]), "scale_factor": 1e-4},
        {"valid_range": np.array([0.51, 1.4]), "scale_factor": 1e-4, "add_offset": 0.5},
        {"valid_range": np.array([100, 9000], np.int16), "scale_factor": 1e-4},
    ],
)
def test_a_valid_range_is_one_of_stored_numbers_unless_it_cannot_be(of, attributes):
    cube = CUBE.copy()
    cube[0, 0], cube[1, 1] = [99, 100, 101], [8999, 9000, 9001]
    _, got = of(cube, attributes)
    np.testing.assert_array_equal(np.isnan(got), (cube < 100) | (cube > 9000))


def test_one_end_of_a_valid_range_may_be_open(of):
    np.testing.assert_array_equal(np.isnan(of(CUBE, {"valid_max": 5000})[1]), CUBE > 5000)


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"valid_range": [0, 1]}, "valid range 0 to 1 is left aside: nearly no number is within"),
        ({"valid_range": [9000, 100]}, "valid range 9000 to 100 is left aside: it is empty"),
        ({"valid_range": [1, 2, 3]}, "valid_range='[1 2 3]' is left aside: expected 2 numbers"),
        ({"valid_min": "low"}, "valid_min='low' is left aside: expected 1 numbers"),
        ({"_FillValue": "none"}, "_FillValue='none' is left aside: expected numbers"),
        ({"_FillValue": 123456.0}, "_FillValue=123456 is left aside: int16 numbers cannot have it"),
        ({"missing_value": 0.5}, "missing_value=0.5 is left aside: int16 numbers cannot have it"),
        ({"scale_factor": 0.0}, "scale_factor='0.0' is left aside: expected a number"),
        ({"scale_factor": np.nan}, "scale_factor='nan' is left aside"),
        ({"scale_factor": [1.0, 2.0]}, "one for each of the 3 bands"),
        ({"gain": 2e-4}, "gain=0.0002 is not used; scale_factor would be"),
        ({"add_offset": "much"}, "add_offset='much' is left aside"),
        ({"_Unsigned": "perhaps"}, "_Unsigned='perhaps' of int16 numbers is left aside"),
        ({"scale_factor": h5py.Empty("f4")}, "scale_factor='' is left aside"),
    ],
)
def test_what_is_unusable_is_left_aside_and_said(of, attributes, said):
    image, got = of(CUBE, attributes)
    np.testing.assert_array_equal(got, CUBE)
    assert any(said in note for note in image.notes), image.notes


@pytest.mark.parametrize("scale", [2e-4, np.float32(2e-4), [2e-4], [[2e-4]], "0.0002", [1e-4, 2e-4, 3e-4]])
def test_scale_and_offset_are_numbers_or_one_for_each_band(of, scale):
    _, got = of(CUBE, {"scale_factor": scale, "add_offset": [-0.1], "_FillValue": FILL})
    factor = np.ravel(np.asarray(scale, float))
    np.testing.assert_allclose(got, np.where(CUBE == FILL, np.nan, CUBE * factor - 0.1), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "attributes", "expected"),
    [
        ("cube", {"scale_factor": 1e-4}, CUBE / 1e4),
        ("cube", {"Scale_Factor": 1e4}, CUBE / 1e4),
        ("cube", {"Scale Factor": "10000"}, CUBE / 1e4),
        ("cube", {"ScaleFactor": 1e-4}, CUBE / 1e4),
        ("cube", {"reflectance scale factor": 1e4}, CUBE / 1e4),
        ("cube", {"scale_factor": 1e4}, CUBE * 1e4),
        ("reflectance", {"scale_factor": 1e4}, CUBE / 1e4),
        ("cube", {"scale_factor": 1e-4, "Scale_Factor": 1e4}, CUBE / 1e4),
        ("cube", {"Scale_Factor": 1e4, "Offset": -1000}, (CUBE - 1000.0) / 1e4),
    ],
)
def test_scales_multiply_or_divide_as_their_names_have_it(of, name, attributes, expected):
    image, got = of(CUBE, attributes, name)
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-7)
    assert bool(image.notes) == (max(float(value) for value in attributes.values()) > 1 and len(attributes) == 1) or (
        "Offset" in attributes
    )


def test_numbers_that_mean_no_data_are_stored_ones(of):
    _, got = of(CUBE, {"Scale_Factor": 1e4, "Data_Ignore_Value": FILL})
    np.testing.assert_array_equal(np.isnan(got), CUBE == FILL)


def test_as_many_numbers_as_bands_are_one_for_each(of):
    cube = np.tile(np.arange(6, dtype=np.int16), (5, 4, 1)) + np.arange(20, dtype=np.int16).reshape(5, 4, 1)
    image, got = of(cube, {"_FillValue": np.arange(3, 9, dtype=np.int16)})
    np.testing.assert_array_equal(np.isnan(got), cube == np.arange(3, 9))
    assert len(image.causes) == 1
