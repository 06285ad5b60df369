"""Axes are known by their names, in any spelling that files and libraries use."""

import pytest

from udaln.io.axis_names import is_bands, is_columns, is_rows


@pytest.mark.parametrize(
    ("names", "fits"),
    [
        (("y", "Lat", "rows", "LINES", "/a/along_track", "YDim", "nrows", "northing"), is_rows),
        (("x", "longitude", "cols", "Samples", "/a/cross-track", "XDim", "pixels", "easting"), is_columns),
        (("band", "Bands", "/a/wavelength", "wavelengths_nm", "wl", "channels", "spectral_axis"), is_bands),
    ],
)
def test_each_name_is_of_one_kind(names, fits):
    for name in names:
        assert [kind(name) for kind in (is_rows, is_columns, is_bands)] == [
            kind is fits for kind in (is_rows, is_columns, is_bands)
        ], name


@pytest.mark.parametrize("name", ["", "dim_0", "time", "s", "phony_dim_1", "component"])
def test_other_names_tell_nothing(name):
    assert not (is_rows(name) or is_columns(name) or is_bands(name))
