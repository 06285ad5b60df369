"""Axes by their names, wavelengths and flags from wherever files keep them."""

import h5py
import numpy as np
import pytest

CUBE = np.random.default_rng(0).random((5, 4, 3)).astype(np.float32)
NM = [450.0, 550, 650]


@pytest.fixture
def of(tmp_path, whole):
    """The image in a file that a function fills."""

    def read(fill, variable=None):
        with h5py.File(tmp_path / "x.h5", "w") as file:
            fill(file)
        return whole(tmp_path / "x.h5", variable)

    return read


def cube(file, name="cube", values=CUBE, labels=(), **attributes):
    file[name] = values
    for axis, label in enumerate(labels):
        file[name].dims[axis].label = label
    file[name].attrs.update(attributes)
    return file[name]


@pytest.mark.parametrize(
    ("labels", "order"),
    [
        (("lon", "lat", "bands"), (1, 0, 2)),
        (("Bands", "Sample", "Line"), (2, 1, 0)),
        (("XDim", "other", "YDim"), (2, 0, 1)),
        (("other", "rows", "columns"), (1, 2, 0)),
        (("spectral_channel", "along-track", "across-track"), (1, 2, 0)),
        (("time", "space", "more"), (0, 1, 2)),
    ],
)
def test_rows_and_columns_are_known_by_their_names(of, labels, order):
    stored = np.empty(np.array(CUBE.shape)[np.argsort(order)], CUBE.dtype)
    np.transpose(stored, order)[...] = CUBE
    np.testing.assert_array_equal(of(lambda file: cube(file, values=stored, labels=labels))[1], CUBE)


@pytest.mark.parametrize("text", ["Wavelength, Line, Sample", ["Wavelength", "Line", "Sample"]])
def test_names_of_axes_may_be_an_attribute(of, text):
    _, got = of(lambda file: cube(file, values=CUBE.transpose(2, 0, 1), Dimension_Labels=text))
    np.testing.assert_array_equal(got, CUBE)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("attribute", [True, False])
def test_the_number_of_wavelengths_tells_the_band_axis(of, axis, attribute):
    def fill(file):
        data = cube(file, values=np.moveaxis(CUBE, 2, axis))
        (data.attrs if attribute else file)["wavelengths"] = NM

    image, got = of(fill)
    np.testing.assert_array_equal(got, CUBE)
    assert image.bands.wavelengths.tolist() == NM


def test_axes_without_names_that_look_like_bands_first_are_said(of):
    image, got = of(lambda file: cube(file, values=CUBE.transpose(2, 0, 1)))
    assert got.shape == (3, 5, 4)
    assert any("taken as rows, columns, bands" in note for note in image.notes)
    assert of(cube)[0].notes == ()


def test_axes_of_length_one_are_left_out(of):
    stored = CUBE.transpose(2, 0, 1)[None]
    _, got = of(lambda file: cube(file, values=stored, labels=("time", "band", "y", "x")))
    np.testing.assert_array_equal(got, CUBE)
    one = of(lambda file: cube(file, values=stored[:, :1], labels=("time", "band", "y", "x")))[1]
    np.testing.assert_array_equal(one, CUBE[..., :1])


def test_wavelengths_of_the_nearest_group_count(of):
    def fill(file):
        cube(file, "a/b/cube")
        file["wavelength"], file["c/Wavelength"], file["a/center_wavelengths"] = [1.0, 2, 3], [4.0, 5, 6], NM
        file["a/FWHM"], file["fwhm"] = [9.0, 10, 11], [1.0, 1, 1]

    bands = of(fill)[0].bands
    assert (bands.wavelengths.tolist(), bands.fwhm.tolist()) == (NM, [9, 10, 11])


def test_wavelengths_that_contradict_each_other_are_left_aside(of):
    def fill(file):
        cube(file)
        file["a/wavelength"], file["b/wavelength"] = NM, [1.0, 2, 3]

    image, _ = of(fill)
    assert image.bands.wavelengths is None
    assert "/a/wavelength, /b/wavelength are left aside: they differ" in image.notes


@pytest.mark.parametrize("where", ["variable", "group", "file"])
def test_wavelengths_may_be_attributes(of, where):
    def fill(file):
        cube(file, "a/cube")
        owner = {"variable": file["a/cube"], "group": file["a"], "file": file}[where]
        owner.attrs.update({"Wavelengths": [0.45, 0.55, 0.65], "fwhm": [0.01] * 3, "wavelength_units": "micrometers"})
        owner.attrs["bbl"] = [1, 0, 1]

    bands = of(fill)[0].bands
    np.testing.assert_allclose(bands.wavelengths, NM)
    np.testing.assert_allclose(bands.fwhm, 10)
    assert bands.good.tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("values", "units", "said"),
    [
        ([450.0, 0, 650], "nm", "1 of 3 bands have none that is positive"),
        ([450.0, np.nan, 650], "nm", "1 of 3 bands have none that is positive"),
        (NM, "cm-1", "in cm-1, which is no unit of length; left aside"),
        ([1.0, 2, 3], "nm", "are the numbers of the bands"),
    ],
)
def test_unusable_wavelengths_are_left_aside(of, values, units, said):
    def fill(file):
        cube(file)
        file["wavelength"] = values
        file["wavelength"].attrs["units"] = units

    image, got = of(fill)
    np.testing.assert_array_equal(got, CUBE)
    assert image.bands.wavelengths is None
    (note,) = image.notes
    assert note.startswith(f"/wavelength: {said}") and "left aside" in note


