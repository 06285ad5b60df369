"""MATLAB's files: which variable, in which precision, and what is refused. More is in ``test_cubes``."""

import itertools
import subprocess
import sys

import h5py
import numpy as np
import pytest
import scipy.io
import scipy.sparse
from places import CASES

from udaln.errors import InputError
from udaln.io.formats import open_image
from udaln.io.overlap import overlap

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
    assert refused(tmp_path / "x.mat").endswith("x holds no real numbers but is 5×4×3 complex double")


def test_a_file_is_cut_short(tmp_path, cut_short):
    save73(tmp_path / "x.mat", CUBE.astype(np.float32), "single")
    cut_short(tmp_path / "x.mat")
    scipy.io.savemat(tmp_path / "y.mat", {"x": CUBE})
    cut_short(tmp_path / "y.mat")


COUNT = itertools.count()


def struct73(file, name, fields):
    """A struct as MATLAB stores it: a group of its fields."""
    group = file.create_group(name)
    group.attrs["MATLAB_class"] = np.bytes_("struct")
    for key, value in fields.items():
        put73(file, f"{name}/{key}", value)


def put73(file, name, value):
    """A value as MATLAB stores it: cells and arrays of structs are references to what is in ``#refs#``."""
    if isinstance(value, dict):
        return struct73(file, name, value)
    if isinstance(value, list):
        references = []
        for part in value:
            reference = f"#refs#/r{next(COUNT)}"
            put73(file, reference, part)
            references.append(file[reference].ref)
        file.create_dataset(name, data=np.array(references, h5py.ref_dtype)[:, None], dtype=h5py.ref_dtype)
        file[name].attrs["MATLAB_class"] = np.bytes_("cell")
        return None
    if isinstance(value, str):
        file[name] = np.array([[ord(letter)] for letter in value], np.uint16)
        file[name].attrs["MATLAB_class"] = np.bytes_("char")
        return None
    file[name] = np.asarray(value).T
    kinds = {"f4": "single", "f8": "double", "i2": "int16", "i8": "int64", "u1": "uint8"}
    file[name].attrs["MATLAB_class"] = np.bytes_(kinds[np.asarray(value).dtype.str[1:]])
    return None


def cells(values):
    """SciPy's way to write a cell array."""
    array = np.empty(len(values), object)
    array[:] = [{k: v for k, v in value.items()} if isinstance(value, dict) else value for value in values]
    return array


SMALL = CUBE.astype(np.int16)
HOLDS = {
    "s": {"cube": SMALL, "inner": {"cube": SMALL + 1, "name": "flight 3"}, "wavelength": np.arange(3.0)},
    "c": ["text", SMALL + 2, {"cube": SMALL + 3}],
    "plain": np.ones((4, 4)),
}


@pytest.fixture(params=[5, "5, compressed", 7.3])
def nested(request, tmp_path):
    path = tmp_path / "x.mat"
    if request.param == 7.3:
        with h5py.File(path, "w") as file:
            for name, value in HOLDS.items():
                put73(file, name, value)
    else:
        scipy.io.savemat(path, HOLDS | {"c": cells(HOLDS["c"])}, do_compression=request.param != 5)
    return path


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("s.cube", 0),
        ("s(1).cube", 0),
        ("s/cube", 0),
        ("/s/cube", 0),
        (" s.inner.cube", 1),
        ("c{2}", 2),
        ("c{1,2}", 2),
        ("c{2,1}", 2),
        ("c{ 3 }.cube", 3),
    ],
)
def test_a_cube_within_structs_and_cells_is_reached_by_its_path(nested, whole, name, more):
    np.testing.assert_array_equal(whole(nested, name)[1], SMALL + more)


def test_what_is_within_structs_and_cells_is_listed(nested, refused):
    line = refused(nested)
    for name in ("s.cube (5×4×3 int16)", "s.inner.cube (5×4×3 int16)", "c{2} (5×4×3 int16)", "c{3}.cube (5×4×3 int16)"):
        assert name in line
    assert "found 4" in line and "set dataset.variable to the one meant" in line
    line = refused(nested, "s.inner")
    assert "s.inner.cube (5×4×3 int16)" in line and "s.cube" not in line
    assert "expected one of its parts: s.cube" in refused(nested, "s")
    assert "s.cube (5×4×3 int16)" in refused(nested, "s.cub")
    assert "c{1} holds no real numbers" in refused(nested, "c{1}")
    assert "has 2 axes" in refused(nested, "plain")


