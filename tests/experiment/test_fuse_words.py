"""``udaln fuse LR HR``: files with any name, as a shell passes them."""

import json
import sys

import numpy as np
import pytest
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from scipy.ndimage import gaussian_filter

from udaln.errors import InputError
from udaln.experiment import command as commands
from udaln.experiment.fuse_words import file_and_variable, hydra_words
from udaln.experiment.inspect import inspect

NAMES = [
    "plain.tif",
    "a b.tif",
    "a,b.tif",
    "[1].tif",
    "#1.tif",
    "x=1.tif",
    "dataset.lr_hsi=1.tif",
    "it's.tif",
    'say "x".tif',
    "Überflug é.tif",
    "高光谱 影像.tif",
    "(1) {2} <3>.tif",
    "~home.tif",
    "$HOME `x` %d.tif",
    "a:b:c.tif",
    ":smile:.tif",
    "back\\slash.tif",
    "back\\'slash.tif",
    "end\\",
    " spaces ",
    "tab\t.tif",
    "null",
    "true",
    "1e5",
    "???.tif",
    "+x.tif",
    "!*?&|;.tif",
]


@pytest.mark.parametrize("name", NAMES)
def test_hydra_reads_any_name_as_it_is(name):
    words = hydra_words([name, f"hr {name}", "seed=3"])
    read = {override.key_or_group: override.value() for override in OverridesParser.create().parse_overrides(words)}
    assert str(getattr(read["dataset.lr_hsi"], "text", read["dataset.lr_hsi"])) == name
    assert str(getattr(read["dataset.hr_msi"], "text", read["dataset.hr_msi"])) == f"hr {name}"
    assert (read["dataset"], read["seed"], len(read)) == ("pair", 3, 5)


@pytest.mark.parametrize(
    ("file", "name"),
    [("flight 3 (b).tif", "flight_3_b"), ("a/b/PRS_L2D.he5", "PRS_L2D"), ("??.tif", "pair"), ("大 图.tif", "大_图")],
)
def test_the_run_is_named_after_the_lr_hsi_unless_it_is_named(file, name):
    assert f"dataset.name='{name}'" in hydra_words([file, "hr.tif"])
    words = hydra_words([file, "hr.tif", "dataset.name=rome"])
    assert words.index(f"dataset.name='{name}'") < words.index("dataset.name=rome")  # the last one counts


def test_a_variable_follows_a_colon(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("x.mat", "a:b.mat"):
        (tmp_path / name).touch()
    expected = {
        "x.mat": ("x.mat", None),
        "x.mat:s.cube": ("x.mat", "s.cube"),
        "x.mat:c{1}": ("x.mat", "c{1}"),
        "x.mat:a:b": ("x.mat", "a:b"),
        "a:b.mat": ("a:b.mat", None),
        "a:b.mat:cube": ("a:b.mat", "cube"),
        "c:d.mat": ("c:d.mat", None),
    }
    assert {word: file_and_variable(word) for word in expected} == expected
    assert "dataset.hr_msi_variable='c{1}'" in hydra_words(["a:b.mat", "x.mat:c{1}"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "fuse: expected two files and then settings: .*, got nothing"),
        (["lr.npy"], "fuse: expected two files"),
        (["--cfg", "job"], "fuse: expected two files"),
        (["lr.npy", "hr.npy", "-m"], "fuse: makes one run"),
        (["lr.npy", "hr.npy", "third.npy"], "third.npy: expected key=value"),
        (["", "hr.npy"], "expected the name of a file"),
        (["a${b}.npy", "hr.npy"], r"dataset.lr_hsi: a\$\{b\}.npy: \$\{ stands for other settings"),
        (["lr.npy", "???"], r"dataset.hr_msi: \?\?\?: "),
        (["lr.npy", "h\udce9.npy"], r"dataset.hr_msi: h\\udce9.npy: expected a name in UTF-8"),
    ],
)
def test_what_cannot_be_run_is_told_in_one_line(words, message):
    with pytest.raises(InputError, match=f"^{message}") as caught:
        hydra_words(words)
    assert "\n" not in str(caught.value)


def test_the_command_tells_a_users_mistakes(command):
    outcome = command("fuse", "lr.npy", "no (1), such [file].npy")
    assert (outcome.status, outcome.left) == (2, [])
    assert outcome.lines == ["udaln: dataset.hr_msi: no (1), such [file].npy: no such file"]
    outcome = command("fuse", "lr.npy", "hr.npy", "seeed=3")
    assert outcome.lines == ["udaln: seeed: there is no such key; did you mean seed?"]


def test_a_file_that_looks_like_an_option_is_told_how_to_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("-lr.npy", np.zeros((3, 3, 3)))
    for call in (lambda: hydra_words(["-lr.npy", "hr.npy"]), lambda: inspect(["-lr.npy"])):
        with pytest.raises(InputError, match=r"a file whose name begins with - is given as \./-lr\.npy$"):
            call()


def test_a_pair_of_awkward_names_is_inspected_fused_and_resumed(tmp_path, monkeypatch, capsys):
    names = "lr (1), [x]=2 #3 'é' 漢:1.npy", '-hr ~ $HOME; {c} "%".npy'
    cube = np.cumsum(np.random.default_rng(0).random((40, 40, 12)), 2)
    cube = gaussian_filter(cube, (1, 1, 0)).astype(np.float32)
    np.save(tmp_path / names[0], cube.reshape(10, 4, 10, 4, 12).mean((1, 3)))
    np.save(tmp_path / names[1], cube[..., [1, 5, 9]])
    monkeypatch.chdir(tmp_path)
    words = [names[0], f"./{names[1]}"]
    monkeypatch.setattr(sys, "argv", ["udaln", "inspect", *words])
    commands.main()
    printed = capsys.readouterr().out
    assert all(word in printed for word in words)
    GlobalHydra.instance().clear()
    monkeypatch.setattr(sys, "argv", ["udaln", "fuse", *words, "trust.check=false", "trust.uncertainty=false"])
    commands.main()
    GlobalHydra.instance().clear()
    (metrics,) = tmp_path.glob("outputs/lr_1_x_2_3_é_漢_1/auto/*/metrics.json")
    before = json.loads(metrics.read_text())
    metrics.unlink()  # as if the run had been interrupted at the end
    again = commands.resume(metrics.parent)
    assert (again["dataset"], again["hqnr"]) == (before["dataset"], before["hqnr"])
