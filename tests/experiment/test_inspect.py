"""What is seen in files before anything is run: what they hold, how two of them fit, and one line for a mistake."""

import re
from pathlib import Path

import made_up_pairs
import matplotlib.pyplot as plt
import numpy as np
import pytest
from made_up_pairs import write_raster
from made_up_stacks import textured, upsampled

from udaln.errors import InputError
from udaln.experiment.inspect import _reduced, describe_image, inspect
from udaln.io import formats, missing
from udaln.io.formats import open_image

rasterio = pytest.importorskip("rasterio", reason="the extra io is not installed")

NM = np.linspace(430.0, 900.0, 20)


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A pair of 20×18 LR pixels, ×2, on a map, with band 4 dead, band 7 mere noise and a quarter without data."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")
    lr_hsi, hr_msi, _ = made_up_pairs.images((20, 18), 2, bands=20)
    lr_hsi[..., 4], lr_hsi[..., 7] = 0.5, np.random.default_rng(0).normal(0, 0.1, (20, 18))
    lr_hsi[:10, :9] = -1
    write_raster("lr.tif", lr_hsi, 20.0, wavelengths=NM, fwhm=np.full(20, 12.5), nodata=-1)
    write_raster("hr.tif", hr_msi, 10.0, names=["blue", "green", "red"])
    return lr_hsi, hr_msi


def shown(capsys, *words):
    """The rows of each table, by its title."""
    capsys.readouterr()
    inspect(words)
    tables, rows = {}, {}
    for line in capsys.readouterr().out.splitlines():
        cells = [cell.strip() for cell in line.split("│")[1:-1]]
        if len(cells) == 2:
            rows[cells[0]] = cells[1]
        elif line.strip() and line.strip()[0] not in "┌┐└┘─├┤":
            tables[line.strip()] = rows = {}
    return tables


def test_one_file(files, capsys):
    (title, lines), *others = shown(capsys, "lr.tif").items()
    assert title == "lr.tif" and not others
    assert lines["kind"] == "GTiff" and lines["size"] == "20 rows × 18 columns × 20 bands"
    assert lines["values"] == "?" and lines["no data"] == "no-data value -1 of the file"
    assert lines["missing"].startswith("25 % of the values have no data: no-data value -1")
    assert "UTM zone 32N" in lines["grid"] and "pixels of 20×20" in lines["grid"]
    assert lines["extent"] == "x 600000 to 600360, y 4999600 to 5000000"
    assert lines["wavelengths"] == "430 to 900 nm, FWHM 12.5 to 12.5 nm"
    assert "bands" not in lines  # too many names
    assert lines["with data"].startswith("75 % of ")
    low, half, high = (float(value) for value in lines["range"].split(" (")[0].split(", "))
    values = files[0][files[0] != -1]
    assert low < half < high and half == pytest.approx(np.median(values), rel=0.1)
    assert "band 4 (counted from 0; 529 nm): constant" in lines["suspicious"]
    assert "band 7 (counted from 0; 603 nm): nothing but noise" in lines["suspicious"]


def test_a_picture_of_the_files(files, capsys, tmp_path):
    shown(capsys, "lr.tif", "hr.tif", "picture=seen.png")
    pixels = plt.imread("seen.png")
    assert pixels.shape[0] > 500 and pixels.shape[1] > 500 and pixels.std() > 0.1
    _, lacking = _reduced_of("lr.tif")
    assert lacking.shape == (20, 18) and (lacking[:10, :9] == 1).all() and (lacking[10:] == 0).all()


@pytest.mark.parametrize("name", ["seen.xyz", "seen", "", "lr.tif", "./lr.png"])
def test_a_picture_of_no_kind_or_in_the_place_of_a_file_is_refused(files, name):
    Path("lr.png").write_bytes(b"the user's own")
    with pytest.raises(InputError, match=rf"^picture={re.escape(str(Path(name)))}: "):
        inspect(["lr.tif", "lr.png", f"picture={name}"])
    assert Path("lr.png").read_bytes() == b"the user's own"


def _reduced_of(path):
    with open_image(path, key="x") as image:
        return _reduced(image)


def test_a_large_image_is_reduced(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((1300, 40, 5), np.float32))
    colours, lacking = _reduced_of(tmp_path / "x.npy")
    assert colours.shape == (434, 14, 3) and lacking.shape == (434, 14)


