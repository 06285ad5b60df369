"""HDF5 and NetCDF: a variable by its name, its axes in order, and what the CF conventions say of it."""

import h5py
import numpy as np
import pytest
import scipy.io

CUBE = np.random.default_rng(0).integers(1, 9999, (5, 4, 3)).astype(np.int16)
WKT = 'PROJCS["somewhere"]'


def save_netcdf4(path, cube, dimensions, coordinates=None, **attributes):
    """As the NetCDF library lays it out: every dimension is a dimension scale, of coordinates or of nothing."""
    with h5py.File(path, "w") as file:
        data = file.create_dataset("cube", data=cube)
        for axis, (name, size) in enumerate(zip(dimensions, cube.shape, strict=True)):
            values, units = (coordinates or {}).get(name, (np.zeros(size, ">f4"), None))
            file[name] = values
            if units:
                file[name].attrs["units"] = units
            file[name].make_scale(name if units else "This is a netCDF dimension but not a netCDF variable.")
            data.dims[axis].attach_scale(file[name])
        data.attrs.update(attributes)
        file["crs"] = np.int32(0)
        file["crs"].attrs["crs_wkt"] = WKT


def save_netcdf3(path, cube, dimensions, coordinates=None, **attributes):
    with scipy.io.netcdf_file(path, "w") as file:
        for name, size in zip(dimensions, cube.shape, strict=True):
            file.createDimension(name, size)
            if name in (coordinates or {}):
                values, units = coordinates[name]
                file.createVariable(name, "f8", (name,))[:] = values
                file.variables[name].units = units
        data = file.createVariable("cube", cube.dtype, dimensions)
        data[:] = cube
        for name, value in attributes.items():
            setattr(data, name, value)
        file.createVariable("crs", "i4", ())
        file.variables["crs"].crs_wkt = WKT


@pytest.fixture(params=[save_netcdf4, save_netcdf3])
def save(request):
    return request.param


@pytest.mark.parametrize(
    ("dimensions", "axis"),
    [
        (("y", "x", "band"), 2),
        (("wavelength", "y", "x"), 0),
        (("bands", "lat", "lon"), 0),
        (("downtrack", "crosstrack", "spectral_channel"), 2),
        (("row", "wavelengths", "column"), 1),
        (("a", "b", "c"), 2),
    ],
)
def test_the_axis_of_the_bands_is_known_by_its_name(tmp_path, whole, save, dimensions, axis):
    save(tmp_path / "x.nc", np.moveaxis(CUBE, -1, axis), dimensions)
    image, got = whole(tmp_path / "x.nc")
    np.testing.assert_array_equal(got, CUBE)
    assert (image.shape, image.bands.wavelengths, image.grid) == (CUBE.shape, None, None)


def test_cf_attributes_make_measurements(tmp_path, whole, save):
    nodata = CUBE[2, 3, 1]
    attributes = {"scale_factor": 1e-4, "add_offset": 0.5, "_FillValue": nodata, "units": "W m-2"}
    save(tmp_path / "x.nc", CUBE, ("y", "x", "band"), **attributes)
    image, got = whole(tmp_path / "x.nc")
    np.testing.assert_allclose(got, np.where(CUBE == nodata, np.nan, CUBE * 1e-4 + 0.5), rtol=1e-6)
    assert (image.nodata, image.unit) == (nodata, "W m-2")


def test_missing_value_and_standard_name_are_known(tmp_path, whole, save):
    attributes = {"missing_value": CUBE[0, 0, 0], "standard_name": "surface_bidirectional_reflectance", "units": "1"}
    save(tmp_path / "x.nc", CUBE, ("y", "x", "band"), **attributes)
    image, got = whole(tmp_path / "x.nc")
    np.testing.assert_array_equal(np.isnan(got), CUBE == CUBE[0, 0, 0])
    assert image.unit == "reflectance"


