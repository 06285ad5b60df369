"""The house: what may import what, how long a room may be, and that configuration ends at the door."""

import ast
import subprocess
import sys
from pathlib import Path

import grimp
import pytest
from places import ROOT

MODULES = sorted((ROOT / "udaln").rglob("*.py"))
SOURCES = [*MODULES, *sorted((ROOT / "scripts").glob("*.py"))]


def functions(path):
    """Every function of a module, with the lines that it has besides its docstring."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = node.end_lineno - node.lineno + 1
            if ast.get_docstring(node):
                lines -= node.body[0].end_lineno - node.body[0].lineno + 1
            yield node, lines


def test_the_layers_hold():
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache"]
    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout


def test_no_imports_in_a_circle():
    """Also under ``TYPE_CHECKING``, which grimp counts as well."""
    graph = grimp.build_graph("udaln", cache_dir=None)
    children = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    finished, open_ = set(), []

    def visit(module):
        if module in open_:
            pytest.fail(" → ".join([*open_[open_.index(module) :], module]))
        if module not in finished:
            open_.append(module)
            for child in sorted(children[module]):
                visit(child)
            finished.add(open_.pop())

    for module in sorted(graph.modules):
        visit(module)


def test_few_modules_at_the_top():
    assert len(list((ROOT / "udaln").glob("*.py"))) <= 6


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_and_functions_are_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 250
    limit = 40 if path.name in ("run.py", "command.py") else 60
    assert {node.name: lines for node, lines in functions(path) if lines > limit} == {}


def test_the_whole_configuration_ends_at_the_door():
    """Below ``experiment``, no function takes it and no module knows its schema."""
    for path in MODULES:
        if "experiment" in path.parts or (path.parent == ROOT / "udaln" and path.stem in ("__init__", "__main__")):
            continue
        text = path.read_text(encoding="utf-8")
        assert "experiment" not in {part for line in imports(text) for part in line.split(".")}, path
        for node, _ in functions(path):
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            assert not [a.arg for a in arguments if a.annotation and ast.unparse(a.annotation) == "Config"], path


def imports(text):
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom):
            yield node.module or ""
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_every_package_is_installed():
    """The list in ``pyproject.toml`` names each."""
    import tomllib

    listed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["packages"]
    packages = {".".join(path.parent.relative_to(ROOT).parts) for path in (ROOT / "udaln").rglob("__init__.py")} | {
        "udaln.conf"
    }
    assert set(listed) == packages
