"""What is written is read back by other libraries as it was, and lies where it did."""

import json
import math
import shutil
import subprocess
import warnings

import h5py
import numpy as np
import pytest
import scipy.io

from udaln.io.grid import Grid
from udaln.io.image import Bands
from udaln.io.write import WRITERS, write_image
from udaln.io.writers import cog, hdf5, matlab, parts

rasterio = pytest.importorskip("rasterio", reason="the extra io is not installed")
envi = pytest.importorskip("spectral.io.envi", reason="Spectral Python is not installed")

UTM32, UTM33S, LAEA, WGS84 = (rasterio.CRS.from_epsg(code).to_wkt() for code in (32632, 32733, 3035, 4326))
C, S = 10 * math.cos(0.3), 10 * math.sin(0.3)
GRIDS = {
    "utm": Grid(UTM32, (10, 0, 600000.25, 0, -10, 5000000)),
    "oblong": Grid(LAEA, (10, 0, 4321000, 0, -20, 3210000)),
    "degrees": Grid(WGS84, (1 / 3600, 0, 9.1, 0, -1 / 3600, 45.7)),
    "upward": Grid(UTM32, (10, 0, 600000, 0, 10, 5000000)),
    "turned": Grid(UTM33S, (C, S, 600000, S, -C, 5000000)),
    "no crs": Grid("", (30, 0, 1000, 0, -30, 2000)),
}
ENVI = (".img", ".dat", ".bsq", ".bil", ".bip")
WAVELENGTHS, FWHM = np.array([442.7, 550.3, 865.0, 1610.123456789, 2202.4]), np.array([21.0, 10.5, 9.9, 90.25, 175.0])
NAMES = ["B1", "B3", "B8A", "B11, SWIR", "B12 {SWIR}"]
BANDS = Bands(NAMES, WAVELENGTHS, FWHM, np.array([True, True, False, True, True]))


def bits(array):
    """The same for NaN of one kind only, and not for 0 and -0."""
    return np.ascontiguousarray(array, "<f4").view(np.uint32)


@pytest.fixture
def cube():
    array = np.random.default_rng(0).standard_normal((37, 23, 5)).astype(np.float32)
    array[3:6, 2:9] = np.nan
    array[0, 0], array[1, 0], array[2, 0] = np.inf, -0.0, np.float32(1e-42)
    array.view(np.uint32)[7, 7] = 0x7FC00001  # another NaN
    return array


@pytest.fixture(params=["array", "mapped"])
def pixels(request, cube, tmp_path_factory, monkeypatch):
    """In many parts, as a large image."""
    monkeypatch.setattr(parts, "PART_BYTES", 4 * 23 * 5 * 10)
    monkeypatch.setattr(hdf5, "CHUNK", 16)
    if request.param == "array":
        return cube
    raw = tmp_path_factory.mktemp("raw") / "x.raw"
    raw.write_bytes(bytes(16) + cube.tobytes())
    return np.memmap(raw, "<f4", "r", 16, cube.shape)


