"""ENVI: what the header says counts, and fits the data beside it."""

import gzip
import re

import numpy as np
import pytest
from places import CASES

pytest.importorskip("rasterio", reason="the extra io is not installed")
envi = pytest.importorskip("spectral.io.envi", reason="the extra io is not installed")

from made_up_products import Place, write_raster  # noqa: E402

from udaln.io.formats import open_image  # noqa: E402
from udaln.io.formats.envi.header import read_header  # noqa: E402

CUBE = np.random.default_rng(0).integers(1, 9999, (6, 8, 3)).astype(np.int16)


@pytest.fixture
def save(tmp_path):
    """Writes an image, with lines added to its header or put in place of others."""

    def saved(*lines, cube=CUBE, name="x.dat", **instead):
        path = tmp_path / name
        write_raster(path, cube, Place(), "ENVI")
        header = path.with_suffix(".hdr")
        text = re.sub(r",\s*\n", ", ", header.read_text()).replace("{\n", "{").splitlines()
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
    image = whole(save("wavelength = {900, 950, 999}", "wavelength units = Wavenumber"))[0]
    assert image.bands.wavelengths is None
    assert image.notes == ("x.hdr: wavelength: in Wavenumber, which is no unit of length; left aside",)


@pytest.mark.parametrize(
    ("lines", "gain", "offset", "unit"),
    [
        ([], 1, 0, None),
        (["reflectance scale factor = 10000"], 1e-4, 0, "reflectance"),
        (["reflectance scale factor = 0.0001"], 1e-4, 0, "reflectance"),
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


@pytest.mark.parametrize(
    "names",
    [
        ("x.dat.hdr", "x.dat"),
        ("x.hdr", "x.IMG"),
        ("x.hdr", "x.bsq"),
        ("x.hdr", "x"),
        ("x.HDR", "x.img"),
        ("x.hdr", "x.rfl"),
    ],
)
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
    """So far that size, type or interleave are lost: the rest is not required."""
    header = save().with_suffix(".hdr")
    text = header.read_text()
    for length in range(1, text.index("interleave")):
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
        ({"lines": "six"}, "x.hdr: lines: expected a whole number, got six"),
        ({"lines": -6}, "x.hdr: lines: expected a whole number, got -6"),
        ({"header_offset": "nan"}, "x.hdr: header offset: expected a whole number, got nan"),
        ({"byte_order": 2}, "x.hdr: byte order: expected 0 or 1, got 2"),
        ({"interleave": "tiled"}, "x.hdr: interleave: expected bsq, bil or bip, got tiled"),
        ({"interleave": None}, "x.hdr: interleave: expected bsq, bil or bip, got none"),
        ({"file_type": "ENVI Spectral Library"}, "x.hdr: file type: expected an image, got a spectral library"),
        ({"major_frame_offsets": "{0, 12}"}, "x.hdr: major frame offsets: expected none, got 0, 12"),
        ({"bands": None}, "x.hdr: expected an ENVI header with bands, got none of that"),
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
    assert np.isnan(whole(save(cube=cube), nodata=[-1.23e34])[1]).sum() == (CUBE < 500).sum()
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


@pytest.mark.parametrize(
    ("instead", "note"),
    [
        ({"wavelength": "{450, 550}"}, "wavelength: expected one for each of the 3 bands, got 2"),
        ({"wavelength": "{450, 550, x}"}, "wavelength: 1 of 3 bands have none"),
        ({"wavelength": "{0, 0, 0}"}, "wavelength: expected positive numbers, got none (0)"),
        ({"wavelength": "{nan, nan, nan}"}, "wavelength: expected positive numbers, got none (nan)"),
        ({"wavelength": "{500, 500, 500}"}, "wavelength: 2 of 3 bands have none"),
        ({"wavelength": "{450, 550,"}, "wavelength: its closing brace is missing"),
        ({"wavelength": "blue to red"}, "wavelength: expected"),
        ({"bbl": "{1, 1, 1, 1}"}, "bbl: expected one for each of the 3 bands, got 4"),
        ({"bbl": "{0, 0, 0}"}, "bbl: expected 1 for some bands, got none"),
        ({"bbl": "{1, bad, 1}"}, "bbl: expected 1 or 0 for each band"),
        ({"band_names": "{a, b}"}, "band names: expected one for each of the 3 bands, got 2"),
        ({"band_names": "{a, b, c, d}"}, "band names: expected one for each of the 3 bands, got 4"),
        ({"reflectance_scale_factor": 0}, "reflectance scale factor: expected a number above 0, got 0"),
        ({"reflectance_scale_factor": "NaN"}, "reflectance scale factor: expected a number above 0, got NaN"),
        ({"data_ignore_value": "none"}, "data ignore value: expected a number, got none"),
        ({"data_ignore_value": 99999}, "data ignore value: 99999 is no number that int16 can hold"),
        ({"data_gain_values": "{1, 2}"}, "data gain values: expected one for each of the 3 bands, got 2"),
        ({"data_gain_values": "{1, 2, x}"}, "data gain values: expected numbers, got some that are none"),
        ({"data_gain_values": "{0, 0, 0}"}, "data gain values: expected numbers other than 0"),
        ({"data_offset_values": "{inf, 0, 0}"}, "data offset values: expected numbers"),
        ({"geo_points": "{1, 1, 41.9, 12.5}"}, "geo points: is not used"),
        ({"fwhm": "{10, 10, 10}"}, "fwhm: left aside"),
        ({"this": None, "header_offset": None, "byte_order": None}, "byte order: is not told"),
    ],
)
def test_what_is_not_required_and_unusable_is_left_aside_and_said(save, whole, instead, note):
    image, got = whole(save(**instead))
    np.testing.assert_array_equal(got, CUBE)
    assert image.notes[0].startswith(f"x.hdr: {note}")
    assert "\n" not in "".join(image.notes)
    assert image.grid is not None


def rewritten(path, change, encoding="utf-8"):
    """A header changed as text."""
    header = path.with_suffix(".hdr")
    header.write_bytes(change(header.read_text()).encode(encoding))
    return path


LINES = ("wavelength = {450, 550,\n 650}", "fwhm = {10, 11, 12}", "band names = {b, g, r}", "bbl = {1, 0, 1}")
WORDS = "description = {Flug Süd, Gelände Köln 37°}"
CHINESE = "description = {高光谱影像 第一景, 反射率}"
SPELLINGS = {
    "plain": (str, "utf-8", ""),
    "Windows's ends of lines": (lambda text: text.replace("\n", "\r\n"), "utf-8", ""),
    "old ends of lines": (lambda text: text.replace("\n", "\r"), "utf-8", ""),
    "a byte order mark": (str, "utf-8-sig", ""),
    "UTF-16": (str, "utf-16", "UTF-16"),
    "Windows-1252": (lambda text: f"{text}{WORDS}\n", "cp1252", "Windows-1252"),
    "Latin-1": (lambda text: f"{text}description = {{Süd \x81}}\n", "latin-1", "Latin-1"),
    "GBK": (lambda text: f"{text}{CHINESE}\n", "gbk", "GBK"),
    "GBK, a unit": (
        lambda text: (
            f"{text}wavelength units = μm\n".replace("450, 550", "0.45, 0.55")
            .replace("650}", "0.65}")
            .replace("{10, 11, 12}", "{.01, .011, .012}")
        ),
        "gbk",
        "GBK",
    ),
    "UTF-8": (lambda text: f"{text}{WORDS}\n{CHINESE}\n", "utf-8", "description: is there more than once"),
    "commas at the ends": (lambda text: text.replace("}", ",}").replace("bands   = 3", "bands = 3,"), "utf-8", ""),
    "commas after the braces": (lambda text: text.replace("}", "},"), "utf-8", ""),
    "braces around all": (
        lambda text: "\n".join(
            line.replace("= ", "= {") + "}" if "= " in line and "{" not in line else line for line in text.split("\n")
        ),
        "utf-8",
        "",
    ),
    "plurals": (lambda text: text.replace("wavelength =", "Wavelengths =").replace("names", "name"), "utf-8", ""),
    "capitals": (lambda text: text.replace("lines", "LINES").replace("bands", "Bands"), "utf-8", ""),
    "no spaces": (
        lambda text: "\n".join("=".join(map(str.strip, line.split("="))) for line in text.split("\n")),
        "utf-8",
        "",
    ),
    "tabs": (lambda text: text.replace(" =", "\t=\t").replace(", ", ",\t"), "utf-8", ""),
    "comments": (lambda text: text.replace("\n", "\n; a = {comment\n\n", 3), "utf-8", ""),
    "one number a line": (lambda text: text.replace(", ", ",\n"), "utf-8", ""),
    "no commas": (
        lambda text: text.replace("450, 550,\n 650", "450 550\n650").replace("1, 0, 1", "1 0 1"),
        "utf-8",
        "",
    ),
    "decimal commas": (lambda text: text.replace("450, 550,\n 650", "450,0; 550,0; 650,0"), "utf-8", ""),
    "the last brace is missing": (lambda text: text.rstrip().removesuffix("}"), "utf-8", "closing brace is missing"),
    "an inner brace is missing": (lambda text: text.replace("650}", "650"), "utf-8", "closing brace is missing"),
    "a stray line": (lambda text: text.replace("\n", "\nsaved by a program\n", 1), "utf-8", "saved by a program"),
}


@pytest.mark.parametrize("named", ["x.dat", "x.hdr"])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_header_is_read_however_it_is_spelt(save, whole, spelling, named):
    change, encoding, note = SPELLINGS[spelling]
    path = save(*LINES, band_names=None)
    plain = whole(path)[0]
    image, got = whole(rewritten(path, change, encoding).with_name(named))
    np.testing.assert_array_equal(got, CUBE)
    assert image.bands.names == ["b", "g", "r"]
    np.testing.assert_allclose(image.bands.wavelengths, [450, 550, 650])
    np.testing.assert_allclose(image.bands.fwhm, [10, 11, 12])
    assert image.bands.good.tolist() == [True, False, True]
    assert image.grid == plain.grid and plain.grid.crs
    assert note in "; ".join(image.notes) and bool(image.notes) == bool(note)


@pytest.mark.parametrize(
    "names",
    [
        "{Band 1 (450.0, ch A), Band 2 (550.0, ch A), Band 3 (650.0, ch B)}",
        '{"blue, 450 nm", "green, 550 nm", "red, 650 nm"}',
        "{blue, 450 nm\n green, 550 nm\n red, 650 nm}",
        "{blue [450, 10], green [550, 10], red [650, 10],}",
    ],
)
def test_commas_within_the_names_of_bands(save, whole, names):
    image, _ = whole(save(band_names=names))
    assert len(image.bands.names) == 3 and not image.notes
    for name, number in zip(image.bands.names, ("450", "550", "650"), strict=True):
        assert number in name and "," in name


@pytest.mark.parametrize("rotation", [0, 30])
def test_the_map_info_gives_the_grid_though_the_header_is_no_use_to_gdal(save, whole, rotation):
    info = f"{{UTM, 1.5, 1.5, 600000, 5000000, 30, 30, 32, North, WGS-84, units=Meters, rotation={rotation}}}"
    path = save(map_info=info, coordinate_system_string=None)
    plain = whole(path)[0].grid
    a, b, c, d, e, f = plain.transform
    assert np.hypot(a, d) == pytest.approx(30) and plain.crs
    assert abs(np.degrees(np.arctan2(d, a))) == pytest.approx(rotation)
    assert (a / 2 + b / 2 + c, d / 2 + e / 2 + f) == pytest.approx((600000, 5000000))
    assert whole(rewritten(path, lambda text: "\ufeff" + text.replace("bands   = 3", "bands = {3}")))[0].grid == plain


@pytest.mark.parametrize(
    "info", ["{nonsense}", "{UTM, 1, 1, x, y, 30, 30, 32, North, WGS-84}", "{Moon, 1, 1, 0, 0, 1, 1}"]
)
def test_a_map_info_of_no_use_is_said(save, whole, info):
    image, got = whole(save(map_info=info, coordinate_system_string=None))
    np.testing.assert_array_equal(got, CUBE)
    assert any("map info: " in note for note in image.notes)


@pytest.mark.parametrize("interleave", ["bsq", "bil", "bip"])
@pytest.mark.parametrize("dtype", ["u1", "<i2", ">u2", ">f4", "<f8", ">i8", "<u4"])
def test_any_layout_is_read_window_by_window_without_gdal(tmp_path, dtype, interleave):
    codes = {"u1": 1, "i2": 2, "u2": 12, "f4": 4, "f8": 5, "i8": 14, "u4": 13}
    axes = {"bsq": (2, 0, 1), "bil": (0, 2, 1), "bip": (0, 1, 2)}[interleave]
    cube = CUBE.astype(dtype)
    (tmp_path / "x.img").write_bytes(b"12345" + np.ascontiguousarray(cube.transpose(axes)).tobytes())
    order = int(dtype.startswith(">"))
    fields = f"lines={{6}}\nsamples={{8}}\nbands={{3}}\nheader offset={{5}}\ndata type={{{codes[dtype[-2:]]}}}\n"
    fields += f"interleave={{{interleave.upper()}}}\nbyte order={{{order}}}\n"
    (tmp_path / "x.hdr").write_text(f"ENVI\n{fields}", encoding="utf-8")
    with open_image(tmp_path / "x.hdr", key="lr_hsi") as image:
        assert image.shape == (6, 8, 3)
        np.testing.assert_array_equal(image.whole(), cube)
        np.testing.assert_array_equal(image.read(slice(2, 5), slice(1, 8)), cube[2:5, 1:8])


def test_several_values_to_be_ignored(save, whole):
    cube = CUBE.copy()
    cube[0, 0], cube[1, 1, 2] = -9999, -1
    _, got = whole(save(cube=cube, data_ignore_value="{-9999, -1}"))
    np.testing.assert_array_equal(np.isnan(got), (cube == -9999) | (cube == -1))
    _, got = whole(save(cube=cube, data_ignore_value="{-9999, -9999, -1}"))
    expected = cube == -9999
    expected[0, 0, 2], expected[1, 1, 2] = False, True
    np.testing.assert_array_equal(np.isnan(got), expected)


def test_gains_of_reflectance_are_used_and_what_is_not_is_said(save, whole):
    image, got = whole(save(data_reflectance_gain_values="{0.5, 0.25, 0.125}"))
    np.testing.assert_allclose(got, CUBE * [0.5, 0.25, 0.125])
    assert image.unit == "reflectance"
    image, got = whole(save(data_gain_values="{2, 2, 2}", reflectance_scale_factor=10000))
    np.testing.assert_allclose(got, 2 * CUBE)
    assert image.notes == ("x.hdr: reflectance scale factor: is not used, since data gain values is",)


@pytest.fixture
def packed(tmp_path):
    """Writes a raster whose data are one gzip stream, changed by a function of its bytes."""

    def saved(change=bytes):
        (tmp_path / "x.img").write_bytes(change(gzip.compress(CUBE.astype("<f4").transpose(2, 0, 1).tobytes())))
        fields = "lines=6\nsamples=8\nbands=3\ndata type=4\ninterleave=bsq\nbyte order=0\nfile compression=1\n"
        (tmp_path / "x.hdr").write_text(f"ENVI\n{fields}", encoding="utf-8")
        return tmp_path / "x.img"

    return saved


def test_compressed_data_are_read_or_refused(packed, whole, refused):
    np.testing.assert_array_equal(whole(packed())[1], CUBE)
    spoilt = {
        "cut short": lambda data: data[: len(data) // 2],
        "almost nothing": lambda data: data[:9],
        "another checksum": lambda data: data[:-8] + bytes([data[-8] ^ 1]) + data[-7:],
        "a byte changed": lambda data: data[:60] + bytes([data[60] ^ 0xFF]) + data[61:],
        "not compressed": lambda data: CUBE.astype("<f4").tobytes(),
    }
    for change in spoilt.values():
        line = refused(packed(change))
        assert "x.img: cannot be unpacked, as its header x.hdr asks: " in line
    assert "expected 576 bytes, as its header x.hdr says" in refused(packed(lambda data: gzip.compress(b"1234")))


@pytest.mark.skipif(not CASES.exists(), reason="the cases are not here")
@pytest.mark.parametrize(
    ("name", "notes"),
    [
        ("header_cp1252/a_desc", "is not in UTF-8; taken for Windows-1252"),
        ("header_details/a_names_commas", ""),
        ("header_details/b_zero_wavelengths", "wavelength: 3 of 50 bands have none"),
        ("header_details/d_fwhm_short", "fwhm: expected one for each of the 50 bands, got"),
        ("reliability/envi_gz_truncated/whole", ""),
    ],
)
def test_headers_that_people_had(whole, name, notes):
    image, got = whole(CASES / f"{name}.hdr")
    assert np.isfinite(got).all()
    assert notes in "".join(image.notes) and bool(notes) == bool(image.notes)
    if "gz" not in name:
        assert len(image.bands.wavelengths) == 50 and image.grid.crs


@pytest.mark.skipif(not CASES.exists(), reason="the cases are not here")
@pytest.mark.parametrize("name", ["half", "tenth", "crc"])
def test_damaged_compressed_data_that_people_had(refused, name):
    assert "cannot be unpacked" in refused(CASES / "reliability" / "envi_gz_truncated" / f"{name}.img")


@pytest.mark.parametrize(
    ("words", "encoding", "told"),
    [
        ("Süd", "cp1252", "Windows-1252"),
        ("à l'été, forêt, 37°", "cp1252", "Windows-1252"),
        ("ação, São João", "cp1252", "Windows-1252"),
        ("5 µm", "cp1252", "Windows-1252"),
        ("绿, 红, 蓝", "gbk", "GBK"),
        ("北京2020年5月, 反射率", "gbk", "GBK"),
        ("GF5高光谱AHSI影像", "gbk", "GBK"),
        ("GF5高光谱AHSI影像, Süd", "utf-8", ""),
    ],
)
def test_the_encoding_is_told_from_the_text(save, whole, words, encoding, told):
    path = save()
    header = path.with_suffix(".hdr")
    header.write_bytes(header.read_bytes() + f"sensor type = {{{words}}}\n".encode(encoding))
    notes = whole(path)[0].notes
    assert bool(notes) == bool(told) and told in "".join(notes)
    assert read_header(header).text("sensor type") == words
