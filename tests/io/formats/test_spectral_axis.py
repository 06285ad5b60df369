"""Wavelengths are in nm, whatever unit they are written in."""

import numpy as np
import pytest

from udaln.errors import InputError
from udaln.io.formats.source import Source
from udaln.io.formats.spectral_axis import nm_per_unit, numbers_per_band


@pytest.mark.parametrize(
    ("values", "unit"),
    [
        ([550, 2200], "Nanometers"),
        ([550, 2200], "nm"),
        ([0.55, 2.2], "Micrometers"),
        ([0.55, 2.2], "µm"),
        ([0.55, 2.2], "μm"),  # the Greek letter, not the sign
        ([0.55, 2.2], " um "),
        ([5500, 22000], "Angstroms"),
        ([550, 2200], None),
        ([0.55, 2.2], "Unknown"),
    ],
)
def test_lengths_are_known_by_their_unit_or_their_size(values, unit):
    np.testing.assert_allclose(nm_per_unit(unit, values) * np.array(values), [550, 2200])


@pytest.mark.parametrize("unit", ["Wavenumber", "GHz", "Index"])
def test_what_is_no_length_is_no_wavelength(unit):
    assert nm_per_unit(unit, [1, 2]) is None


@pytest.mark.parametrize("texts", [["1", "2"], ["1", "2", "x"]])
def test_each_band_has_one_number(tmp_path, texts):
    with pytest.raises(InputError, match=r"^lr_hsi: .*: fwhm: expected "):
        numbers_per_band(Source(tmp_path / "x.hdr", "x.hdr", "lr_hsi"), "fwhm", texts, 3)
