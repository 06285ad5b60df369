"""The wheel, installed alone in an environment elsewhere, has all it takes to run."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest
from places import ROOT

CONFIGS = sorted(path.relative_to(ROOT / "conf").with_suffix("") for path in (ROOT / "conf").glob("*/*.yaml"))
NOT_SOURCES = (".*", "build", "dist", "outputs", "*.egg-info", "__pycache__")

COMPOSE = """
import json, sys
from hydra import compose, initialize_config_module
import udaln, udaln.conf
with initialize_config_module("udaln.conf", version_base="1.3"):
    for choice in sys.argv[1:]:
        compose("config", [choice])
json.dump({"package": udaln.__file__, "conf": list(udaln.conf.__path__), "path": sys.path}, sys.stdout)
"""


def run(*command, cwd):
    """Run a command in a folder, with nothing of this process in its environment that could find the repository."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "HYDRA"))}
    done = subprocess.run(list(map(str, command)), cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from a copy of the tree, which leaves nothing in the tree itself."""
    folder = tmp_path_factory.mktemp("wheel")
    shutil.copytree(ROOT, folder / "tree", ignore=shutil.ignore_patterns(*NOT_SOURCES))
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, folder / "tree", cwd=folder)
    (built,) = folder.glob("udaln-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The programs of an environment that has the wheel, and borrows from this one what the wheel depends on."""
    folder = tmp_path_factory.mktemp("elsewhere")
    venv.create(folder, symlinks=True)
    programs = folder / "bin"
    pip = (sys.executable, "-m", "pip", "--python", programs / "python", "--disable-pip-version-check")
    run(*pip, "install", "--no-deps", "--no-index", wheel, cwd=folder)
    (packages,) = folder.glob("lib/python*/site-packages")
    # paths named here are searched last, and .pth files in them, such as that of an editable install, are not read
    borrowed = dict.fromkeys(sysconfig.get_path(kind) for kind in ("purelib", "platlib"))
    (packages / "borrowed.pth").write_text("\n".join(borrowed))
    return programs


def test_the_wheel_has_every_source_and_configuration_and_nothing_else(wheel):
    sources = [path for kind in ("*.py", "*.html", "py.typed") for path in (ROOT / "udaln").rglob(kind)]
    configs = [path for kind in ("*.yaml", "__init__.py") for path in (ROOT / "conf").rglob(kind)]
    expected = {path.relative_to(ROOT).as_posix() for path in sources}
    expected |= {f"udaln/{path.relative_to(ROOT).as_posix()}" for path in configs}
    with zipfile.ZipFile(wheel) as file:
        assert {name for name in file.namelist() if ".dist-info/" not in name} == expected


def test_every_configuration_composes_from_the_wheel(installed, tmp_path):
    assert CONFIGS
    choices = (f"{path.parent}={path.name}" for path in CONFIGS)
    found = json.loads(run(installed / "python", "-c", COMPOSE, *choices, cwd=tmp_path))
    for path in (found["package"], *found["conf"]):
        assert Path(path).is_relative_to(installed.parent)
    assert str(ROOT) not in found["path"]


def test_the_command_runs_to_the_end(installed, tmp_path):
    stages = ("degradation", "spectral", "joint")
    short = [f"stages.{stage}.{key}" for stage in stages for key in ("steps=3", "constant_until=1")]
    run(
        installed / "udaln",
        "dataset.size=40",
        "trainer=cpu",
        "stages=sampled",
        *short,
        "hydra.run.dir=here",
        cwd=tmp_path,
    )
    metrics = json.loads((tmp_path / "here" / "metrics.json").read_text())
    assert metrics["psnr"] > 0
    assert [metrics[f"{stage}_steps"] for stage in stages] == [3, 3, 3]
