"""What is written appears whole or not at all, twice the same, in bounded memory, and only where it can."""

import os
import resource
import subprocess
import sys
import time

import numpy as np
import pytest

from udaln.errors import InputError
from udaln.io.grid import Grid
from udaln.io.image import Bands
from udaln.io.write import ADOPTABLE, WRITERS, adopt_envi, check_output, write_image
from udaln.io.writers import parts

rasterio = pytest.importorskip("rasterio", reason="the extra io is not installed")
envi = pytest.importorskip("spectral.io.envi", reason="Spectral Python is not installed")

UTM32 = rasterio.CRS.from_epsg(32632).to_wkt()
UTM, TURNED = (Grid(UTM32, (a, b, 600000.25, b, -a, 5000000)) for a, b in ((10, 0), (8, 6)))
SHEARED = Grid(UTM32, (10, 3, 600000, 0, -10, 5000000))
WAVELENGTHS = np.array([442.7, 550.3, 865.0, 1610.123456789, 2202.4])
BANDS = Bands(list("abcde"), WAVELENGTHS, WAVELENGTHS / 100, np.arange(5) != 2)
KINDS = [f"x{suffix}" for suffix in WRITERS]


@pytest.fixture
def cube(monkeypatch):
    """In many parts, as a large image."""
    array = np.random.default_rng(0).standard_normal((37, 23, 5)).astype("<f4")
    array[3:6, 2:9] = np.nan
    monkeypatch.setattr(parts, "PART_BYTES", 10 * array[0].nbytes)
    return array


@pytest.fixture(scope="module")
def twice(tmp_path_factory):
    """Folders of files of each kind, more than a second apart."""
    folders = [tmp_path_factory.mktemp(name) for name in ("first", "second")]
    cube = np.random.default_rng(2).standard_normal((600, 40, 5)).astype(np.float32)
    for folder in folders:
        for name in KINDS:
            write_image(folder / name[2:] / name, cube, BANDS, UTM, description="twice")
        time.sleep(1.1)
    return folders


@pytest.mark.parametrize("name", KINDS)
def test_the_same_image_is_the_same_file(twice, name):
    first, second = (folder / name[2:] for folder in twice)
    for path in first.iterdir():
        assert path.read_bytes() == (second / path.name).read_bytes(), path.name


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("there", [False, True], ids=["new", "replaced"])
def test_what_fails_midway_leaves_things_as_they_were(tmp_path, cube, name, there):
    def done(share):
        raise KeyboardInterrupt

    before = {tmp_path / name: b"old", (tmp_path / name).with_suffix(".hdr"): b"header"} if there else {}
    for path, content in before.items():
        path.write_bytes(content)
    with pytest.raises(KeyboardInterrupt):
        write_image(tmp_path / name, cube, BANDS, UTM, progress=done)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.fixture
