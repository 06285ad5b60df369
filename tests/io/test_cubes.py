"""Cubes come back from every format as they were, and every bad file is refused in one line."""

import sys
import tracemalloc
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io

from udaln.errors import InputError
from udaln.io.cubes import read_cube, read_matrix

KEY = "dataset.reference"


def make_cube(shape=(5, 4, 3), dtype=np.float32):
    return np.random.default_rng(0).integers(0, 255, shape).astype(dtype)


def save_mat5(path, cube):
    scipy.io.savemat(path, {"x": cube, "note": "a text", "mask": np.ones((5, 4, 3), bool)})


def save_mat73(path, cube):
    """What MATLAB's own -v7.3 files look like: axes in reverse, chunks, and things that are no numbers."""
    with h5py.File(path, "w", userblock_size=512) as file:
        file.create_dataset("x", data=cube.T, chunks=True, compression="gzip")
        file["x"].attrs["MATLAB_class"] = np.bytes_("single")
        file["mask"] = np.ones(cube.shape[::-1], np.uint8)
        file["mask"].attrs["MATLAB_class"] = np.bytes_("logical")
        file.create_group("options").attrs["MATLAB_class"] = np.bytes_("struct")
        file["#refs#/a"] = cube


def save_npy(path, cube):
    np.save(path, cube)


def save_raster(driver):
    def save(path, cube):
        rasterio = pytest.importorskip("rasterio", reason="the extra io is not installed")
        height, width, count = cube.shape
        transform = rasterio.Affine(1, 0, 100, 0, -1, 200)
        profile = {"height": height, "width": width, "count": count, "dtype": cube.dtype.name, "transform": transform}
        with rasterio.open(path, "w", driver=driver, **profile) as file:
            file.write(np.moveaxis(cube, -1, 0))

    return save


FORMATS = {
    "v5.mat": save_mat5,
    "v73.mat": save_mat73,
    "x.npy": save_npy,
    "fortran.npy": lambda path, cube: np.save(path, np.asfortranarray(cube)),
    "x.pix": save_raster("PCIDSK"),
    "x.tif": save_raster("GTiff"),
    "x.img": save_raster("HFA"),
    "envi.dat": save_raster("ENVI"),
    "envi": save_raster("ENVI"),
}


@pytest.fixture(params=FORMATS)
def saved(request, tmp_path):
    cube = make_cube()
    path = tmp_path / request.param
    FORMATS[request.param](path, cube)
    return path, cube


def test_every_format_gives_the_cube_back(saved):
    path, cube = saved
    got = read_cube(path, key=KEY)
    np.testing.assert_array_equal(got, cube)
    assert got.dtype == np.float32
    assert got.flags.c_contiguous
    assert type(got) is np.ndarray


def test_a_window_is_the_crop_of_the_whole(saved):
    path, cube = saved
    np.testing.assert_array_equal(read_cube(path, key=KEY, rows=slice(1, 4), cols=slice(2, 3)), cube[1:4, 2:3])
    np.testing.assert_array_equal(read_cube(path, key=KEY, rows=slice(2, None)), cube[2:])


@pytest.mark.parametrize("rows", [slice(0, 6), slice(-1, 2), slice(3, 3), slice(4, 2), slice(0, 4, 2)])
def test_a_window_outside_of_the_image_is_refused(saved, rows):
    with pytest.raises(InputError, match=r"^dataset.reference: .*: rows: expected a window inside 0:5, got"):
        read_cube(saved[0], key=KEY, rows=rows)
    with pytest.raises(InputError, match="columns: expected a window inside 0:4"):
        read_cube(saved[0], key=KEY, cols=slice(2, 5))


@pytest.mark.parametrize("name", ["v73.mat", "x.npy", "x.tif", "x.pix"])
def test_a_window_takes_the_memory_of_the_window(tmp_path, name):
    cube = make_cube((200, 150, 10))
    FORMATS[name](tmp_path / name, cube)
    window = {"rows": slice(0, 9), "cols": slice(0, 9)}
    read_cube(tmp_path / name, key=KEY, **window)  # what is imported late counts once only
    peaks = []
    for part in (window, {}):
        tracemalloc.start()
        read_cube(tmp_path / name, key=KEY, **part)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[0] < cube.nbytes / 10
    assert peaks[1] >= cube.nbytes


