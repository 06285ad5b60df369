"""NumPy's files: either byte order, and no other length than the header says. More is in ``test_cubes``."""

import h5py
import numpy as np
import pytest
import scipy.io

from udaln.errors import InputError
from udaln.io.formats import open_image

CUBE = np.random.default_rng(0).integers(0, 255, (5, 4, 3)).astype(np.float32)


@pytest.mark.parametrize("dtype", ["<f4", ">f4", ">i2", "<u2", "f2", ">f8", "<i8", "longdouble"])
def test_either_byte_order_is_read(tmp_path, whole, dtype):
    np.save(tmp_path / "x.npy", CUBE.astype(dtype))
    image, got = whole(tmp_path / "x.npy")
    assert image.dtype == got.dtype == (np.float64 if np.dtype(dtype).itemsize >= 8 else np.float32)
    assert got.dtype.isnative
    np.testing.assert_array_equal(got, CUBE)


def test_a_file_is_cut_short(tmp_path, cut_short):
    np.save(tmp_path / "x.npy", CUBE)
    cut_short(tmp_path / "x.npy")


@pytest.mark.parametrize(("told", "taken"), [("<f4", "<f2"), ("(5, 4, 3)", "(5, 4, 2)"), ("(5, 4, 3)", "(5, 4, 4)")])
def test_a_header_of_another_size_or_type_is_refused(tmp_path, refused, told, taken):
    np.save(tmp_path / "x.npy", CUBE)
    data = (tmp_path / "x.npy").read_bytes()
    assert data.count(told.encode()) == 1
    (tmp_path / "x.npy").write_bytes(data.replace(told.encode(), taken.encode()))
    message = refused(tmp_path / "x.npy")
    assert "cannot be read" in message or message.endswith(", got 368"), message


def test_an_archive_holds_arrays_by_their_names(tmp_path, whole, refused):
    path = tmp_path / "x.npz"
    np.savez_compressed(path, cube=CUBE, srf=np.eye(3), note="text")
    np.testing.assert_array_equal(whole(path)[1], CUBE)
    np.savez(path, a=CUBE, b=2 * CUBE)
    np.testing.assert_array_equal(whole(path, "b")[1], 2 * CUBE)
    assert "found 2: the file holds a (5×4×3 float32), b (5×4×3 float32)" in refused(path)
    np.savez(path, np.array([{}], object))
    assert "arr_0 holds no real numbers" in refused(path)
    path.write_bytes(path.read_bytes()[:90])
    assert "cannot be read" in refused(path)


@pytest.mark.parametrize("form", ["npy", "npz", "mat", "h5"])
def test_a_matrix_is_an_image_of_one_band_but_no_hyperspectral_one(tmp_path, form):
    pan, path = np.random.default_rng(0).random((9, 12)).astype(np.float32), tmp_path / f"x.{form}"
    if form == "npy":
        np.save(path, pan)
    elif form == "npz":
        np.savez(path, pan=pan, sizes=np.zeros((2, 2)))
    elif form == "mat":
        scipy.io.savemat(path, {"pan": pan, "x": np.arange(12.0)})
    else:
        with h5py.File(path, "w") as file:
            file["pan"], file["x"] = pan, np.arange(12.0)
    for name in (None, "pan") if form != "npy" else (None,):
        with open_image(path, name, key="dataset.hr_msi") as image:
            np.testing.assert_array_equal(image.whole(), pan[..., None])
    with pytest.raises(InputError, match="axes"), open_image(path, key="dataset.lr_hsi"):
        pass


@pytest.mark.parametrize("key", ["dataset.hr_msi", "inspect"])
def test_a_cube_is_preferred_to_matrices(tmp_path, key):
    scipy.io.savemat(tmp_path / "x.mat", {"pan": np.zeros((9, 12)), "cube": CUBE})
    with open_image(tmp_path / "x.mat", key=key) as image:
        np.testing.assert_array_equal(image.whole(), CUBE)
