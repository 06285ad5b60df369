"""Files that went wrong before, beside their clean variants; where they lie beside the checkout."""

import h5py
import numpy as np
import pytest
from places import CASES

pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason=f"no cases in {CASES}")


def test_bytes_that_are_unsigned(whole):
    image, got = whole(CASES / "unsigned_netcdf/hr8.nc")
    np.testing.assert_array_equal(got, np.load(CASES / "unsigned_netcdf/hr8.npy"))
    assert image.notes == ()


def test_neon(whole):
    image, got = whole(CASES / "neon_h5/neon.h5")
    clean, expected = whole(CASES / "neon_h5/lr_clean.tif")
    np.testing.assert_allclose(got, expected, rtol=1e-6)
    assert np.isnan(got).any()
    assert image.grid.transform == clean.grid.transform
    assert image.grid.crs_name == clean.grid.crs_name
    assert image.unit == "reflectance"


def test_flags_of_emit(whole):
    image, got = whole(CASES / "emit_netcdf/emit_ortho.nc")
    with h5py.File(CASES / "emit_netcdf/emit_ortho.nc") as file:
        np.testing.assert_array_equal(got, file["reflectance"][()])
        np.testing.assert_array_equal(image.bands.good, file["good_wavelengths"][()] == 1)
    assert not image.bands.good.all()
    hr, _ = whole(CASES / "emit_netcdf/hr.tif")
    for corner in ((0, 0), (1, 1)):
        place = image.grid.xy(*(32.0 * side for side in corner))
        np.testing.assert_allclose(place, hr.grid.xy(*(96.0 * side for side in corner)), atol=1e-5)


@pytest.mark.parametrize("name", ["one_of_three", "two_of_three", "three_of_three_no_backref"])
def test_dimension_scales_that_are_damaged(whole, name):
    image, got = whole(CASES / f"reliability/h5_dims/{name}.h5")
    np.testing.assert_array_equal(got, np.ones((4, 4, 4)))
    assert any("DIMENSION_LIST" in note for note in image.notes) == (name != "three_of_three_no_backref")


@pytest.mark.parametrize("name", ["three_of_0", "three_of_two", "three_of_four"])
def test_variables_of_another_number_of_axes(refused, name):
    assert "/cube (" in refused(CASES / f"reliability/h5_dims/{name}.h5")