@pytest.mark.parametrize(
    ("dtype", "becomes"),
    [("uint8", "f4"), ("uint16", "f4"), ("int16", "f4"), (">f4", "f4"), ("int32", "f8"), ("float64", "f8")],
)
def test_numbers_become_floats_that_hold_them(tmp_path, dtype, becomes):
    cube = make_cube(dtype=dtype)
    np.save(tmp_path / "x.npy", cube)
    got = read_cube(tmp_path / "x.npy", key=KEY)
    assert got.dtype == np.dtype(f"={becomes}")
    np.testing.assert_array_equal(got, cube)


def test_a_raster_with_bands_of_different_types(tmp_path):
    """PCIDSK files may mix 8-bit and floating-point channels; rasterio cannot write one, but a VRT of two files is."""
    rasterio = pytest.importorskip("rasterio", reason="the extra io is not installed")
    cube = make_cube(shape=(5, 4, 2))
    for band, dtype in enumerate(("uint8", "float32")):
        save_raster("GTiff")(tmp_path / f"{band}.tif", cube[..., [band]].astype(dtype))
    source = '<SimpleSource><SourceFilename relativeToVRT="1">{}.tif</SourceFilename></SimpleSource>'
    path = tmp_path / "mixed.img"
    path.write_text(
        '<VRTDataset rasterXSize="4" rasterYSize="5"><GeoTransform>0,1,0,0,0,-1</GeoTransform>'
        f'<VRTRasterBand dataType="Byte" band="1">{source.format(0)}</VRTRasterBand>'
        f'<VRTRasterBand dataType="Float32" band="2">{source.format(1)}</VRTRasterBand></VRTDataset>'
    )
    with rasterio.open(path) as file:
        assert file.dtypes == ("uint8", "float32")
    np.testing.assert_array_equal(read_cube(path, key=KEY), cube)


@pytest.mark.parametrize("save", [scipy.io.savemat, None], ids=["v5", "v73"])
def test_which_variable(tmp_path, save):
    path = tmp_path / "two.mat"
    arrays = {"gt": make_cube(), "lr": make_cube((3, 2, 3)), "srf": np.eye(3)}
    if save:
        save(path, arrays)
    else:
        with h5py.File(path, "w") as file:
            for name, array in arrays.items():
                file[name] = array.T
            file["#refs#/a"] = make_cube()  # MATLAB's own, never listed
    np.testing.assert_array_equal(read_cube(path, "lr", key=KEY), arrays["lr"])
    np.testing.assert_array_equal(read_matrix(path, key=KEY), arrays["srf"])
    with pytest.raises(InputError, match=r"found 2: .*gt \(5×4×3 .*lr \(3×2×3 .*srf .*; set dataset.variable"):
        read_cube(path, key=KEY)
    with pytest.raises(InputError, match=r"^dataset.variable: .* holds gt \(5×4×3 .*, got 'nope'"):
        read_cube(path, "nope", key=KEY)
    with pytest.raises(InputError, match=r"set dataset.name_in_file"):
        read_cube(path, key=KEY, variable_key="dataset.name_in_file")
    with pytest.raises(InputError, match=r"srf has 2 axes \(3×3 .*\), expected 3"):
        read_cube(path, "srf", key=KEY)


def test_an_array_without_a_name_has_no_variable(tmp_path):
    np.save(tmp_path / "x.npy", make_cube())
    with pytest.raises(InputError, match=r"^variable: .* one array without a name, got 'x'"):
        read_cube(tmp_path / "x.npy", "x", key="reference")


def test_scalars_are_no_matrices(tmp_path):
    psf = np.full((5, 5), 0.04)
    scipy.io.savemat(tmp_path / "psf.mat", {"scale": 5, "psf": psf})
    got = read_matrix(tmp_path / "psf.mat", key="dataset.psf")
    np.testing.assert_array_equal(got, psf)
    assert got.dtype == np.float64