def opened(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        return rasterio.open(path)


def by_gdal(path):
    with opened(path) as file:
        return np.moveaxis(file.read(), 0, -1)


def by_spectral(path):
    return np.array(envi.open(path.with_suffix(".hdr"), path).open_memmap(interleave="bip"))


def by_h5py(path):
    with h5py.File(path) as file:
        return np.moveaxis(file["fused"][()], 0, -1)


READERS = {
    **{f"x{suffix}": [by_gdal] for suffix in (".tif", ".TIFF")},
    **{f"x{suffix}": [by_gdal, by_spectral] for suffix in ENVI},
    "x.h5": [by_h5py],
    "x.nc": [by_h5py],  # GDAL makes one NaN of all
    "x.mat": [lambda path: scipy.io.loadmat(path)["Out"]],
    "x.npy": [np.load],
}
KINDS = sorted(READERS)


def test_there_is_a_reader_for_every_kind():
    assert {f"x{suffix}" for suffix in WRITERS} == {name.lower() for name in READERS}


@pytest.mark.parametrize("name", KINDS)
def test_pixels_come_back_bit_for_bit(tmp_path, cube, pixels, name):
    path = tmp_path / "new" / name
    shares = []
    write_image(path, pixels, BANDS, GRIDS["utm"], progress=shares.append)
    for read in READERS[name]:
        got = read(path)
        assert got.dtype == np.float32
        np.testing.assert_array_equal(bits(got), bits(cube))
    assert shares == sorted(shares)
    assert shares[-1] == 1
    left = {path} | ({path.with_suffix(".hdr")} if path.suffix in ENVI else set())
    assert set(path.parent.iterdir()) == left


@pytest.mark.parametrize("name", KINDS)
def test_of_nothing_but_pixels(tmp_path, cube, name):
    write_image(tmp_path / name, cube.astype(np.float64), Bands(), None)
    for read in READERS[name]:
        np.testing.assert_array_equal(bits(read(tmp_path / name)), bits(cube))
    if by_gdal in READERS[name]:
        with opened(tmp_path / name) as file:
            assert file.crs is None
            assert math.isnan(file.nodata)


@pytest.mark.parametrize("size", ["v5", "v73"])
def test_matlab(tmp_path, cube, pixels, size, monkeypatch):
    if size == "v73":
        monkeypatch.setattr(matlab, "MAT5_BYTES", 0)
    write_image(tmp_path / "x.mat", pixels, Bands(), None)
    version = scipy.io.matlab.matfile_version(tmp_path / "x.mat")
    if size == "v5":
        assert version == (1, 0)
        assert scipy.io.whosmat(tmp_path / "x.mat") == [("Out", cube.shape, "single")]
    else:
        assert version == (2, 0)
        with h5py.File(tmp_path / "x.mat") as file:
            np.testing.assert_array_equal(bits(file["Out"][()].T), bits(cube))
            assert file["Out"].attrs["MATLAB_class"] == b"single"
            assert file.userblock_size == 512


@pytest.mark.parametrize("place", GRIDS)
@pytest.mark.parametrize("name", ["x.tif", "x.img", "x.bsq", "x.nc", "netCDF:x.h5:fused"])
def test_it_lies_where_it_did(tmp_path, cube, name, place, monkeypatch):
    monkeypatch.chdir(tmp_path)
    grid = GRIDS[place]
    write_image(name.split(":")[1] if ":" in name else name, cube, BANDS, grid)
    with opened(name) as file:
        if grid.crs or name in ("x.tif", "x.nc"):
            assert file.crs == (rasterio.CRS.from_wkt(grid.crs) if grid.crs else None)
        else:  # GDAL's word for none in ENVI headers
            assert file.crs is None or "Arbitrary" in file.crs.to_wkt()
        transform = np.array(file.transform)[:6]
        got = np.moveaxis(file.read(), 0, -1)
    if place == "upward" and "netCDF" in (name.split(":")[0], "netCDF" if name == "x.nc" else ""):
        got = got[::-1]  # GDAL turns netCDF the right way up
        grid = Grid(grid.crs, (10, 0, grid.transform[2], 0, -10, grid.xy(len(cube), 0)[1]))
    np.testing.assert_array_equal(got, cube)
    exact = name == "x.tif"
    np.testing.assert_allclose(transform, grid.transform, rtol=0 if exact else 1e-13, atol=0 if exact else 1e-14)


def test_what_a_geotiff_says_of_its_bands(tmp_path, cube):
    write_image(tmp_path / "x.tif", cube, BANDS, GRIDS["utm"], description="fused by hand")
    with opened(tmp_path / "x.tif") as file:
        assert list(file.descriptions) == NAMES
        assert np.isnan(file.nodatavals).all()
        assert file.tags()["TIFFTAG_IMAGEDESCRIPTION"] == "fused by hand"
        for band, wavelength, fwhm, good in zip(file.indexes, WAVELENGTHS, FWHM, BANDS.good, strict=True):
            plain, imagery = file.tags(band), file.tags(band, ns="IMAGERY")
            assert (float(plain["wavelength"]), float(plain["fwhm"])) == (wavelength, fwhm)
            assert plain["wavelength_units"] == "Nanometers"
            assert plain["bbl"] == str(int(good))
            assert float(imagery["CENTRAL_WAVELENGTH_UM"]) == pytest.approx(wavelength / 1000, rel=1e-11)
            assert float(imagery["FWHM_UM"]) == pytest.approx(fwhm / 1000, rel=1e-11)
    write_image(tmp_path / "x.tif", cube, Bands(wavelengths=WAVELENGTHS), None)
    with opened(tmp_path / "x.tif") as file:
        assert file.descriptions[:2] == ("442.7 nm", "550.3 nm")
        assert set(file.tags(1)) == {"wavelength", "wavelength_units"}
    write_image(tmp_path / "x.tif", cube, Bands(), None)
    with opened(tmp_path / "x.tif") as file:
        assert file.descriptions == (None,) * 5
        assert not file.tags(1)


@pytest.mark.parametrize("suffix", ENVI)
def test_what_an_envi_header_says(tmp_path, cube, suffix):
    path = tmp_path / f"x{suffix}"
    write_image(path, cube, BANDS, GRIDS["utm"], description="fused {by} hand")
    image = envi.open(path.with_suffix(".hdr"), path)
    told = image.metadata
    assert image.bands.centers == list(WAVELENGTHS)
    assert image.bands.bandwidths == list(FWHM)
    assert image.bands.band_unit == told["wavelength units"] == "Nanometers"
    assert told["band names"] == ["B1", "B3", "B8A", "B11 SWIR", "B12 SWIR"]  # of lists, commas and braces are signs
    assert told["interleave"] == {".bsq": "bsq", ".bil": "bil"}.get(suffix, "bip")
    assert list(map(int, told["bbl"])) == [1, 1, 0, 1, 1]
    assert told["data ignore value"] == "nan"
    assert told["description"] == "fused by hand"
    assert told["map info"][:9] == ["UTM", "1", "1", "600000.25", "5000000", "10", "10", "32", "North"]
    assert "UTM_Zone_32N" in "".join(told["coordinate system string"])
    assert path.stat().st_size == cube.nbytes
    with opened(path) as file:
        assert file.driver == "ENVI"
        assert float(file.tags(2)["wavelength"]) == 550.3


def test_what_an_hdf5_file_says(tmp_path, cube):
    write_image(tmp_path / "x.h5", cube, BANDS, GRIDS["utm"], description="fused by hand")
    with h5py.File(tmp_path / "x.h5") as file:
        fused = file["fused"]
        assert [dimension.label or dimension[0].name for dimension in fused.dims] == ["/band", "/y", "/x"]
        np.testing.assert_array_equal(file["wavelength"], WAVELENGTHS)
        np.testing.assert_array_equal(file["fwhm"], FWHM)
        np.testing.assert_array_equal(fused.attrs["wavelength"], WAVELENGTHS)
        assert file["wavelength"].attrs["units"] == "nm"
        assert list(file["band_name"].asstr()) == NAMES
        assert list(file["good"]) == [1, 1, 0, 1, 1]
        assert file["spatial_ref"].attrs["crs_wkt"] == UTM32
        assert file["x"][0] == 600005.25
        assert file["y"][-1] == 5000000 - 36.5 * 10
        assert file.attrs["title"] == "fused by hand"


def test_names_need_no_wavelengths(tmp_path, cube):
    for name in ("x.tif", "x.img", "x.nc"):
        write_image(tmp_path / name, cube, Bands(names=list("abcde")), None)
    with opened(tmp_path / "x.tif") as tif, opened(tmp_path / "x.img") as img:
        assert tif.descriptions == img.descriptions == tuple("abcde")
        assert "wavelength" not in tif.tags(1)
    assert "wavelength" not in (tmp_path / "x.hdr").read_text()


@pytest.mark.parametrize("name", ["x.tif", "x.img", "x.nc"])
@pytest.mark.skipif(shutil.which("gdalinfo") is None, reason="there is no gdalinfo here")
def test_gdal_on_its_own(tmp_path, cube, name):
    write_image(tmp_path / name, cube, Bands(wavelengths=WAVELENGTHS), GRIDS["utm"])
    found = subprocess.run(["gdalinfo", "-json", tmp_path / name], capture_output=True, check=True, text=True)
    assert not found.stderr
    told = json.loads(found.stdout)
    assert rasterio.CRS.from_wkt(told["coordinateSystem"]["wkt"]) == rasterio.CRS.from_wkt(UTM32)
    assert told["geoTransform"] == [600000.25, 10, 0, 5000000, 0, -10]
    assert told["size"] == [23, 37]
    assert [str(band["noDataValue"]).lower() for band in told["bands"]] == ["nan"] * 5
    if name == "x.tif":
        assert told["metadata"]["IMAGE_STRUCTURE"]["LAYOUT"] == "COG"
        assert told["bands"][1]["metadata"][""]["wavelength"] == "550.3"


@pytest.mark.parametrize("shape", [(1, 1, 1), (30, 20, 1), (600, 40, 3), (1100, 1030, 2)])
@pytest.mark.parametrize("bigtiff", ["IF_SAFER", "YES"])
def test_a_geotiff_is_cloud_optimized(tmp_path, shape, bigtiff, monkeypatch):
    """Directories first, the largest image's before those of its overviews; pixels of the smallest overview first.

    As GDAL's validate_cloud_optimized_geotiff.py looks at it.
    """
    monkeypatch.setattr(cog, "BIGTIFF", bigtiff)
    cube = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    cube[: shape[0] // 3, 2:7] = np.nan
    write_image(tmp_path / "x.tif", cube, Bands(), GRIDS["turned"])
    with opened(tmp_path / "x.tif") as file:
        structure = file.tags(ns="IMAGE_STRUCTURE")
        assert structure["LAYOUT"] == "COG"
        assert structure.get("INTERLEAVE", "BAND") == "BAND"
        assert set(file.block_shapes) == {(512, 512)}
        levels = file.overviews(1)
        assert levels == [2**n for n in range(1, 3) if max(shape) > 512 * 2 ** (n - 1)]
        images = [None, *range(len(levels))]
        directories = [int(file.get_tag_item("IFD_OFFSET", "TIFF", bidx=1, ovr=at)) for at in images]
        data = [
            [int(file.get_tag_item("BLOCK_OFFSET_0_0", "TIFF", bidx=band, ovr=at)) for band in file.indexes]
            for at in images
        ]
        sizes = [int(file.get_tag_item("BLOCK_SIZE_0_0", "TIFF", bidx=band)) for band in file.indexes]
    content = (tmp_path / "x.tif").read_bytes()
    for place, size in zip(data[0], sizes, strict=True):
        assert int.from_bytes(content[place - 4 : place], "little") == size
        assert content[place + size - 4 : place + size] == content[place + size : place + size + 4]
    start = content[:512]
    header = 16 if bigtiff == "YES" else 8
    assert start[:4] == (b"II+\0" if bigtiff == "YES" else b"II*\0")
    assert start[header:].startswith(b"GDAL_STRUCTURAL_METADATA_SIZE=")
    label = len("GDAL_STRUCTURAL_METADATA_SIZE=000000 bytes\n")
    after = header + label + int(start[header + 30 : header + 36])
    assert directories[0] == after + after % 2
    assert directories == sorted(directories)
    assert directories[-1] < min(map(min, data))
    assert [max(at) for at in data] == sorted((max(at) for at in data), reverse=True)
    np.testing.assert_array_equal(bits(by_gdal(tmp_path / "x.tif")), bits(cube))
    if levels:
        with rasterio.open(tmp_path / "x.tif", overview_level=0) as file:
            small = np.moveaxis(file.read(), 0, -1)
        whole = cube[: shape[0] // 2 * 2, : shape[1] // 2 * 2].reshape(shape[0] // 2, 2, shape[1] // 2, 2, -1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of nothing but NaN
            np.testing.assert_allclose(small, np.nanmean(whole, (1, 3), dtype=float), rtol=1e-5, atol=1e-6)
