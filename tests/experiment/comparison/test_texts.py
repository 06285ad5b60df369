"""A table of runs as Markdown, CSV and LaTeX, and by ``udaln report``."""

import csv
import io
import re
import sys

import pytest
from made_up_runs import write_run

from udaln.errors import InputError
from udaln.experiment import command
from udaln.experiment.comparison.command import report
from udaln.experiment.comparison.run_folder import find_runs
from udaln.experiment.comparison.table import make_table
from udaln.experiment.comparison.texts import comma_separated, latex, markdown


@pytest.fixture
def runs(tmp_path):
    for method, seed, psnr in (("a_b", 0, 40.0), ("a_b", 1, 41.0), ("c", 0, 39.123456789), ("c", 1, None)):
        figures = None if psnr is None else {"psnr": psnr, "blind": True, "note": "x, y"}
        write_run(tmp_path / f"{method}{seed}", figures, method__name=method, seed=seed)
    (tmp_path / "c1" / "error.txt").write_text("50 % | of_it & more\n")
    return tmp_path


def test_markdown(runs):
    assert markdown(make_table(find_runs([runs]))).splitlines() == [
        "| method | runs | status | PSNR [dB] |",
        "| --- | ---: | --- | ---: |",
        "| a_b | 2 |  | **40.50 ± 0.71** |",
        "| c | 2 | 1 finished; 1 failed: 50 % \\| of_it & more | 39.12 |",
    ]


def test_latex(runs):
    lines = latex(make_table(find_runs([runs]))).splitlines()
    assert lines[1] == "\\begin{tabular}{lrlr}" and lines[-1] == "\\end{tabular}"
    assert lines[5] == "a\\_b & 2 &  & \\textbf{40.50 $\\pm$ 0.71} \\\\"
    assert lines[6].endswith("failed: 50 \\% | of\\_it \\& more & 39.12 \\\\")
    assert not re.findall(r"[^\x00-\x7f]", "".join(lines))


def test_csv_has_every_digit_and_every_figure(runs):
    first, second = csv.DictReader(io.StringIO(comma_separated(make_table(find_runs([runs])))))
    assert (first["method.name"], first["runs"], first["psnr"], first["status"]) == ("a_b", "2", "40.5", "finished")
    assert float(first["psnr_std"]) == pytest.approx(0.5**0.5) and first["note"] == "x, y" and first["blind"] == "yes"
    assert float(second["psnr"]) == 39.123456789 and second["psnr_std"] == ""
    assert second["folders"].split() == [str(runs / "c0"), str(runs / "c1")]


def test_the_command_prints_the_table_and_writes_the_page(runs, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["udaln", "report", str(runs)])
    command.main()
    printed = capsys.readouterr().out
    assert "40.50 ± 0.71" in printed and "failed: 50 % | of_it & more" in printed
    assert f"report: {runs / 'report.html'}" in printed
    assert (runs / "report.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_the_formats_follow_from_the_names_of_the_files(runs, tmp_path):
    names = ["t.md", "t.csv", "t.tex", "t.html"]
    report([str(runs), "columns=psnr,note", *(f"out={tmp_path}/{name}" for name in names)])
    starts = ["| method |", "method.name,runs,psnr", "% \\usepackage", "<!DOCTYPE html>"]
    for name, start in zip(names, starts, strict=True):
        assert (tmp_path / name).read_text(encoding="utf-8").startswith(start)
    assert not (runs / "report.html").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "report: expected folders of runs"),
        (["RUNS", "out=table.xlsx"], "out: expected a file that ends in .html, .md, .csv, .tex, got 'table.xlsx'"),
        (["RUNS", "--latex"], "--latex: there is no such option"),
        (["RUNS", "columns="], "columns: expected keys of metrics.json"),
        (["RUNS", "colums=psnr"], "report: colums=psnr: no such folder"),
    ],
)
def test_mistakes_are_one_line(runs, words, message):
    with pytest.raises(InputError) as caught:
        report([str(runs) if word == "RUNS" else word for word in words])
    assert str(caught.value).startswith(message)
