"""Wavelengths, widths and flags of a raster's bands, wherever its metadata have them."""

import numpy as np
import pytest

rasterio = pytest.importorskip("rasterio", reason="the extra io is not installed")

CUBE = np.random.default_rng(0).integers(1, 99, (9, 8, 10)).astype(np.int16)
NM = np.linspace(450, 900, 10)
LIST = "{" + ", ".join(f"{value:g}" for value in NM) + "}"


def save(path, edit):
    profile = {"driver": "GTiff", "width": 8, "height": 9, "count": 10, "dtype": "int16", "crs": "EPSG:32632"}
    with rasterio.open(path, "w", transform=rasterio.Affine(10, 0, 5e5, 0, -10, 5e6), **profile) as file:
        file.write(np.moveaxis(CUBE, 2, 0))
        edit(file)
    return path


def of_bands(values, **others):
    def edit(file):
        for band, value in enumerate(values, 1):
            file.update_tags(band, wavelength=value, **others)

    return edit


def named(text):
    return lambda file: setattr(file, "descriptions", [text.format(value) for value in NM])


USABLE = {
    "tags": of_bands([f"{value:g}" for value in NM], wavelength_units="Nanometers"),
    "tags with their unit": of_bands([f"{value:g} nm" for value in NM]),
    "tags without a unit": of_bands([f"{value / 1000:g}" for value in NM]),
    "a list": lambda file: file.update_tags(wavelength=LIST, wavelength_units="Nanometers"),
    "a list of ENVI": lambda file: file.update_tags(ns="ENVI", wavelength=LIST),
    "names": named("{:g} Nanometers"),
    "names in brackets": named("Band 7 ({:g} nm)"),
}


@pytest.mark.parametrize("how", USABLE)
def test_wavelengths_are_found(tmp_path, whole, how):
    image, got = whole(save(tmp_path / "x.tif", USABLE[how]))
    np.testing.assert_allclose(image.bands.wavelengths, NM)
    assert image.notes == ()
    np.testing.assert_array_equal(got, CUBE)


PECULIAR = {
    "µm called nm": (of_bands([f"{v / 1000:g}" for v in NM], wavelength_units="nm"), NM, "cannot be in nm; taken for"),
    "one missing": (of_bands(["" if v == 650 else f"{v:g}" for v in NM], wavelength_units="nm"), NM, "1 of 10 bands"),
    "NaN": (of_bands(["nan"] * 10), None, "expected positive numbers"),
    "words": (of_bands(["red"] * 10), None, "expected positive numbers"),
    "a short list": (
        lambda file: file.update_tags(wavelength="{450, 500}"),
        None,
        "one for each of the 10 bands, got 2",
    ),
}


@pytest.mark.parametrize("how", PECULIAR)
def test_wavelengths_that_cannot_be_used_as_they_are_are_said(tmp_path, whole, how):
    edit, expected, said = PECULIAR[how]
    image, _ = whole(save(tmp_path / "x.tif", edit))
    assert (image.bands.wavelengths is None) == (expected is None)
    if expected is not None:
        np.testing.assert_allclose(image.bands.wavelengths, expected)
    (note,) = image.notes
    assert note.startswith("wavelength: ") and said in note


def test_names_of_other_bands_are_no_wavelengths(tmp_path, whole):
    for text in ("B{:g}", "{:g}", "from {:g} nm to 900 nm"):
        image, _ = whole(save(tmp_path / "x.tif", named(text)))
        assert image.bands.wavelengths is None and image.notes == ()
        assert list(image.bands.names) == [text.format(value) for value in NM]


@pytest.mark.parametrize("each", [True, False])
@pytest.mark.parametrize(("flags", "usable"), [("0011111111", True), ("0000000000", False), ("0012111111", False)])
def test_flags_of_bands(tmp_path, whole, each, flags, usable):
    def edit(file):
        if each:
            for band, flag in enumerate(flags, 1):
                file.update_tags(band, bbl=flag)
        else:
            file.update_tags(bbl="{" + ", ".join(flags) + "}")

    image, _ = whole(save(tmp_path / "x.tif", edit))
    if usable:
        assert image.bands.good.tolist() == [flag == "1" for flag in flags] and image.notes == ()
    else:
        assert image.bands.good is None and image.notes[0].startswith("bbl: expected 0 or 1")


@pytest.mark.parametrize(("scale", "offset"), [(0.0, 0.0), (np.nan, 0.0), (1e-4, np.inf)])
def test_scales_that_cannot_be_used_are_said(tmp_path, whole, scale, offset):
    def edit(file):
        file.scales, file.offsets = [scale] * 2 + [1e-4] * 8, [offset] * 2 + [-0.1] * 8

    image, got = whole(save(tmp_path / "x.tif", edit))
    np.testing.assert_allclose(got, np.where(np.arange(10) < 2, CUBE, CUBE * 1e-4 - 0.1), rtol=1e-5)
    assert image.notes[0].startswith("scale and offset of 2 bands, ")


def test_a_colour_table_is_said(tmp_path, whole):
    profile = {"driver": "GTiff", "width": 8, "height": 9, "count": 1, "dtype": "uint8", "photometric": "palette"}
    profile |= {"crs": "EPSG:32632", "transform": rasterio.Affine(10, 0, 5e5, 0, -10, 5e6)}
    with rasterio.open(tmp_path / "x.tif", "w", **profile) as file:
        file.write(CUBE[..., 0].astype(np.uint8)[None])
        file.write_colormap(1, {0: (0, 0, 0, 255), 1: (255, 0, 0, 255)})
    assert "band 1 has a colour table" in whole(tmp_path / "x.tif")[0].notes[0]
