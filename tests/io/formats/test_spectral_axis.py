"""Wavelengths are in nm, whatever unit they are written in, and what cannot be used is left aside and said."""

import numpy as np
import pytest

from udaln.io.formats.spectral_axis import checked_axis, checked_wavelengths, nm_per_unit

NM = np.linspace(400, 2500, 50)


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
    wavelengths, note = checked_wavelengths(values, unit)
    np.testing.assert_allclose(wavelengths, [550, 2200])
    assert note is None


@pytest.mark.parametrize("unit", ["Wavenumber", "GHz", "Index"])
def test_what_is_no_length_is_no_wavelength(unit):
    assert nm_per_unit(unit, [1, 2]) is None
    wavelengths, note = checked_wavelengths(NM, unit)
    assert wavelengths is None and unit in note


@pytest.mark.parametrize(
    ("factor", "unit"), [(1e-3, "nm"), (1, "Micrometers"), (1e-9, "Nanometers"), (10, "µm"), (1, "Meters")]
)
def test_a_unit_that_makes_no_optical_wavelengths_is_not_believed(factor, unit):
    wavelengths, note = checked_wavelengths(NM * factor, unit)
    np.testing.assert_allclose(wavelengths, NM)
    assert unit in note and "taken for" in note


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1), [*range(20, 50), *range(20)]])
def test_any_order_is_kept(order):
    wavelengths, note = checked_wavelengths(NM[order], "nm")
    np.testing.assert_array_equal(wavelengths, NM[order])
    assert note is None


@pytest.mark.parametrize("bands", [[0, 1], [49], [17], [0, 20, 21, 22, 49]])
@pytest.mark.parametrize("value", [0, np.nan, -999, np.inf, 99999, "x", ""])
def test_a_few_bands_without_a_wavelength_get_one_from_the_others(bands, value):
    values = NM.astype(object)
    values[bands] = value
    wavelengths, note = checked_wavelengths(values.tolist(), "nm")
    np.testing.assert_allclose(wavelengths, NM)
    assert f"{len(bands)} of 50 bands" in note


def test_repeated_wavelengths_are_told_apart():
    rounded = np.repeat([400.0, 410, 420, 430, 440, 450], [1, 1, 2, 1, 1, 1])
    wavelengths, note = checked_wavelengths(rounded, "nm")
    np.testing.assert_allclose(wavelengths, [400, 410, 420, 425, 430, 440, 450])
    assert "1 of 7 bands" in note and "420" in note


@pytest.mark.parametrize(
    "values",
    [
        np.zeros(50),
        np.full(50, np.nan),
        np.full(50, 550.0),
        np.where(np.arange(50) < 15, 0, NM),
        np.arange(50),
        np.arange(1, 51),
        ["blue", "red"],
        [],
        [450, 0, 650],
        NM * 1e6,
    ],
)
def test_what_is_of_no_use_is_left_aside_and_said(values):
    for unit in ("nm", None):
        wavelengths, note = checked_wavelengths(values, unit)
        assert wavelengths is None
        assert "left aside" in note and "\n" not in note


def test_the_number_of_bands_counts():
    assert checked_wavelengths(NM, "nm", bands=50)[1] is None
    wavelengths, note = checked_wavelengths(NM, "nm", bands=49)
    assert wavelengths is None and note == "expected one for each of the 49 bands, got 50; left aside"


@pytest.mark.parametrize(
    ("scale", "unit", "widths", "said"),
    [
        (1, "nm", 10, ""),
        (1e-3, "µm", 0.01, ""),
        (1e-3, None, 0.01, ""),
        (1e-3, "µm", 10, "fwhm: 10 cannot be in µm; taken for nm"),
        (1, "nm", 0.01, "fwhm: 0.01 cannot be in nm; taken for µm"),
    ],
)
def test_widths_are_in_the_unit_of_the_wavelengths_unless_they_cannot_be(scale, unit, widths, said):
    wavelengths, fwhm, notes = checked_axis(scale * NM, unit, np.full(50, widths))
    np.testing.assert_allclose(wavelengths, NM)
    np.testing.assert_allclose(fwhm, 10)
    assert "".join(notes) == said


@pytest.mark.parametrize("widths", [[10] * 49, [10] * 49 + [0], [10] * 49 + ["x"], [-1] * 50, [1e9] * 50])
def test_widths_of_no_use_are_left_aside_without_the_wavelengths(widths):
    wavelengths, fwhm, notes = checked_axis(NM, "nm", widths)
    np.testing.assert_array_equal(wavelengths, NM)
    assert fwhm is None
    (note,) = notes
    assert note.startswith("fwhm: ") and note.endswith("left aside")


def test_without_wavelengths_there_are_no_widths():
    wavelengths, fwhm, notes = checked_axis(0 * NM, "nm", [10] * 50)
    assert wavelengths is None and fwhm is None and len(notes) == 2
