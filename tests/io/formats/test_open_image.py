"""One function opens every kind of image: as its file says, window by window, and it says what it opened."""

import sys
import tracemalloc

import h5py
import numpy as np
import pytest
import scipy.io

from udaln.errors import InputError
from udaln.io.formats import open_image

rasterio = pytest.importorskip("rasterio", reason="the extra io is not installed")
pytest.importorskip("spectral", reason="the extra io is not installed")

from made_up_products import Place, desis, enmap, prisma, sentinel2, write_raster  # noqa: E402

KEY = "dataset.lr_hsi"
CUBE = np.random.default_rng(0).integers(1, 9999, (6, 8, 4)).astype(np.uint16) / np.float32(10000)
WAVELENGTHS = [500.0, 600.0, 1000.0, 1500.0]


def hdf5(folder, cube):
    with h5py.File(folder / "x.h5", "w") as file:
        file["/deep/cube"] = cube
    return folder / "x.h5"


def netcdf3(folder, cube):
    with scipy.io.netcdf_file(folder / "x.nc", "w") as file:
        for name, size in zip("yxb", cube.shape, strict=True):
            file.createDimension(name, size)
        file.createVariable("cube", "f4", ("y", "x", "b"))[:] = cube
    return folder / "x.nc"


def matlab5(folder, cube):
    scipy.io.savemat(folder / "x.mat", {"x": cube})
    return folder / "x.mat"


def numpy_file(folder, cube):
    np.save(folder / "x.npy", cube)
    return folder / "x.npy"


def by_raster(name, driver, suffix=None):
    def make(folder, cube):
        write_raster(folder / name, cube, Place(), driver)
        return folder / name if suffix is None else (folder / name).with_suffix(suffix)

    return make


def product(make, metadata=None):
    def made(folder, cube):
        path = make(folder, cube, WAVELENGTHS)
        return path if metadata is None else next(path.glob(metadata))

    return made


KINDS = {
    "MATLAB": matlab5,
    "NumPy": numpy_file,
    "HDF5": hdf5,
    "NetCDF": netcdf3,
    "GTiff": by_raster("x.tif", "GTiff"),
    "PCIDSK": by_raster("x.pix", "PCIDSK"),
    "ENVI": by_raster("x.dat", "ENVI"),
    "ENVI, its header": by_raster("x.dat", "ENVI", ".hdr"),
    "ENVI without a suffix": by_raster("cube", "ENVI"),
    "PRISMA L2D": lambda folder, cube: prisma(folder / "PRS_L2D_STD.he5", cube, WAVELENGTHS),
    "EnMAP L2A": product(enmap),
    "EnMAP L2A, its XML": product(enmap, "*METADATA.XML"),
    "DESIS L2A": product(desis),
    "DESIS L2A, its XML": product(desis, "*METADATA.xml"),
    "Sentinel-2 L2A": lambda folder, cube: sentinel2(folder, cube),
    "Sentinel-2 L2A, its XML": lambda folder, cube: sentinel2(folder, cube) / "MTD_MSIL2A.xml",
}
ARRAYS = ("MATLAB", "NumPy", "HDF5", "NetCDF")


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


def test_every_kind_is_known_and_read(tmp_path, kind):
    path = KINDS[kind](tmp_path, CUBE)
    with open_image(path, key=KEY) as image:
        assert image.kind == kind.split(",")[0].removesuffix(" without a suffix")
        assert image.path == str(path)
        assert (image.shape, image.dtype) == (CUBE.shape, np.float32)
        got = image.whole()
    assert (type(got), got.dtype, got.flags.c_contiguous) == (np.ndarray, np.float32, True)
    np.testing.assert_allclose(got, CUBE, atol=1e-5)


def test_a_window_is_the_crop_of_the_whole(tmp_path, kind):
    with open_image(str(KINDS[kind](tmp_path, CUBE)), key=KEY) as image:
        whole = image.whole()
        for rows, columns in ((slice(1, 4), slice(2, 3)), (slice(5, 6), slice(0, 8)), (slice(0, 3), slice(3, 8))):
            np.testing.assert_array_equal(image.read(rows, columns), whole[rows, columns])


def test_a_window_takes_the_memory_of_the_window(tmp_path, kind):
    if kind == "MATLAB":
        return  # version 5 is read as a whole
    cube = np.full((300, 200, 4), 0.5, np.float32)
    with open_image(KINDS[kind](tmp_path, cube), key=KEY) as image:
        image.read(slice(0, 1), slice(0, 1))  # what is imported late counts once only
        tracemalloc.start()
        image.read(slice(40, 49), slice(90, 99))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < cube.nbytes / 10


def test_rasters_and_products_lie_where_they_are_said_to(tmp_path, kind):
    with open_image(KINDS[kind](tmp_path, CUBE), key=KEY) as image:
        if kind in ARRAYS:
            assert image.grid is None
            return
        assert rasterio.CRS.from_wkt(image.grid.crs) == rasterio.CRS.from_epsg(32632)
        size = 10 if image.kind.startswith("Sentinel") else 30
        assert image.grid.transform == (size, 0, 600000, 0, -size, 5000000)


def test_what_fails_in_the_block_is_not_the_file_s_fault(tmp_path, kind):
    with pytest.raises(ZeroDivisionError), open_image(KINDS[kind](tmp_path, CUBE), key=KEY):
        raise ZeroDivisionError


@pytest.mark.parametrize("name", ["x.mat", "x.npy", "x.h5", "x.tif", "x.hdr", "x.he5", "MTD_MSIL2A.xml", "x"])
def test_an_empty_file_is_refused(tmp_path, refused, name):
    (tmp_path / name).touch()
    assert refused(tmp_path / name) == f"{KEY}: {tmp_path / name}: cannot be read: it is empty"


def test_a_missing_file_is_refused(tmp_path, refused):
    assert refused(tmp_path / "x.tif") == f"{KEY}: {tmp_path / 'x.tif'}: no such file"


def test_a_folder_that_is_no_product_is_refused(tmp_path, refused):
    assert "is a folder, expected a file, or a folder .SAFE" in refused(tmp_path)
    (tmp_path / "x.SAFE").mkdir()
    assert "x.SAFE: expected MTD_MSIL2A.xml or MTD_MSIL1C.xml in it" in refused(tmp_path / "x.SAFE")


def test_two_products_in_a_folder_are_one_too_many(tmp_path, refused):
    enmap(tmp_path, CUBE, WAVELENGTHS)
    desis(tmp_path, CUBE, WAVELENGTHS)
    assert "is a folder of several products" in refused(tmp_path)


def test_a_text_is_no_image(tmp_path, refused):
    (tmp_path / "notes.txt").write_text("1 2 3")
    assert "not recognized" in refused(tmp_path / "notes.txt")
    assert "expected a .mat or .npy file or a raster" in refused(tmp_path / "notes.txt")


def test_a_variable_is_named_where_there_are_several_only(tmp_path, refused):
    path = KINDS["GTiff"](tmp_path, CUBE)
    assert refused(path, "x").startswith(f"dataset.variable: {path} holds one array without a name, got 'x'")
    assert refused(path, "x", variable_key="dataset.lr_hsi_variable").startswith("dataset.lr_hsi_variable: ")


def test_without_rasterio_the_extra_is_named(tmp_path, monkeypatch, kind):
    if kind in ARRAYS:
        return
    path = KINDS[kind](tmp_path, CUBE)
    monkeypatch.setitem(sys.modules, "rasterio", None)
    with pytest.raises(InputError, match=r"pip install 'udaln\[io\]'"), open_image(path, key=KEY):
        pass
