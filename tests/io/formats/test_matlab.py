"""MATLAB's files: which variable, in which precision, and what is refused. More is in ``test_cubes``."""

import h5py
import numpy as np
import pytest
import scipy.io

CUBE = np.random.default_rng(0).integers(0, 255, (5, 4, 3))


def save73(path, cube, kind):
    with h5py.File(path, "w") as file:
        file["x"] = cube.T
        file["x"].attrs["MATLAB_class"] = np.bytes_(kind)


@pytest.mark.parametrize("version", [5, 7.3])
@pytest.mark.parametrize(
    ("dtype", "kind", "becomes"),
    [
        ("u1", "uint8", "f4"),
        ("i2", "int16", "f4"),
        ("f4", "single", "f4"),
        ("u4", "uint32", "f8"),
        ("f8", "double", "f8"),
    ],
)
def test_the_image_says_the_precision_that_it_is_read_in(tmp_path, whole, version, dtype, kind, becomes):
    path = tmp_path / "x.mat"
    if version == 5:
        scipy.io.savemat(path, {"x": CUBE.astype(dtype)})
    else:
        save73(path, CUBE.astype(dtype), kind)
    image, got = whole(path)
    assert image.dtype == got.dtype == np.dtype(becomes)
    np.testing.assert_array_equal(got, CUBE)


def test_a_class_that_is_not_that_of_the_numbers_is_refused(tmp_path, refused):
    save73(tmp_path / "x.mat", CUBE.astype(np.uint16), "single")
    assert refused(tmp_path / "x.mat").endswith("x: expected single numbers, as its MATLAB_class says, got uint16")


@pytest.mark.parametrize("kind", ["int32", "double"])
def test_sizes_that_are_not_those_of_the_numbers_are_refused(tmp_path, refused, kind):
    path = tmp_path / "x.mat"
    scipy.io.savemat(path, {"x": CUBE.astype(kind)})
    data = path.read_bytes()
    sizes = np.array(CUBE.shape, "<i4").tobytes()
    assert data.count(sizes) == 1
    path.write_bytes(data.replace(sizes, np.array([5, 4, 4], "<i4").tobytes()))
    assert "cannot be read" in refused(path)


def test_complex_numbers_are_refused_before_they_are_read(tmp_path, refused):
    scipy.io.savemat(tmp_path / "x.mat", {"x": CUBE * 1j})
    assert refused(tmp_path / "x.mat").endswith("x holds no real numbers but is complex128")


def test_a_file_is_cut_short(tmp_path, cut_short):
    save73(tmp_path / "x.mat", CUBE.astype(np.float32), "single")
    cut_short(tmp_path / "x.mat")
    scipy.io.savemat(tmp_path / "y.mat", {"x": CUBE})
    cut_short(tmp_path / "y.mat")
