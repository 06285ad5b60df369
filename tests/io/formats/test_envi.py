"""ENVI: what the header says counts, and fits the data beside it."""

import numpy as np
import pytest

pytest.importorskip("rasterio", reason="the extra io is not installed")
envi = pytest.importorskip("spectral.io.envi", reason="the extra io is not installed")

from made_up_products import Place, write_raster  # noqa: E402

CUBE = np.random.default_rng(0).integers(1, 9999, (6, 8, 3)).astype(np.int16)


@pytest.fixture
def save(tmp_path):
    """Writes an image, with lines added to its header or put in place of others."""

    def saved(*lines, cube=CUBE, name="x.dat", **instead):
        path = tmp_path / name
        write_raster(path, cube, Place(), "ENVI")
        header = path.with_suffix(".hdr")
        text = header.read_text().splitlines()
        for key, value in instead.items():
            text = [line for line in text if line.split("=")[0].strip() != key.replace("_", " ")]
            text += [] if value is None else [f"{key.replace('_', ' ')} = {value}"]
        header.write_text("\n".join([*text, *lines]) + "\n")
        return path

    return saved


@pytest.mark.parametrize("interleave", ["bsq", "bil", "bip"])
@pytest.mark.parametrize("byteorder", [0, 1])
def test_what_spectral_python_writes_is_read(tmp_path, whole, interleave, byteorder):
    metadata = {"wavelength": ["0.4", "0.5", "0.6"], "wavelength units": "Micrometers", "band names": list("abc")}
    envi.save_image(
        str(tmp_path / "x.hdr"), CUBE.astype(np.float32), metadata=metadata, interleave=interleave, byteorder=byteorder
    )
    for name in ("x.hdr", "x.img"):
        image, got = whole(tmp_path / name)
        np.testing.assert_array_equal(got, CUBE)
        np.testing.assert_allclose(image.bands.wavelengths, [400, 500, 600])
        assert image.bands.names == ["a", "b", "c"]


def test_all_that_a_header_says_of_the_bands(save, whole):
    path = save(
        "wavelength = {450, 550,\n 650}",
        "fwhm = {10, 10, 12}",
        "bbl = {1, 0, 1}",
        "wavelength units = Nanometers",
        band_names="{blue, green, red}",
    )
    bands = whole(path)[0].bands
    assert bands.names == ["blue", "green", "red"]
    assert bands.wavelengths.tolist() == [450, 550, 650]
    assert bands.fwhm.tolist() == [10, 10, 12]
    assert bands.good.tolist() == [True, False, True]


def test_widths_are_in_the_unit_of_the_wavelengths_though_it_is_not_named(save, whole):
    bands = whole(save("wavelength = {450, 550, 650}", "fwhm = {10, 10, 12}"))[0].bands
    assert (bands.wavelengths.tolist(), bands.fwhm.tolist()) == ([450, 550, 650], [10, 10, 12])
    bands = whole(save("wavelength = {0.45, 0.55, 0.65}", "fwhm = {0.01, 0.01, 0.012}"))[0].bands
    np.testing.assert_allclose([bands.wavelengths, bands.fwhm], [[450, 550, 650], [10, 10, 12]])


def test_wavenumbers_are_no_wavelengths(save, whole):
    assert whole(save("wavelength = {900, 950, 999}", "wavelength units = Wavenumber"))[0].bands.wavelengths is None


@pytest.mark.parametrize(
    ("lines", "gain", "offset", "unit"),
    [
        ([], 1, 0, None),
        (["reflectance scale factor = 10000"], 1e-4, 0, "reflectance"),
        (["data gain values = {1, 2, 3}", "data offset values = {0, -1, 5}"], [1, 2, 3], [0, -1, 5], None),
        (["data gain values = {1, 1, 1}", "reflectance scale factor = 10000"], 1e-4, 0, "reflectance"),
        (["data gain values = {2, 2, 2}", "reflectance scale factor = 10000"], 2, 0, None),
    ],
)
def test_gains_offsets_and_the_scale_factor_make_measurements(save, whole, lines, gain, offset, unit):
    image, got = whole(save(*lines))
    np.testing.assert_allclose(got, CUBE * gain + np.asarray(offset), rtol=1e-6)
    assert image.unit == unit


def test_the_value_to_be_ignored_is_no_data_before_it_is_scaled(save, whole):
    image, got = whole(save(f"data ignore value = {CUBE[2, 3, 1]}", "reflectance scale factor = 100"))
    np.testing.assert_array_equal(np.isnan(got), CUBE == CUBE[2, 3, 1])
    assert image.nodata == CUBE[2, 3, 1]


