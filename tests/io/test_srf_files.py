"""Files of spectral responses and of wavelengths: what is read and what is refused."""

import sys

import numpy as np
import pytest
import scipy.io
from omegaconf import OmegaConf
from places import SHARED

from udaln.errors import InputError
from udaln.io.srf_files import read_srf, read_wavelengths

KEY = "dataset.srf"

CSV = "wavelength_nm,blue,red\n450,1,0\n550,0.25,0.5\n650,0,1\n"
VALUES = np.array([[1, 0], [0.25, 0.5], [0, 1]])


def shared(name):
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"needs shared/data/{name} beside the repository")
    return path


@pytest.mark.parametrize("suffix", [".csv", ".mat", ".npy"])
def test_every_format_gives_the_values_back(tmp_path, suffix):
    path = tmp_path / f"srf{suffix}"
    if suffix == ".csv":
        path.write_text(CSV)
    elif suffix == ".mat":
        scipy.io.savemat(path, {"srf": VALUES})
    else:
        np.save(path, VALUES)
    srf = read_srf(path, 3, key=KEY)
    np.testing.assert_array_equal(srf.values, VALUES)
    assert srf.names == (("blue", "red") if suffix == ".csv" else ("1", "2"))
    if suffix == ".csv":
        np.testing.assert_array_equal(srf.wavelengths, [450, 550, 650])
    else:
        assert srf.wavelengths is None


def test_the_published_xls():
    pytest.importorskip("xlrd", reason="the extra xls is not installed")
    srf = read_srf(shared("published_checkpoint/houston18_srf.xls"), 46, key=KEY)
    assert srf.values.shape == (46, 8)
    np.testing.assert_array_equal(
        srf.values[[0, 4, 45], [0, 1, 7]], [0.622094, 0.8, 0.022246]
    )  # as a spreadsheet shows
    with pytest.raises(InputError, match="each of the cube's 48 bands, got 46"):
        read_srf(shared("published_checkpoint/houston18_srf.xls"), 48, key=KEY)


def test_the_matrix_of_a_published_benchmark():
    srf = read_srf(shared("tiangong1_x12/srf_gt.mat"), 54, key=KEY)
    assert srf.values.shape == (54, 8)
    np.testing.assert_allclose(srf.values.sum(axis=0), 1, atol=1e-6)


def test_a_transposed_matrix_is_refused(tmp_path):
    np.save(tmp_path / "srf.npy", VALUES.T)
    with pytest.raises(InputError, match="cube's 3 bands, got 2; it looks transposed"):
        read_srf(tmp_path / "srf.npy", 3, key=KEY)


def test_the_variable_of_a_mat_file(tmp_path):
    scipy.io.savemat(tmp_path / "srf.mat", {"a": VALUES, "b": VALUES * 2})
    np.testing.assert_array_equal(read_srf(tmp_path / "srf.mat", 3, key=KEY, variable="b").values, VALUES * 2)
    with pytest.raises(InputError, match=r"set dataset.srf_variable to the one meant"):
        read_srf(tmp_path / "srf.mat", 3, key=KEY, variable_key="dataset.srf_variable")


BAD_CSV = {
    "": "holds no numbers",
    "wavelength_nm,red\n": "holds no numbers",
    "450,1\n550,1\n650,1\n": "expected a header whose first column is wavelength_nm",
    "red,wavelength_nm\n1,450\n1,550\n1,650\n": "expected a header whose first column is wavelength_nm",
    "wavelength_nm\n450\n550\n650\n": "at least one MSI band",
    "wavelength_nm,red,red\n450,1,1\n550,1,1\n650,1,1\n": "columns of different names",
    "wavelength_nm,red\n450,1\n550,1\n": "each of the cube's 3 bands, got 2",
    "wavelength_nm,red\n450,1\n\n550,one\n650,1\n": "line 4: expected 2 numbers, got 550,one",
    "wavelength_nm,red\n450,1\n550\n650,1\n": "line 3: expected 2 numbers, got 550",
    "wavelength_nm,blue,red\n450,1,0\n550,0,0\n650,1,0\n": "MSI band red is zero everywhere",
    "wavelength_nm,blue,red\n450,1,1\n550,0,-0.5\n650,1,1\n": r"MSI band red has negative values \(lowest -0.5\)",
    "wavelength_nm,blue,red\n450,1,1\n550,nan,1\n650,1,1\n": "MSI band blue has values that are not finite",
    "wavelength_nm,red\n0.45,1\n0.55,1\n0.65,1\n": "wavelengths in nm, got 0.45: is that µm?",
    "wavelength_nm,red\n450,1\n450,1\n650,1\n": "wavelengths that are finite and all different",
}


@pytest.mark.parametrize("text", BAD_CSV)
def test_a_bad_csv_is_refused_in_one_line(tmp_path, text):
    path = tmp_path / "srf.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=BAD_CSV[text]) as caught:
        read_srf(path, 3, key=KEY)
    assert str(caught.value).startswith(f"{KEY}: {path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["missing.csv", "srf.txt", "binary.csv", "broken.xls"])
def test_other_bad_files_are_refused(tmp_path, name):
    if name.endswith(".xls"):
        pytest.importorskip("xlrd", reason="the extra xls is not installed")
    if name != "missing.csv":
        (tmp_path / name).write_bytes(b"\xff\xfe\x00garbage")
    with pytest.raises(InputError, match=r"no such file|expected an SRF as|cannot be read"):
        read_srf(tmp_path / name, 3, key=KEY)


def test_an_xls_without_xlrd_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "xlrd", None)
    with pytest.raises(InputError, match=r"pip install 'udaln\[xls\]'"):
        read_srf(tmp_path / "srf.xls", 3, key=KEY)


def test_wavelengths_as_numbers_a_range_or_a_file(tmp_path):
    expected = [400, 450, 500, 550, 600]
    (tmp_path / "column.txt").write_text("400\n450\n500\n550\n600\n")
    (tmp_path / "table.csv").write_text("band,wavelength_nm\n" + "".join(f"{b},{w}\n" for b, w in enumerate(expected)))
    for spec in (expected, OmegaConf.create([400, 600]), tmp_path / "column.txt", str(tmp_path / "table.csv")):
        np.testing.assert_array_equal(read_wavelengths(spec, 5, key="dataset.wavelengths"), expected)
    assert read_wavelengths([900, 400], 2, key="dataset.wavelengths").tolist() == [900, 400]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ([400, 500, 600], "as many wavelengths as the cube has bands, 5, got 3"),
        ([0.4, 2.5], "wavelengths in nm, got 0.4: is that µm"),
        ([500, 500], "all different"),
        ([400, float("inf")], "finite"),
        ([[400], [500]], "as many wavelengths as the cube has bands, 5, got 2×1"),
        (["a", "b"], r"numbers \[nm\] or a file, got \['a', 'b'\]"),
        (400, r"numbers \[nm\] or a file, got 400"),
        ("nowhere.csv", "nowhere.csv: no such file"),
    ],
)
def test_wavelengths_that_are_none_are_refused(spec, message):
    with pytest.raises(InputError, match=f"^dataset.wavelengths: .*{message}"):
        read_wavelengths(spec, 5, key="dataset.wavelengths")


@pytest.mark.parametrize("text", ["400,1\n500,2\n", "band,nm\n1,400\n2,500\n"])
def test_a_wavelength_file_must_tell_its_column(tmp_path, text):
    (tmp_path / "w.csv").write_text(text)
    with pytest.raises(InputError, match="wavelength_nm"):
        read_wavelengths(tmp_path / "w.csv", 2, key="dataset.wavelengths")