@pytest.mark.parametrize("version", [5, 7.3])
def test_a_cube_within_one_struct_is_found_and_one_outside_comes_first(tmp_path, whole, version):
    for holds, expected in (({"s": {"cube": SMALL}}, 0), ({"s": {"cube": SMALL}, "x": SMALL + 1}, 1)):
        path = tmp_path / "x.mat"
        if version == 5:
            scipy.io.savemat(path, holds)
        else:
            with h5py.File(path, "w") as file:
                for name, value in holds.items():
                    put73(file, name, value)
        np.testing.assert_array_equal(whole(path)[1], SMALL + expected)


def test_structs_in_an_array_have_numbers(tmp_path, whole):
    structs = np.zeros((1, 2), [("cube", object)])
    structs["cube"][0, 0], structs["cube"][0, 1] = SMALL, SMALL + 1
    scipy.io.savemat(tmp_path / "x.mat", {"s": structs})
    with h5py.File(tmp_path / "y.mat", "w") as file:
        group = file.create_group("s")
        group.attrs["MATLAB_class"] = np.bytes_("struct")
        for index in range(2):
            put73(file, f"#refs#/{index}", SMALL + index)
        references = [[file[f"#refs#/{index}"].ref] for index in range(2)]
        group.create_dataset("cube", data=references, dtype=h5py.ref_dtype)
    for name in ("x.mat", "y.mat"):
        for variable, more in (("s(1).cube", 0), ("s(2).cube", 1), ("s(1,2).cube", 1)):
            np.testing.assert_array_equal(whole(tmp_path / name, variable)[1], SMALL + more)


def test_what_matlab_alone_reads_is_said(tmp_path, refused):
    with h5py.File(tmp_path / "x.mat", "w") as file:
        file["T"] = np.array([[3707764736, 2, 1, 1, 1, 1]], np.uint32)
        file["T"].attrs["MATLAB_class"] = np.bytes_("table")
        file["T"].attrs["MATLAB_object_decode"] = np.int32(3)
    assert "table of a class, which only MATLAB reads" in refused(tmp_path / "x.mat")


def test_a_cube_within_a_table_is_found_among_the_values_of_objects(tmp_path, whole, refused):
    """As MATLAB stores it: the table is a number, its values are references elsewhere, without names."""
    path = tmp_path / "x.mat"
    with h5py.File(path, "w") as file:
        file["T"] = np.array([[3707764736, 2, 1, 1, 1, 1]], np.uint32)
        file["T"].attrs["MATLAB_class"] = np.bytes_("table")
        file["T"].attrs["MATLAB_object_decode"] = np.int32(3)
        put73(file, "#subsystem#/MCOS", [np.zeros((1, 9), np.uint8), ["a name", SMALL]])
        file["#subsystem#/MCOS"].attrs["MATLAB_class"] = np.bytes_("FileWrapper__")
    np.testing.assert_array_equal(whole(path)[1], SMALL)
    np.testing.assert_array_equal(whole(path, "#subsystem#/MCOS{2}{2}")[1], SMALL)
    line = refused(path, "T")
    assert "T holds no real numbers but is" in line and "table of a class" in line


UNUSABLE = {
    "sparse": (scipy.sparse.eye(4).tocsc(), "x holds no real numbers but is 4×4 sparse"),
    "sparse, true or false": (scipy.sparse.eye(4).tocsc() > 0, "x holds no real numbers but is 4×4 sparse"),
    "text": ("a text", "x holds no real numbers but is 1×6 char"),
    "logical": (CUBE > 99, "x holds no real numbers but is 5×4×3 logical"),
    "empty": (np.zeros((5, 0, 3)), "x is empty (5×0×3 double)"),
    "empty struct": ({}, "x holds no real numbers but is"),
    "cells of matrices": (cells([np.eye(9), np.eye(9)]), "none of which has 3 axes; save one array of 3 axes"),
    "cells without numbers": (cells(["a", "b"]), "x is 1×2 cell, expected one of its parts: x{1} (1×1 char)"),
    "complex in a struct": ({"cube": CUBE * 1j}, "x.cube (5×4×3 complex double)"),
}


@pytest.mark.parametrize("what", UNUSABLE)
def test_what_holds_no_cube_is_refused_in_one_line(tmp_path, refused, what):
    value, message = UNUSABLE[what]
    scipy.io.savemat(tmp_path / "x.mat", {"x": value})
    line = refused(tmp_path / "x.mat")
    assert message in line and "set dataset.variable" not in line


def test_int64_is_read(tmp_path, whole):
    scipy.io.savemat(tmp_path / "x.mat", {"x": CUBE.astype(np.int64)})
    np.testing.assert_array_equal(whole(tmp_path / "x.mat")[1], CUBE)