@pytest.mark.parametrize("names", [("x.dat.hdr", "x.dat"), ("x.hdr", "x.IMG"), ("x.hdr", "x.bsq"), ("x.hdr", "x")])
def test_header_and_data_find_each_other(save, tmp_path, whole, names):
    header, data = (tmp_path / name for name in names)
    save().with_suffix(".hdr").rename(header)
    (tmp_path / "x.dat").rename(data)
    for path in (header, data):
        np.testing.assert_array_equal(whole(path)[1], CUBE)


def test_a_header_without_data_is_refused(save, refused):
    path = save()
    path.unlink()
    assert "expected the data that this header describes in x, x.dat" in refused(path.with_suffix(".hdr"))


def test_a_data_file_is_cut_short(save, cut_short):
    cut_short(save())


def test_a_header_is_cut_short(save, refused):
    """So far that the size is lost: of the rest GDAL reads what is there."""
    header = save().with_suffix(".hdr")
    text = header.read_text()
    for length in range(1, text.index("data type")):
        header.write_text(text[:length])
        refused(header)


@pytest.mark.parametrize(
    ("instead", "message"),
    [
        ({"lines": 7}, r"x.dat: expected 336 bytes, as its header x.hdr says (7×8×3 int16), got 288"),
        ({"lines": 5}, "expected 240 bytes"),
        ({"bands": 2}, "expected 192 bytes"),
        ({"data_type": 4}, "expected 576 bytes, as its header x.hdr says (6×8×3 float32), got 288"),
        ({"data_type": 1}, "expected 144 bytes"),
        ({"header_offset": 20}, "expected 308 bytes"),
        ({"data_type": 6}, "x.hdr: holds no real numbers but is complex64"),
        ({"data_type": 77}, "x.hdr: data type: expected one of ENVI's, got 77"),
        ({"lines": 0}, "x.hdr: is empty (0×8×3 int16)"),
        ({"lines": "six"}, "x.hdr: expected whole numbers of samples, lines, bands and header offset: "),
        ({"bands": None}, "x.hdr: expected an ENVI header with bands, got none of that"),
        ({"wavelength": "{1, 2}"}, "x.hdr: wavelength: expected one for each of the 3 bands, got 2"),
        ({"wavelength": "{1, 2, x}"}, "x.hdr: wavelength: expected numbers, got could not convert"),
        ({"bbl": "{1, 1, 1, 1}"}, "x.hdr: bbl: expected one for each of the 3 bands, got 4"),
        ({"band_names": "{a, b}"}, "x.hdr: band names: expected one for each of the 3 bands, got 2"),
        ({"reflectance_scale_factor": 0}, "x.hdr: reflectance scale factor: expected more than 0, got 0"),
        ({"data_ignore_value": "none"}, "x.hdr: data ignore value: expected numbers"),
        ({"wavelength": "{1, 2,"}, "x.hdr: cannot be read"),
    ],
)
def test_a_header_that_does_not_fit_is_refused(save, refused, instead, message):
    path = save(**instead)
    assert message in refused(path)
    assert message in refused(path.with_suffix(".hdr"))


@pytest.mark.parametrize("scene", ["reflectance", "whole numbers"])
def test_the_wrong_byte_order_is_seen_in_floating_point(save, refused, scene):
    cube = CUBE / np.float32(10000) if scene == "reflectance" else CUBE.astype(np.float32) % 7
    assert "is its byte order right" in refused(save(cube=cube.astype(np.float32), byte_order=1))
    assert "is its byte order right" in refused(save(cube=cube.astype(np.float64), byte_order=1))


def test_a_value_to_be_ignored_may_be_as_large_as_it_likes(save, whole, refused):
    cube = np.where(CUBE < 500, np.float32(-1.23e34), CUBE.astype(np.float32))
    assert "its no-data value named" in refused(save(cube=cube))
    assert np.isnan(whole(save("data ignore value = -1.23e34", cube=cube))[1]).sum() == (CUBE < 500).sum()
    assert whole(save(cube=0 * cube))[1].max() == 0


@pytest.mark.parametrize(("name", "driver"), [("x.tif", "GTiff"), ("x.pix", "PCIDSK"), ("x.img", "HFA")])
def test_another_format_with_a_header_beside_it_is_that_format(save, tmp_path, whole, name, driver):
    save("band names = {not, these, ones}", cube=CUBE[:4])
    write_raster(tmp_path / name, CUBE, Place(), driver)
    image, got = whole(tmp_path / name)
    assert (image.kind, image.bands.names != ["not", "these", "ones"]) == (driver, True)
    np.testing.assert_array_equal(got, CUBE)


def test_any_suffix_will_do(save, whole):
    np.testing.assert_array_equal(whole(save(name="f970619t01.rfl"))[1], CUBE)
