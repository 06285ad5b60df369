"""``udaln report``: a table of runs on the terminal and as files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from udaln.errors import InputError
from udaln.experiment.comparison.run_folder import RunFolder, find_runs
from udaln.experiment.comparison.table import Table, make_table
from udaln.experiment.comparison.terminal import print_table
from udaln.experiment.comparison.texts import comma_separated, latex, markdown
from udaln.experiment.plugins import import_plugins, is_plugins, plugins_of
from udaln.files import atomically
from udaln.monitor.console import results

SUFFIXES = (".html", ".md", ".csv", ".tex")
REPORT = "report.html"


def report(words: Sequence[str]) -> None:
    """Print and write the table of runs.

    Args:
        words: Folders; ``columns=``, ``out=`` and ``plugins=``.

    Raises:
        InputError: If there is no folder or no run, or a word is not understood.
    """
    if plugins := plugins_of(words):
        import_plugins(plugins)
    folders, columns, outs = _parsed([word for word in words if not is_plugins(word)])
    runs = find_runs(folders)
    table = make_table(runs, columns)
    print_table(table)
    files = outs or [(folders[0] if len(folders) == 1 else Path()) / REPORT]
    for path in files:
        write_table(path, runs, table, title=", ".join(str(folder) for folder in folders))
        results.say(f"report: {path}")


def write_table(path: Path, runs: Sequence[RunFolder], table: Table, title: str) -> None:
    """Write a table in the format that the suffix names.

    Args:
        path: The file.
        runs: All runs of the table.
        table: The table.
        title: Of the page.
    """
    if path.suffix == ".html":
        from udaln.experiment.comparison.page import html_page  # Matplotlib takes a second to import

        text = html_page(table, make_table(runs, ["all"]), f"Runs in {title}")
    else:
        text = {".md": markdown, ".csv": comma_separated, ".tex": latex}[path.suffix](table)
    with atomically(path) as partial:
        partial.write_text(text, encoding="utf-8")


def _parsed(words: Sequence[str]) -> tuple[list[Path], list[str] | None, list[Path]]:
    """Folders, columns and files of a command line."""
    folders: list[Path] = []
    columns: list[str] | None = None
    outs: list[Path] = []
    for word in words:
        key, equals, value = word.partition("=")
        if key == "out" and equals:
            outs.append(Path(value))
            if outs[-1].suffix not in SUFFIXES:
                raise InputError(f"out: expected a file that ends in {', '.join(SUFFIXES)}, got {value!r}")
        elif key == "columns" and equals:
            columns = [name for name in value.split(",") if name]
            if not columns:
                raise InputError("columns: expected keys of metrics.json, such as psnr,sam, got none")
        elif word.startswith("-"):
            raise InputError(f"{word}: there is no such option; udaln report --help describes them")
        elif word:
            folders.append(Path(word))
    if not folders:
        raise InputError("report: expected folders of runs: udaln report FOLDER… [columns=…] [out=FILE]")
    return folders, columns, outs
