"""Arrays of any library become numbers with NaN for no data, or one line that says why not."""

import warnings
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
import pytest
import scipy.sparse
import torch

from udaln.errors import InputError
from udaln.io.array_input import check_axes, image_array, mask_array, matrix_array, nodata_numbers

CUBE = np.random.default_rng(0).integers(1, 99, (4, 5, 3)).astype(np.int16)


@dataclass
class Named:
    """As xarray's arrays are: named axes, attributes, and numbers that are there once they are asked for."""

    values: Any
    dims: Any
    attrs: Any

    shape = property(lambda self: self.values.shape)
    dtype = property(lambda self: self.values.dtype)

    def __getitem__(self, index):
        return Named(self.values[index], self.dims, self.attrs)


def named(values, *dims, **attrs):
    return Named(np.asarray(values), dims, attrs)


DTYPES = ["u1", "i1", "<i2", ">i2", ">u2", "<i4", ">i4", "<u8", ">i8", "f2", ">f4", "<f4", ">f8", "f8", "longdouble"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_any_real_type_and_byte_order_is_taken(dtype):
    array = CUBE.astype(dtype)
    got = image_array(array, "lr_hsi")
    np.testing.assert_array_equal(got, CUBE)
    assert got.dtype == (np.float32 if np.can_cast(array.dtype, np.float32) else np.float64) and got.dtype.isnative
    assert not np.shares_memory(got, array)


ORDERS = {
    "Fortran": np.asfortranarray,
    "backwards": lambda cube: cube[::-1, ::-1, ::-1][::-1, ::-1, ::-1],
    "a view": lambda cube: np.repeat(cube, 2, 1)[:, ::2],
    "read only": lambda cube: np.frombuffer(cube.tobytes(), cube.dtype).reshape(cube.shape),
    "lists": lambda cube: cube.tolist(),
    "a tuple of arrays": tuple,
    "a view of memory": lambda cube: memoryview(np.ascontiguousarray(cube)),
    "a tensor": lambda cube: torch.tensor(cube),
    "a tensor with a gradient": lambda cube: torch.tensor(cube.astype("f4"), requires_grad=True),
    "bfloat16": lambda cube: torch.tensor(cube).bfloat16(),
    "a tensor, turned": lambda cube: torch.tensor(cube.transpose(2, 0, 1).copy()).permute(1, 2, 0),
    "named": lambda cube: named(cube, "y", "x", "band"),
    "named, bands first": lambda cube: named(cube.transpose(2, 0, 1), "band", "y", "x"),
    "named, turned": lambda cube: named(cube.transpose(1, 2, 0), "lon", "wavelength", "lat"),
    "partly named": lambda cube: named(cube.transpose(2, 0, 1), "wavelength", "dim_1", "dim_2"),
    "one name is missing": lambda cube: named(cube.transpose(2, 0, 1), "component", "y", "x"),
    "names that tell nothing": lambda cube: named(cube, "dim_0", "dim_1", "dim_2"),
}


@pytest.mark.parametrize("order", ORDERS)
def test_the_same_numbers_however_they_lie(order):
    np.testing.assert_array_equal(image_array(ORDERS[order](CUBE), "lr_hsi"), CUBE)


def test_files_that_are_mapped_are_read(tmp_path):
    np.save(tmp_path / "x.npy", CUBE)
    np.testing.assert_array_equal(image_array(np.load(tmp_path / "x.npy", mmap_mode="r"), "lr_hsi"), CUBE)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["x"] = CUBE.astype(">f4")
        file["x"].attrs["_FillValue"] = np.float32(CUBE[1, 2, 0])
        got = image_array(file["x"], "lr_hsi")
    np.testing.assert_array_equal(got, np.where(CUBE == CUBE[1, 2, 0], np.nan, CUBE))


@pytest.mark.parametrize("interleave", ["bsq", "bil", "bip"])
def test_spectral_pythons_images_are_read_in_their_units(tmp_path, interleave):
    envi = pytest.importorskip("spectral.io.envi", reason="Spectral Python is not installed")
    metadata = {"reflectance scale factor": 10, "data ignore value": int(CUBE[1, 2, 0])}
    envi.save_image(str(tmp_path / "x.hdr"), CUBE, metadata=metadata, interleave=interleave, byteorder=1)
    image = envi.open(str(tmp_path / "x.hdr"))
    expected = np.where(CUBE == CUBE[1, 2, 0], np.nan, CUBE / 10)
    np.testing.assert_allclose(image_array(image, "lr_hsi"), expected, rtol=1e-6)
    np.testing.assert_array_equal(image_array(image.open_memmap(), "lr_hsi"), CUBE)
    np.testing.assert_allclose(image_array(image.load(), "lr_hsi"), CUBE / 10, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["i2", ">i2", "f4", "f8"])
def test_masked_values_are_not_measured(dtype):
    mask = CUBE % 5 == 0
    array = np.ma.MaskedArray(CUBE.astype(dtype), mask)
    before = array.copy()
    np.testing.assert_array_equal(image_array(array, "lr_hsi"), np.where(mask, np.nan, CUBE))
    assert (array == before).all() and (array.mask == before.mask).all()
    np.testing.assert_array_equal(image_array(np.ma.MaskedArray(CUBE), "lr_hsi"), CUBE)


def test_numbers_that_mean_no_data_are_compared_as_they_are_stored():
    got = image_array(CUBE, "lr_hsi", (float(CUBE[0, 0, 0]), float(CUBE[1, 1, 1]), -9999.0))
    np.testing.assert_array_equal(np.isnan(got), (CUBE == CUBE[0, 0, 0]) | (CUBE == CUBE[1, 1, 1]))
    rounded = np.where(CUBE > 50, np.float32(-3.4028235e38), CUBE).astype(np.float32)
    np.testing.assert_array_equal(np.isnan(image_array(rounded, "lr_hsi", (-3.4e38,))), CUBE > 50)
    declared = named(CUBE, "y", "x", "band", _FillValue=CUBE[0, 0, 0], missing_value="none")
    np.testing.assert_array_equal(np.isnan(image_array(declared, "lr_hsi")), CUBE == CUBE[0, 0, 0])
    with pytest.raises(InputError, match=r"^nodata: expected it to leave some values of lr_hsi, got none$"):
        image_array(0 * CUBE, "lr_hsi", (0,))


@pytest.mark.parametrize(
    ("nodata", "numbers"),
    [
        (None, ()),
        (-9999, (-9999,)),
        ([0, -1.5], (0, -1.5)),
        (np.int16([3, 4]), (3, 4)),
        ("7", (7,)),
        (np.array(-1.0), (-1,)),
        (range(2), (0, 1)),
    ],
)
def test_one_number_or_several_mean_no_data(nodata, numbers):
    assert nodata_numbers(nodata) == numbers


@pytest.mark.parametrize("nodata", ["none", {"lr": 0}, [[1, 2]], object(), [None], True, [False]])
def test_what_is_no_number_is_refused(nodata):
    with pytest.raises(InputError, match=r"^nodata: expected a number or several, got "):
        nodata_numbers(nodata)


class Table:
    """As pandas's tables are."""

    columns, iloc = ["a"], None


class Failing:
    """It fails when it is asked for its numbers."""

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("no\nway")


NOT_IMAGES = {
    "None": (None, "expected an array, got None"),
    "a name": ("lr.tif", "expected an array, got str; files are"),
    "bytes": (b"123", "expected an array, got bytes"),
    "a dictionary": ({"cube": CUBE}, "expected an array, got dict"),
    "complex": (CUBE * 1j, "expected real numbers, got complex numbers (complex128); take .real"),
    "a complex tensor": (torch.tensor(CUBE * 1j).conj(), "expected real numbers, got complex numbers"),
    "true and false": (CUBE > 5, "expected real numbers, got true and false (bool); a mask"),
    "texts": (CUBE.astype(str), "expected real numbers, got text"),
    "dates": (CUBE.astype("M8[s]"), "expected real numbers, got dates"),
    "times": (CUBE.astype("m8[s]"), "expected real numbers, got times"),
    "objects": (CUBE.astype(object), "expected real numbers, got objects (object); are its rows"),
    "records": (np.zeros((4, 5), [("b", "f4"), ("g", "f4")]), "expected real numbers, got records"),
    "ragged": ([[[1, 2], [3]], [[4, 5], [6, 7]]], "expected an array of numbers, got a list that makes none"),
    "masked arrays in a list": ([np.ma.ones((2, 2))], "np.ma.stack(…, axis=-1) makes one"),
    "an object": (object(), "got a object that makes none: it is a single object"),
    "a function": (len, "that makes none: it is a single object"),
    "a generator": ((band for band in CUBE), "got a generator that makes none"),
    "a table": (Table(), "got a Table, which is a table; pass table.to_numpy().reshape(rows, columns, bands)"),
    "a sparse matrix": (scipy.sparse.eye(4), "that makes none: it is a single object"),
    "what fails": (Failing(), "got a Failing that makes none: no way"),
    "too many names": (named(CUBE[None], "time", "y", "x", "band"), "got time, y, x, band; select one"),
    "too few names": (named(CUBE[0], "x", "band"), "expected the dimensions rows, columns and bands, got x, band"),
}


@pytest.mark.parametrize("what", NOT_IMAGES)
def test_what_is_no_image_is_refused_in_one_line(what):
    value, message = NOT_IMAGES[what]
    with pytest.raises(InputError) as caught:
        image_array(value, "lr_hsi")
    assert str(caught.value).startswith("lr_hsi: ") and "\n" not in str(caught.value)
    assert message in str(caught.value)


PIXELS = np.indices((4, 5)).sum(0) % 3 > 0


@pytest.mark.parametrize(
    "mask",
    [
        PIXELS,
        PIXELS.astype(">i4") * 7,
        PIXELS[..., None],
        PIXELS.tolist(),
        np.where(PIXELS, 1.0, np.nan),
        np.ma.MaskedArray(np.ones((4, 5)), ~PIXELS),
        torch.tensor(PIXELS),
        named(PIXELS.T, "x", "y"),
    ],
)
def test_masks_tell_which_pixels_count(mask):
    np.testing.assert_array_equal(mask_array(mask, "lr_valid"), PIXELS)


@pytest.mark.parametrize("mask", ["all", PIXELS * 1j, PIXELS.astype(str), PIXELS.astype(object), {}, [[True], [1, 2]]])
def test_what_is_no_mask_is_refused_in_one_line(mask):
    with pytest.raises(InputError, match=r"^lr_valid: expected ") as caught:
        mask_array(mask, "lr_valid")
    assert "\n" not in str(caught.value)


def test_matrices_are_whole_and_real():
    assert matrix_array(None, "srf") is None and mask_array(None, "lr_valid") is None
    np.testing.assert_array_equal(matrix_array(torch.eye(3), "srf"), np.eye(3))
    np.testing.assert_array_equal(matrix_array([[True, False]], "support"), [[1, 0]])
    for matrix in ("file.csv", np.eye(2) * 1j, [1, 2], [[1, np.nan]], np.ma.masked_equal(np.eye(2), 0), [["a"]]):
        with pytest.raises(InputError, match=r"^srf: expected "):
            matrix_array(matrix, "srf")


LR, HR = np.zeros((8, 10, 50), np.float32), np.zeros((24, 30, 4), np.float32)


def test_bands_first_are_refused_with_the_remedy():
    check_axes(LR, HR)
    lr_first, hr_first = (np.moveaxis(image, 2, 0) for image in (LR, HR))
    for images, name in (((lr_first, HR), "lr_hsi"), ((LR, hr_first), "hr_msi"), ((lr_first, hr_first), "lr_hsi")):
        with pytest.raises(InputError, match=rf"^{name}: .* pass np.moveaxis\({name}, 0, -1\)") as caught:
            check_axes(*images)
        assert ("hr_msi likewise" in str(caught.value)) == (images[0] is lr_first and images[1] is hr_first)


@pytest.mark.parametrize("shapes", [((8, 8, 8), (24, 24, 4)), ((8, 10, 50), (25, 30, 4)), ((8, 10), (24, 30, 4))])
def test_other_sizes_are_left_to_what_comes_next(shapes):
    check_axes(*(np.zeros(shape, np.float32) for shape in shapes))


@pytest.mark.parametrize(
    ("said", "heard"),
    [("The unit of the quantity is stripped when downcasting to ndarray.", 0), ("some numbers are rounded", 1)],
)
def test_a_warning_of_another_library_is_heard_unless_it_is_about_units(said, heard):
    class Quantity:
        def __array__(self, dtype=None, copy=None):
            warnings.warn(said, UserWarning, stacklevel=2)
            return CUBE

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        np.testing.assert_array_equal(image_array(Quantity(), "lr_hsi"), CUBE)
    assert len(caught) == heard


class Lazy:
    """As dask's arrays are: a part of one is one, and its numbers, which may be masked, are there once computed."""

    def __init__(self, numbers):
        self.numbers, self.shape, self.dtype = numbers, numbers.shape, numbers.dtype

    def __getitem__(self, index):
        return Lazy(self.numbers[index])

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.numbers)

    def compute(self):
        return self.numbers