def fill_disk():
    """Files grow no more; undone at the end."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size=50_000: resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize(
    ("name", "when"), [*((name, 0.0) for name in KINDS), *(("x.tif", share) for share in (0.2, 0.4, 0.9))]
)
def test_a_disk_that_is_full_is_told_in_one_line(tmp_path, name, when, fill_disk):
    cube = np.random.default_rng(3).standard_normal((100, 100, 5)).astype(np.float32)
    if not when:
        fill_disk()
    with pytest.raises(InputError) as caught:
        write_image(
            tmp_path / name, cube, BANDS, UTM, key="result", progress=lambda share: share == when and fill_disk()
        )
    assert str(caught.value).startswith(f"result: {tmp_path / name}: cannot be written: ")
    assert "\n" not in str(caught.value)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("when", [0.0, 0.2, 0.4, 0.9])
def test_a_disk_that_is_full_at_the_very_end(tmp_path, when, fill_disk):
    """GDAL says nothing if the last bytes do not fit."""
    cube = np.random.default_rng(3).standard_normal((600, 40, 3)).astype(np.float32)
    path = tmp_path / "x.tif"
    write_image(path, cube, Bands(), UTM)
    whole = path.read_bytes()
    for size in range(len(whole) - 1300, len(whole) + 100, 100):
        path.unlink(missing_ok=True)
        try:
            fill_disk(size if not when else resource.RLIM_INFINITY)
            write_image(path, cube, Bands(), UTM, progress=lambda share, to=size: share == when and fill_disk(to))
        except InputError as error:
            assert "cannot be written" in str(error)
            assert not any(tmp_path.iterdir())
        else:
            assert path.read_bytes() == whole


def test_a_replaced_file_loses_what_belonged_to_it(tmp_path, cube):
    for name in ("x.tif", "x.tif.aux.xml", "x.tif.ovr", "y.tif.ovr"):
        (tmp_path / name).write_bytes(b"old")
    write_image(tmp_path / "x.tif", cube, Bands(), None)
    assert {path.name for path in tmp_path.iterdir()} == {"x.tif", "y.tif.ovr"}


def test_a_raw_file_becomes_an_envi_image_without_a_copy(tmp_path, cube):
    for suffix in ADOPTABLE:
        raw, path = tmp_path / "x.raw", tmp_path / f"y{suffix}"
        raw.write_bytes(cube.tobytes())
        number = raw.stat().st_ino
        path.write_bytes(b"old")
        adopt_envi(raw, path, cube.shape, BANDS, TURNED, description="adopted")
        assert path.stat().st_ino == number
        assert {file.name for file in tmp_path.iterdir()} == {path.name, "y.hdr"}
        adopted = path.with_suffix(".hdr").read_bytes()
        np.testing.assert_array_equal(envi.open(path.with_suffix(".hdr"), path).open_memmap(), cube)
        write_image(path, cube, BANDS, TURNED, description="adopted")
        assert path.with_suffix(".hdr").read_bytes() == adopted
        path.unlink()


def test_what_is_not_adopted_stays_where_it_was(tmp_path, cube, monkeypatch):
    raw = tmp_path / "x.raw"
    raw.write_bytes(cube.tobytes())
    with pytest.raises(ValueError, match="path: expected a suffix"):
        adopt_envi(raw, tmp_path / "x.bsq", cube.shape, Bands(), None)
    with pytest.raises(ValueError, match=r"raw: expected 37×23×6 float32, got 17020 bytes"):
        adopt_envi(raw, tmp_path / "x.img", (37, 23, 6), Bands(), None)
    with pytest.raises(InputError, match=r"^out: .*x.img: an ENVI header holds no grid that is sheared"):
        adopt_envi(raw, tmp_path / "x.img", cube.shape, Bands(), SHEARED)

    def elsewhere(source, target):
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "replace", elsewhere)
    with pytest.raises(InputError, match=r"^out: .*x.img: cannot be written: Invalid cross-device link"):
        adopt_envi(raw, tmp_path / "x.img", cube.shape, Bands(), None)
    assert list(tmp_path.iterdir()) == [raw]


def test_bands_are_those_of_the_image(tmp_path, cube):
    with pytest.raises(ValueError, match=r"bands.wavelengths: expected 5, one a band, got 4"):
        write_image(tmp_path / "x.tif", cube, Bands(wavelengths=WAVELENGTHS[:4]), None)


REFUSED = {
    "x.xyz": r"expected one of \.tif, \.tiff, \.img, \.dat, .*\.h5, \.nc, \.mat, \.npy, got \.xyz",
    "x": "expected one of .*, got no suffix",
    "folder.tif": "expected a file, got a folder",
    "file/x.npy": "cannot be written: .*file is no folder",
    "file/new/x.npy": "cannot be written: .*file is no folder",
    "taken.bip": "expected another name, since taken.hdr is there and is that of another file",
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("when", ["before", "then"])
def test_a_place_that_will_not_do_is_refused_in_one_line(tmp_path, cube, name, when):
    (tmp_path / "folder.tif").mkdir()
    for there in ("file", "taken.hdr", "taken.img"):
        (tmp_path / there).write_bytes(b"")
    before = set(tmp_path.rglob("*"))
    with pytest.raises(InputError, match=REFUSED[name]) as caught:
        if when == "before":
            check_output(tmp_path / name, key="result", georeferenced=True)
        else:
            write_image(tmp_path / name, cube, Bands(), None, key="result")
    assert str(caught.value).startswith(f"result: {tmp_path / name}: ")
    assert "\n" not in str(caught.value)
    assert set(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", KINDS)
def test_a_place_that_will_do_is_left_alone(tmp_path, name):
    check_output(tmp_path / "a" / "b" / name, key="out", georeferenced=True)
    check_output(tmp_path / "a" / name, key="out", georeferenced=True, grid=TURNED)
    (tmp_path / name).write_bytes(b"old")
    check_output(tmp_path / name, key="out", georeferenced=False)
    assert list(tmp_path.iterdir()) == [tmp_path / name]


def test_a_folder_that_may_not_be_written(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path)
    with pytest.raises(InputError, match=f"^out: .*x.tif: cannot be written: no permission to write to {tmp_path}"):
        check_output(tmp_path / "new" / "x.tif", key="out", georeferenced=False)


def test_a_grid_that_will_not_do_is_told_before_the_work(tmp_path):
    with pytest.raises(InputError, match=r"^out: .*x.img: an ENVI header holds no grid that is sheared or mirrored"):
        check_output(tmp_path / "x.img", key="out", georeferenced=True, grid=SHEARED)
    check_output(tmp_path / "x.tif", key="out", georeferenced=True, grid=SHEARED)
    for name in ("x.img", "x.tif"):
        with pytest.raises(InputError, match=rf"^out: .*{name}: georeferencing: expected a CRS as WKT, got 'nowhere'"):
            check_output(tmp_path / name, key="out", georeferenced=True, grid=Grid("nowhere", SHEARED.transform))


def test_without_rasterio(tmp_path, cube, monkeypatch):
    monkeypatch.setitem(sys.modules, "rasterio", None)
    for georeferenced in (False, True):
        with pytest.raises(InputError, match=r"x.tif: a GeoTIFF needs rasterio: pip install 'udaln\[io\]'"):
            check_output(tmp_path / "x.tif", key="out", georeferenced=georeferenced)
    with pytest.raises(InputError, match=r"x.img: georeferencing needs rasterio: pip install 'udaln\[io\]'"):
        check_output(tmp_path / "x.img", key="out", georeferenced=True)
    for name, grid in {"x.img": None, "x.h5": UTM, "x.mat": UTM, "x.npy": UTM}.items():
        write_image(tmp_path / name, cube, BANDS, grid)
    np.testing.assert_array_equal(envi.open(tmp_path / "x.hdr").open_memmap(), cube)


MEASURED = """
import resource, sys
from pathlib import Path
import numpy as np
import rasterio
from udaln.io.image import Bands
from udaln.io.write import write_image

folder, shape = Path(sys.argv[1]), (512, 512, 250)
with (folder / "x.raw").open("wb") as file:
    file.truncate(4 * int(np.prod(shape)))
pixels = np.memmap(folder / "x.raw", "<f4", "r", shape=shape)
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
before = peak()
for name in ("x.h5", "x.mat", "x.tif"):
    write_image(folder / name, pixels, Bands(), None)
    (folder / name).unlink()
    print(name, peak() - before)
"""


def test_memory_is_bounded(tmp_path):
    """A raw file of 262 MB, all of it holes."""
    ran = subprocess.run([sys.executable, "-W", "ignore", "-c", MEASURED, tmp_path], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    for line in ran.stdout.splitlines():
        assert float(line.split()[1]) < 200, ran.stdout
