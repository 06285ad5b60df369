"""NumPy's files: either byte order, and no other length than the header says. More is in ``test_cubes``."""

import numpy as np
import pytest

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