def test_a_sketch_of_the_values(files, capsys):
    sketch = shown(capsys, "hr.tif")["hr.tif"]["histogram"]
    low, bars, high = sketch.split()
    assert float(low) < float(high) and len(bars) == 24 and "█" in bars and set(bars) <= set("▁▂▃▄▅▆▇█")


def test_whether_two_files_look_alike(files, capsys):
    _, hr_msi = files
    (pair,) = [lines for title, lines in shown(capsys, "lr.tif", "hr.tif").items() if title == "as a pair"]
    shares = [int(number) for number in re.findall(r"\d+", pair["alike"].partition("predicts")[2])]
    assert len(shares) == 3 and max(shares) > 95 and min(shares) > 50 and "units" not in pair
    write_raster("other.tif", 1000 * np.random.default_rng(0).random(hr_msi.shape), 10.0)
    (pair,) = [lines for title, lines in shown(capsys, "lr.tif", "other.tif").items() if title == "as a pair"]
    assert "are they of the same place and season?" in pair["alike"] and "differ" in pair["units"]


def test_bands_that_were_upsampled_are_said(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    cube = textured(side=120, bands=24)
    hr_msi = cube[..., ::4].copy()
    hr_msi[..., [1, 5]] = upsampled(hr_msi[..., [1, 5]], 2, "bilinear")
    np.save("lr.npy", cube.reshape(40, 3, 40, 3, 24).mean((1, 3)))
    np.save("hr.npy", hr_msi)
    lines = shown(capsys, "lr.npy", "hr.npy")["as a pair"]
    assert lines["HR-MSI bands"].startswith("bands 1, 5 (counted from 0): upsampled from pixels 2")
    np.save("hr.npy", cube[..., ::4])
    assert "HR-MSI bands" not in shown(capsys, "lr.npy", "hr.npy")["as a pair"]


def test_ranges_in_stored_and_in_physical_numbers(files, capsys):
    numbers = np.random.default_rng(0).integers(1000, 2000, (30, 25, 3)).astype("uint16")
    path = write_raster("scaled.tif", numbers, 10.0)
    assert "stored" not in shown(capsys, "scaled.tif")["scaled.tif"]
    with rasterio.open(path, "r+") as file:
        file.scales, file.offsets = [1e-4, 1e-4, 2e-4], [-0.1] * 3
    lines = shown(capsys, "scaled.tif")["scaled.tif"]
    stored, physical = ([float(v) for v in lines[key].split(" (")[0].split(", ")] for key in ("stored", "range"))
    assert stored == pytest.approx(np.quantile(numbers, (0.02, 0.5, 0.98)), rel=0.05)
    assert physical == pytest.approx(np.quantile(numbers * [1e-4, 1e-4, 2e-4] - 0.1, (0.02, 0.5, 0.98)), abs=0.01)
    assert lines["stored"].endswith("a value is (0.0001 to 0.0002, by band) · number + -0.1")


def test_a_reader_of_the_user(files, capsys, monkeypatch):
    module = """
from contextlib import contextmanager
import numpy as np
from udaln.io.formats import Reader, register_reader
from udaln.io.formats.stored import Stored

@contextmanager
def open_mine(source):
    numbers = np.fromfile(source.path, "<i2").reshape(10, 12, 3)
    yield Stored(numbers.shape, numbers.dtype, lambda r, c: numbers[r, c], scale=0.5).image(source, "mine")

register_reader(Reader("mine", lambda source: source.path if source.path.suffix == ".mine" else None, open_mine))
"""
    Path("reader_of_mine.py").write_text(module)
    np.arange(360, dtype="<i2").tofile("a.mine")
    with pytest.raises(InputError, match=r"a\.mine"):
        inspect(["a.mine"])
    monkeypatch.setattr(formats, "_READERS", list(formats._READERS))
    lines = shown(capsys, "plugins=[reader_of_mine]", "a.mine")["a.mine"]
    assert lines["kind"] == "mine" and lines["stored"].endswith("a value is 0.5 · number")


def test_two_files_in_any_order(files, capsys):
    tables = shown(capsys, "lr.tif", "hr.tif")
    assert list(tables) == ["lr.tif", "hr.tif", "as a pair"]
    assert tables["hr.tif"]["bands"] == "blue, green, red" and tables["hr.tif"]["wavelengths"] == "unknown"
    assert tables["hr.tif"]["suspicious"] == "no band" and tables["hr.tif"]["no data"] == "none named"
    lines = tables["as a pair"]
    assert (lines["LR-HSI"], lines["HR-MSI"]) == ("lr.tif", "hr.tif")
    assert lines["scale factor"].startswith("2, by the pixels' sizes") and lines["resampling"] == "none"
    assert lines["fused"] == "40 rows × 36 columns × 20 bands, 0.00 GiB"
    assert lines["memory"].startswith("whole, about 0.6 GiB") and lines["time"].startswith("about 0.3 min")
    assert shown(capsys, "hr.tif", "lr.tif")["as a pair"] == lines


def test_of_a_large_pair_it_tells_that_it_is_fused_window_by_window(files, capsys):
    write_raster("large.tif", np.ones((80, 70, 20), np.float32), 20.0)
    write_raster("fine.tif", np.ones((160, 140, 3), np.float32), 10.0)
    lines = shown(capsys, "large.tif", "fine.tif")["as a pair"]
    assert lines["memory"] == "window by window, within memory.limit=2GiB"


def test_three_files_are_no_pair(files, capsys):
    assert list(shown(capsys, "lr.tif", "hr.tif", "lr.tif")) == ["lr.tif", "hr.tif"]  # the third has the first's title


@pytest.mark.parametrize("dtype", ["float64", "int32", "uint16", "uint8"])
def test_numbers_of_any_kind(files, capsys, dtype):
    array = np.random.default_rng(0).integers(1, 200, (30, 25, 3)).astype(dtype)
    np.save("x.npy", array)
    (lines,) = shown(capsys, "x.npy").values()
    assert lines["grid"] == "not georeferenced" and lines["with data"].startswith("100 % of ")
    middle = float(lines["range"].split(", ")[1])
    assert middle == pytest.approx(np.median(array), rel=0.1)


def test_a_file_without_data(files, capsys):
    np.save("empty.npy", np.full((12, 9, 3), np.nan))
    (lines,) = shown(capsys, "empty.npy").values()
    assert lines["with data"].startswith("0 % of ") and "range" not in lines and "suspicious" not in lines


def test_an_image_in_a_file_of_several_and_colons_in_names(files, capsys):
    import scipy.io

    array = np.random.default_rng(0).random((12, 9, 3))
    scipy.io.savemat("two.mat", {"A": array, "B": array[:8]})
    assert shown(capsys, "two.mat:B")["two.mat:B"]["size"] == "8 rows × 9 columns × 3 bands"
    np.save("at 10:30.npy", array)
    assert shown(capsys, "at 10:30.npy")["at 10:30.npy"]["size"] == "12 rows × 9 columns × 3 bands"
    np.save("[red]x.npy", array)  # no markup
    assert "[red]x.npy" in shown(capsys, "[red]x.npy")


def test_no_more_is_read_than_plots_and_strips_all_over(files, monkeypatch):
    monkeypatch.setattr(missing, "LOOKED_AT", 30_000)
    large = np.lib.format.open_memmap("large.npy", "w+", np.float32, (2000, 1500, 3))
    large[:] = 0.5
    read = []
    with open_image("large.npy", key="x") as image:
        counted = made_up_pairs.image(np.zeros((2000, 1500, 3), np.float32))
        assert counted.shape == image.shape
        original = counted.read

        def counting(rows, columns):
            read.append((rows.stop - rows.start) * (columns.stop - columns.start))
            return original(rows, columns)

        object.__setattr__(counted, "read", counting)
        describe_image(counted)
    assert sum(read) < 40_000


MISTAKES = {
    "": "inspect: expected the files to look at: udaln inspect FILE [FILE]",
    "--picture": "inspect: expected the files to look at: udaln inspect FILE [FILE]",
    "nope.tif": "inspect: nope.tif: no such file",
    "lr.npy nope.tif": "inspect: nope.tif: no such file",
    "ref.mat:X": "inspect: ref.mat holds REF (20×20×12 single), got 'X'",
    "garbage.mat": "inspect: garbage.mat: cannot be read: ",
    "srf.npy": "inspect: srf.npy: the array has 2 axes (12×3 float64), expected 3",
    "lr.npy hr_cut.npy": "dataset.hr_msi: hr_cut.npy: expected an HR-MSI of r·5×r·5 pixels for a whole scale factor",
}


@pytest.mark.parametrize("words", MISTAKES)
def test_mistakes_are_one_line(command, words):
    ended = command("inspect", *words.split())
    assert ended.status == 2 and not ended.left
    (line,) = ended.lines
    assert line.startswith(f"udaln: {MISTAKES[words]}")
