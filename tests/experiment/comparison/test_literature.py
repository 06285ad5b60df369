"""Published figures beside runs on the paper's scenes."""

import pytest
from made_up_runs import write_run

from udaln.experiment.comparison.literature import PAPER
from udaln.experiment.comparison.page import html_page
from udaln.experiment.comparison.run_folder import find_runs
from udaln.experiment.comparison.table import make_table
from udaln.experiment.comparison.texts import comma_separated, markdown

FIGURES = {"psnr": 60.0, "sam": 2.0, "ergas": 0.5, "seconds": 3.0}


def a_run(folder, method="udaln", scene="houston2018", factor=5, **changed):
    stages = {"name": "paper"} if method == "udaln" else None
    named = {"dataset__name": scene, "scale__name": f"x{factor}", "scale__factor": factor, "method__name": method}
    write_run(folder, FIGURES, **named | {"stages": stages} | changed)


def published_rows(folder):
    table = make_table(find_runs([folder]))
    return table, [dict(zip(table.headings, table.texts(row), strict=True)) for row in table.rows if not row.runs]


def test_the_ablation_is_beside_a_run_of_the_method(tmp_path):
    a_run(tmp_path / "a")
    table, rows = published_rows(tmp_path)
    assert [row["PSNR [dB]"] for row in rows] == ["43.95", "43.12", "45.26"]
    assert [row["stages"] for row in rows] == ["no_joint", "joint_only", "paper"]
    assert {row["source"] for row in rows} == {PAPER} and {row["time [s]"] for row in rows} == {""}
    own = next(row for row in table.rows if row.runs)
    assert table.texts(own)[:2] == ["paper", "–"]


def test_compared_methods_are_beside_several_methods_and_each_scale_has_its_own(tmp_path):
    for factor in (5, 8):
        for method in ("udaln", "cnmf"):
            a_run(tmp_path / f"{method}{factor}", method, factor=factor)
    _, rows = published_rows(tmp_path)
    found = {(row["scale"], row["method"], row["stages"]): row["SAM [°]"] for row in rows}
    assert len(found) == 14
    assert found["x5", "cnmf", "–"] == "1.201" and found["x5", "usdn", "–"] == "1.964"
    assert found["x8", "udaln", "paper"] == "0.905" and ("x8", "cnmf", "–") not in found


@pytest.mark.parametrize(
    "other",
    [
        {"dataset__snr_hsi": 30},
        {"dataset__shift": [0.5, 0]},
        {"factor": 4, "scene": "chikusei"},
        {"scene": "muufl"},
    ],
    ids=str,
)
def test_other_scenes_have_none(tmp_path, other):
    a_run(tmp_path / "a", **other)
    table, rows = published_rows(tmp_path)
    assert not rows and table.keys == ()


def test_published_figures_are_never_the_best_and_no_runs(tmp_path):
    for method in ("udaln", "cnmf"):
        for seed in (0, 1):
            a_run(tmp_path / f"{method}{seed}", method, seed=seed)
    runs = find_runs([tmp_path])
    table = make_table(runs)
    for row in table.rows:
        assert not any(table.is_best(row))  # ours are all alike; published SAMs are better
        assert (table.texts(row)[table.headings.index("runs")] == "") is not bool(row.runs)
    assert markdown(table).count(PAPER) == 11
    assert comma_separated(table).count(",published,") == 11
    page = html_page(table, make_table(runs, ["all"]), "x")
    assert "4 runs, all finished" in page and page.count(PAPER) > 11