def save_bytes(data):
    return lambda path: path.write_bytes(data)


def save_complex73(path):
    with h5py.File(path, "w") as file:
        pairs = np.zeros((3, 4, 5), [("real", "f8"), ("imag", "f8")])
        file["x"] = pairs
        file["x"].attrs["MATLAB_class"] = np.bytes_("double")


def save_empty73(path):
    with h5py.File(path, "w") as file:
        file["x"] = np.array([0, 4, 3], np.uint64)
        file["x"].attrs["MATLAB_class"] = np.bytes_("double")
        file["x"].attrs["MATLAB_empty"] = np.uint8(1)


BAD = {
    "folder.mat": (Path.mkdir, "is a folder"),
    "missing.mat": (lambda path: None, "no such file"),
    "garbage.mat": (save_bytes(b"garbage " * 40), "cannot be read: Unknown mat file type"),
    "none.mat": (save_bytes(b""), "cannot be read"),
    "matrix.mat": (lambda path: scipy.io.savemat(path, {"m": np.eye(3)}), r"found 0: the file holds m \(3×3 double\)"),
    "complex.mat": (lambda path: scipy.io.savemat(path, {"x": make_cube() * 1j}), "x holds no real numbers"),
    "complex73.mat": (save_complex73, r"x holds no real numbers but is 5×4×3 complex double"),
    "empty.mat": (lambda path: scipy.io.savemat(path, {"x": np.empty((0, 4, 3))}), r"x is empty \(0×4×3 double\)"),
    "empty73.mat": (save_empty73, r"x is empty \(0×4×3 double\)"),
    "matrix.npy": (lambda path: np.save(path, np.eye(3)), r"has 2 axes \(3×3 float64\), expected 3"),
    "complex.npy": (lambda path: np.save(path, make_cube() * 1j), "no real numbers but is 5×4×3 complex"),
    "mask.npy": (lambda path: np.save(path, make_cube() > 0), "no real numbers but is 5×4×3 bool"),
    "empty.npy": (lambda path: np.save(path, np.empty((4, 3, 0))), r"is empty \(4×3×0 float64\)"),
    "pickled.npy": (lambda path: np.save(path, np.array([{}])), "cannot be read: .*Python objects"),
    "zip.npy": (save_bytes(b"PK\x03\x04" + bytes(99)), "cannot be read: the magic string is not correct"),
    "garbage.tif": (save_bytes(b"garbage " * 40), "cannot be read: .*not recognized"),
    "header.hdr": (save_bytes(b"ENVI\nsamples = 4\n"), "expected an ENVI header with lines"),
    "cube.xyz": (save_bytes(b"1 2 3"), "expected a .mat or .npy file or a raster"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_refused_in_one_line(tmp_path, name):
    if Path(name).suffix in (".tif", ".hdr", ".xyz"):
        pytest.importorskip("rasterio", reason="the extra io is not installed")
    path = tmp_path / name
    make, message = BAD[name]
    make(path)
    with pytest.raises(InputError, match=message) as caught:
        read_cube(path, key=KEY)
    assert str(caught.value).startswith(f"{KEY}: {path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["v5.mat", "v73.mat", "x.npy", "x.tif"])
def test_a_truncated_file_is_refused(tmp_path, name):
    path = tmp_path / name
    FORMATS[name](path, make_cube())
    whole = path.read_bytes()
    end = 128 + 48 + 4 * 60 if name == "v5.mat" else len(whole)  # the cube's own end: after it come other variables
    for size in np.linspace(0, end - 1, 25, dtype=int):
        path.write_bytes(whole[:size])
        with pytest.raises(InputError, match=f"^{KEY}: "):
            read_cube(path, key=KEY)


def test_a_raster_without_rasterio_names_the_extra(tmp_path, monkeypatch):
    (tmp_path / "x.pix").write_bytes(b"PCIDSK")
    monkeypatch.setitem(sys.modules, "rasterio", None)
    with pytest.raises(InputError, match=r"pip install 'udaln\[io\]'"):
        read_cube(tmp_path / "x.pix", key=KEY)