def test_masks_of_lazy_arrays_are_kept():
    masked = np.ma.masked_equal(CUBE, CUBE[0, 0, 0])
    np.testing.assert_array_equal(image_array(Lazy(masked), "x"), np.where(masked.mask, np.nan, CUBE))


class Variable(Lazy):
    """As netCDF4's are."""

    def __init__(self, numbers, scale=False, **attributes):
        super().__init__(numbers)
        self.attributes, self.scale = attributes, scale

    def __getitem__(self, index):
        return self.numbers[index]

    def ncattrs(self):
        return list(self.attributes)

    def getncattr(self, name):
        return self.attributes[name]


@pytest.mark.parametrize("fill", [CUBE[0, 0, 0], str(CUBE[0, 0, 0]), np.array([CUBE[0, 0, 0], -7])])
def test_attributes_declare_no_data_as_numbers_or_as_text(fill):
    expected = np.where(CUBE == CUBE[0, 0, 0], np.nan, CUBE)
    for array in (Variable(CUBE, _FillValue=fill), Named(CUBE, ("y", "x", "band"), {"missing_value": fill})):
        np.testing.assert_array_equal(image_array(array, "x"), expected)
    np.testing.assert_array_equal(image_array(Variable(CUBE, missing_value="none"), "x"), CUBE)


def test_a_scale_that_is_not_applied_is_said(caplog):
    said = "x: scale_factor=0.0001, add_offset=-1 is not applied"
    for array in (Variable(CUBE, scale_factor=1e-4, add_offset=-1), Named(CUBE, (), {"scale_factor": 1e-4})):
        caplog.clear()
        np.testing.assert_array_equal(image_array(array, "x"), CUBE)
        assert said.split(",")[0] in caplog.text
    caplog.clear()
    image_array(Variable(CUBE, scale=True, scale_factor=1e-4), "x")
    assert not caplog.text


def test_negative_views_of_tensors_are_read():
    tensor = torch.from_numpy(CUBE.astype(np.float32))
    np.testing.assert_array_equal(image_array(torch._neg_view(tensor), "x"), -CUBE)
