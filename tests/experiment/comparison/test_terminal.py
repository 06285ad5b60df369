"""A table of runs on terminals of any width."""

import pytest
from made_up_runs import write_run

from udaln.experiment.comparison import terminal
from udaln.experiment.comparison.run_folder import find_runs
from udaln.experiment.comparison.table import make_table

NAMES = ("psnr", "ssim", "sam", "ergas", "cc", "uiqi", "rmse", "seconds")


@pytest.mark.parametrize(("width", "parts"), [(240, 1), (80, 3), (40, 8)])
def test_every_figure_is_whole_at_any_width(tmp_path, monkeypatch, capsys, width, parts):
    for method in ("a", "b"):
        for seed in range(2):
            figures = {name: 1.0 + place + seed * 0.01 for place, name in enumerate(NAMES)}
            write_run(tmp_path / f"{method}{seed}", figures, method__name=method, seed=seed)
    monkeypatch.setattr(terminal, "WIDE", width)
    table = make_table(find_runs([tmp_path]))
    terminal.print_table(table)
    printed = capsys.readouterr().out
    assert printed.count("method") == parts  # each part begins with the names of the rows
    assert max(map(len, printed.splitlines())) <= width
    for column in table.columns:
        assert column.heading in printed and table.rows[0].cells[column.key].text(column) in printed


def test_a_status_is_told_below_and_takes_no_width(tmp_path, monkeypatch, capsys):
    write_run(tmp_path / "a", dict.fromkeys(NAMES, 1.0))
    write_run(tmp_path / "b", method__name="b")
    (tmp_path / "b" / "error.txt").write_text("a reason that is " + "very " * 30 + "long\n")
    monkeypatch.setattr(terminal, "WIDE", 60)
    terminal.print_table(make_table(find_runs([tmp_path])))
    printed = capsys.readouterr().out
    assert printed.splitlines()[-1] == "method=b: failed: a reason that is " + "very " * 30 + "long"
    assert "status" not in printed and max(map(len, printed.splitlines()[:-1])) <= 60