def test_a_wavelength_that_is_missing_is_one_in_line_with_the_others(of):
    def fill(file):
        file["cube"] = np.random.default_rng(1).random((5, 4, 12), np.float32)
        file["wavelength"] = [400.0, 410, 420, 0, *np.arange(440, 520, 10)]

    image, _ = of(fill)
    assert image.bands.wavelengths.tolist() == list(range(400, 520, 10))
    assert any(note.startswith("/wavelength: 1 of 12 bands") for note in image.notes)


def test_micrometres_that_are_called_nanometres_are_known(of):
    def fill(file):
        cube(file)
        file["wavelength"] = [0.45, 0.55, 2.3]
        file["wavelength"].attrs["units"] = "nm"

    image, _ = of(fill)
    np.testing.assert_allclose(image.bands.wavelengths, [450, 550, 2300])
    assert any("cannot be in nm; taken for µm" in note for note in image.notes)


def test_unusable_widths_and_attributes_are_left_aside(of):
    def fill(file):
        cube(file, bbl=[1, 0])
        file["wavelength"], file["fwhm"] = NM, [10.0, -1, 10]

    image, _ = of(fill)
    assert (image.bands.fwhm, image.bands.good) == (None, None)
    assert "/fwhm: expected positive numbers, got -1 in 1 of 3 bands; left aside" in image.notes
    assert "/cube bbl is left aside: expected a number for each of the 3 bands, got 2" in image.notes


def test_coordinates_of_bands_without_a_unit_are_wavelengths_if_they_look_so(of):
    def fill(file, values):
        data = cube(file, labels=("y", "x", "band"))
        file["band"] = values
        assert data.shape[2] == len(values)

    image, _ = of(lambda file: fill(file, NM))
    assert image.bands.wavelengths.tolist() == NM
    assert any("/band: its numbers, 450 to 650, are taken as wavelengths" in note for note in image.notes)
    for values in ([1.0, 2, 3], [1.0, 5, 9], [400, 401, 402]):
        image, _ = of(lambda file, values=values: fill(file, values))
        assert (image.bands.wavelengths, image.notes) == (None, ())


@pytest.mark.parametrize("name", ["good_wavelengths", "bbl", "good_bands", "good"])
@pytest.mark.parametrize("dtype", ["<f4", "u1", "i1"])
def test_flags_of_bands(of, name, dtype):
    def fill(file):
        cube(file)
        file["parameters/" + name] = np.array([1, 0, 1], dtype)

    assert of(fill)[0].bands.good.tolist() == [True, False, True]


@pytest.mark.parametrize("flags", [[0.2, 0.5, 1], [0, 0, 0]])
def test_flags_that_are_none_are_left_aside(of, flags):
    def fill(file):
        cube(file)
        file["bbl"] = flags

    image, _ = of(fill)
    assert image.bands.good is None
    assert image.notes == ("/bbl is left aside: expected 0 or 1 for each band, and 1 for some",)


def test_names_of_bands(of):
    def fill(file):
        cube(file)
        file["band_name"] = ["B2", "B3", "Grün"]

    assert list(of(fill)[0].bands.names) == ["B2", "B3", "Grün"]


def test_masks_beside_the_image_are_named(of):
    def fill(file):
        cube(file, "a/cube")
        file["a/Cloud_Mask"], file["pixel_quality"], file["b/elevation"] = np.zeros((3, 5, 4))
        file["a/band_mask"] = np.zeros(3)

    (note,) = of(fill)[0].notes
    assert (
        note
        == "/a/Cloud_Mask, /pixel_quality: not used; a mask is given as dataset.lr_hsi_mask, as a raster of its own"
    )


@pytest.mark.parametrize("count", [0, 1, 2, 4, 5])
def test_lists_of_dimensions_of_any_length_do_no_harm(tmp_path, whole, count):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        cube(file)
        file["scale"] = np.arange(5.0)
        kind = h5py.special_dtype(vlen=h5py.ref_dtype)
        entries = np.empty(count, object)
        for index in range(count):
            entries[index] = np.array([file["scale"].ref], h5py.ref_dtype)
        file["cube"].attrs.create("DIMENSION_LIST", entries, dtype=kind)
    image, got = whole(tmp_path / "x.h5")
    np.testing.assert_array_equal(got, CUBE)
    assert any(f"expected 3 entries for 3 axes, got {count}" in note for note in image.notes)


def test_a_dimension_that_was_deleted_does_no_harm(tmp_path, whole):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        cube(file)
        for axis, name in enumerate("yxb"):
            file[name] = np.arange(float(CUBE.shape[axis]))
            file[name].make_scale(name)
            file["cube"].dims[axis].attach_scale(file[name])
        del file["b"]
    image, got = whole(tmp_path / "x.h5")
    np.testing.assert_array_equal(got, CUBE)
    assert image.grid is None


@pytest.mark.parametrize(
    "values",
    [np.array([NM]), np.array([NM]).T, np.array([b"450", b"550", b"650"]), np.array([["450"], ["550"], ["650"]])],
)
def test_wavelengths_may_be_a_matrix_of_one_row_or_text(of, values):
    def fill(file):
        cube(file)
        file["wavelength"] = values.astype("S") if values.dtype.kind == "U" else values

    assert of(fill)[0].bands.wavelengths.tolist() == NM


def test_text_that_is_no_wavelength_is_left_in_peace(of):
    def fill(file):
        cube(file)
        file["wavelength"] = np.array([b"blue", b"green", b"red"])

    assert of(fill)[0].bands.wavelengths is None