@pytest.mark.parametrize(("name", "unit"), [("wavelength", "um"), ("band", "um")])
def test_wavelengths_are_the_axis_own(tmp_path, whole, save, name, unit):
    save(tmp_path / "x.nc", CUBE, ("y", "x", name), {name: ([0.45, 0.55, 1.65], unit)})
    np.testing.assert_allclose(whole(tmp_path / "x.nc")[0].bands.wavelengths, [450, 550, 1650])


def test_wavelengths_may_be_in_another_group(tmp_path, whole):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["reflectance"], file["/sensor/wavelengths"], file["/sensor/fwhm"] = CUBE, [450.0, 550, 650], [9.0, 10, 11]
    bands = whole(tmp_path / "x.h5")[0].bands
    assert (bands.wavelengths.tolist(), bands.fwhm.tolist()) == ([450, 550, 650], [9, 10, 11])


def test_coordinates_are_those_of_pixels_centres(tmp_path, whole, save):
    coordinates = {"y": (4999985 - 30.0 * np.arange(5), "m"), "x": (600015 + 30.0 * np.arange(4), "m")}
    save(tmp_path / "x.nc", np.moveaxis(CUBE, -1, 0), ("band", "y", "x"), coordinates, grid_mapping="crs")
    grid = whole(tmp_path / "x.nc")[0].grid
    assert (grid.crs, grid.transform) == (WKT, (30, 0, 600000, 0, -30, 5000000))


def test_coordinates_in_uneven_steps_are_refused(tmp_path, refused, save):
    coordinates = {"y": ([0.0, 1, 2, 3, 5], "m"), "x": (np.arange(4.0), "m")}
    save(tmp_path / "x.nc", CUBE, ("y", "x", "band"), coordinates, grid_mapping="crs")
    assert "/y: expected coordinates in even steps, got some that are 0.75 off" in refused(tmp_path / "x.nc")


def test_which_variable(tmp_path, whole, refused):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["a"], file["/deep/b"], file["/deep/matrix"], file["note"] = CUBE, 2 * CUBE, np.eye(3), "a text"
        file["deep/b"].dims[0].label = "not all axes"
    for name in ("/deep/b", "deep/b"):
        np.testing.assert_array_equal(whole(tmp_path / "x.h5", name)[1], 2 * CUBE)
    listing = refused(tmp_path / "x.h5")
    assert "found 2: the file holds /a (5×4×3 int16), /deep/b (5×4×3 int16), /deep/matrix (3×3 float64)" in listing
    assert listing.endswith("; set dataset.variable to the one meant")
    assert refused(tmp_path / "x.h5", "c").startswith("dataset.variable: ")
    assert "/deep/matrix has 2 axes (3×3 float64), expected 3" in refused(tmp_path / "x.h5", "/deep/matrix")
    assert "/note holds no real numbers" in refused(tmp_path / "x.h5", "note")


def test_an_empty_variable_is_refused(tmp_path, refused):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["a"] = np.empty((0, 4, 3))
    assert refused(tmp_path / "x.h5").endswith("/a is empty (0×4×3 float64)")


def test_the_variant_of_netcdf3_that_is_not_read_is_named(tmp_path, refused):
    (tmp_path / "x.nc").write_bytes(b"CDF\x05" + bytes(60))
    assert "(CDF-5), expected NetCDF-4: nccopy -k nc4" in refused(tmp_path / "x.nc")


def test_a_file_is_cut_short(tmp_path, cut_short, save):
    save(tmp_path / "x.nc", CUBE, ("y", "x", "band"))
    cut_short(tmp_path / "x.nc", lengths=40)


def test_a_header_of_another_size_is_refused(tmp_path, refused):
    save_netcdf3(tmp_path / "x.nc", CUBE, ("rows", "columns", "bands"))
    data, sizes = (tmp_path / "x.nc").read_bytes(), b"rows" + (5).to_bytes(4, "big")
    assert data.count(sizes) == 1
    (tmp_path / "x.nc").write_bytes(data.replace(sizes, b"rows" + (9).to_bytes(4, "big")))
    refused(tmp_path / "x.nc")