READ_ALL = """
import sys
from pathlib import Path
from udaln.errors import InputError
from udaln.io.formats import open_image
for path in sorted(Path().glob("*.mat")):
    try:
        with open_image(path, path.stem.split(" ")[0], key="lr_hsi") as image:
            image.whole()
    except InputError as error:
        print(error)
"""


def test_numbers_of_no_type_of_the_format_are_refused(tmp_path):
    """In a process of its own, which such a file can end."""
    cube = CUBE.astype(np.float32)
    names = []
    for where, holds in {"x": cube, "s.cube": {"cube": cube}, "c{2}": cells(["a", cube])}.items():
        scipy.io.savemat(tmp_path / "x", {where[0]: holds}, appendmat=False)
        data = (tmp_path / "x").read_bytes()
        at = data.index(cube.tobytes(order="F")) - 8
        for kind in (0, 8, 10, 11, 14, 15, 16, 19, 20, 25, 100, 5000, 2**31 - 1, 2**31, 2**32 - 1):
            names.append(f"{where} {kind}.mat")
            (tmp_path / names[-1]).write_bytes(data[:at] + kind.to_bytes(4, "little") + data[at + 4 :])
    ended = subprocess.run([sys.executable, "-c", READ_ALL], capture_output=True, text=True, cwd=tmp_path)
    lines = ended.stdout.splitlines()
    assert (ended.returncode, len(lines)) == (0, len(names))
    for name, line in zip(sorted(names), lines, strict=True):
        assert line.startswith(f"lr_hsi: {name}: cannot be read: expected numbers, got data of type")


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("compressed", [False, True])
def test_a_damaged_file_is_read_or_refused(tmp_path, seed, compressed):
    rng = np.random.default_rng(seed)
    scipy.io.savemat(tmp_path / "x.mat", HOLDS | {"c": cells(HOLDS["c"])}, do_compression=compressed)
    data = np.frombuffer((tmp_path / "x.mat").read_bytes(), np.uint8).copy()
    data[rng.integers(128, len(data), 3)] = rng.integers(0, 256, 3)
    (tmp_path / "x.mat").write_bytes(data.tobytes()[: len(data) if seed % 2 else rng.integers(130, len(data))])
    for name in ("s.cube", "c{2}", "c{3}.cube"):
        try:
            with open_image(tmp_path / "x.mat", name, key="lr_hsi") as image:
                assert image.whole().shape == image.shape
        except InputError as error:
            assert "\n" not in str(error) and str(tmp_path / "x.mat") in str(error)


def test_references_in_a_circle_come_to_an_end(tmp_path, refused):
    with h5py.File(tmp_path / "x.mat", "w") as file:
        file.create_dataset("c", (1, 1), h5py.ref_dtype)
        file["c"].attrs["MATLAB_class"] = np.bytes_("cell")
        file["c"][0, 0] = file["c"].ref
    assert "expected" in refused(tmp_path / "x.mat")


@pytest.mark.skipif(not CASES.exists(), reason="the cases are not here")
def test_files_that_people_had(whole, refused):
    folder = CASES / "matlab_struct"
    cube = np.load(folder / "lr.npy")
    np.testing.assert_allclose(whole(folder / "a_struct.mat", "hsi.Data")[1], cube, rtol=1e-6)
    assert "hsi.Data (32×32×50 single), hsi.RGB (32×32×3 uint8)" in refused(folder / "a_struct.mat")
    with (
        open_image(folder / "h_bands_first.mat", key="lr_hsi") as lr_hsi,
        open_image(folder / "hr.npy", key="hr_msi") as hr_msi,
    ):
        np.testing.assert_allclose(overlap(lr_hsi, hr_msi).lr_hsi.whole(), cube, rtol=1e-6)
    for path in (CASES / "reliability" / "mat5_type").glob("type*.mat"):
        assert "cannot be read: expected numbers, got data of type" in refused(path)
    assert whole(CASES / "reliability" / "mat5_type" / "ok.mat")[1].shape == (2, 2, 3)


def test_numbers_of_old_machines_are_refused(tmp_path, refused):
    """Version 4 on a VAX: SciPy warns that what it returns may be wrong."""
    scipy.io.savemat(tmp_path / "x.mat", {"a": np.ones((3, 4))}, format="4")
    data = (tmp_path / "x.mat").read_bytes()
    (tmp_path / "x.mat").write_bytes((2000).to_bytes(4, "little") + data[4:])
    assert "cannot be read: We do not support byte ordering 'VAX D-float'" in refused(tmp_path / "x.mat")
