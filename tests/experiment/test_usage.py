"""What the command tells of itself, and that it does so without PyTorch."""

import json
import subprocess
import sys
from importlib.metadata import version

import pytest

import udaln
from udaln.experiment.conf_files import choices
from udaln.experiment.usage import HELP, USAGE, usage, version_line

HEAVY = ["pytorch_lightning", "scipy", "tensorboard", "torch", "torchmetrics"]
IMPORTED = """
import json, runpy, sys
heavy, sys.argv[1:] = json.loads(sys.argv[1]), sys.argv[2:]
try:
    runpy.run_module("udaln", run_name="__main__")
except SystemExit as end:
    assert not end.code
print("imported", sorted(name for name in heavy if name in sys.modules))
"""


def lines_of(*words, folder, **environment):
    command = [sys.executable, "-c", IMPORTED, json.dumps(HEAVY), *words]
    path = {"PYTHONPATH": ":".join(filter(None, sys.path)), "PATH": ""}
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100, env=path | environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    "words", ["--help", "--version", "fuse --help", "inspect --help", "report --help", "report run columns=psnr"]
)
def test_what_needs_no_pytorch_does_not_import_it(tmp_path, words):
    run = tmp_path / "run"
    run.mkdir()
    (run / "config.yaml").write_text("dataset: {name: a}\nscale: {factor: 4}\nmethod: {name: gsa}\nseed: 1\n")
    (run / "metrics.json").write_text('{"psnr": 40.0, "seconds": 1.5}')
    *told, last = lines_of(*words.split(), folder=tmp_path)
    assert last == "imported []"
    assert told


def test_the_shell_completes_commands_and_settings_without_pytorch(tmp_path):
    *told, last = lines_of("-sc", "query=bash", folder=tmp_path, COMP_LINE="udaln re")
    assert last == "imported []"
    assert {"report", "resume=", "refine="} == set(" ".join(told).split())
    second = lines_of("-sc", "query=bash", folder=tmp_path, COMP_LINE="udaln seed=1 re")
    assert second == ["refine=", "imported []"]


def test_the_help_names_all_commands_and_choices():
    told = usage(["--help"])
    assert told is not None and told == usage(["seed=1", "-h"])
    assert all(f"udaln {command} " in told for command in USAGE) and "udaln resume=" in told
    words = {word.strip(",") for word in told.split()}
    for group, names in choices().items():
        assert {f"{group}=", *names} <= words
    assert max(map(len, told.splitlines())) <= 120 and max(map(len, HELP.splitlines())) <= 120


@pytest.mark.parametrize("command", USAGE)
def test_each_command_has_a_help(command):
    assert usage([command, "--help"]) == usage([command, "a.tif", "-h"]) == USAGE[command]
    assert USAGE[command].startswith(f"udaln {command} ")
    assert usage([command, "a.tif"]) is None


def test_the_version_is_ours():
    assert usage(["--version"]) == version_line()
    assert version_line().startswith(f"udaln {udaln.__version__} (")
    assert f"Hydra {version('hydra-core')}" in version_line() and f"PyTorch {version('torch')}" in version_line()


def test_public_names_are_there_at_their_first_use():
    assert set(udaln.__all__) <= set(dir(udaln))
    assert all(getattr(udaln, name) is not None for name in udaln.__all__)
    with pytest.raises(AttributeError, match="'udaln' has no attribute 'fusee'"):
        _ = udaln.fusee
