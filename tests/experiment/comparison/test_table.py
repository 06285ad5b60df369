"""Which rows and columns a table of runs has, what is averaged and what is best."""

import statistics

import pytest
from made_up_runs import write_run

from udaln.errors import InputError
from udaln.experiment.comparison.run_folder import Status, find_runs
from udaln.experiment.comparison.table import make_table


def table_of(*folders, columns=None):
    return make_table(find_runs(folders), columns)


def test_rows_are_what_differs_and_seeds_are_averaged(tmp_path):
    psnr = {("closed_form", 0): 48.0, ("closed_form", 1): 48.5, ("udaln", 0): 46.0, ("udaln", 1): 47.0}
    for (method, seed), value in psnr.items():
        stages = None if method == "closed_form" else {"name": "paper", "joint": {"lr": 1e-3}}
        figures = {"psnr": value, "sam": 1.0 if method == "closed_form" else 0.9, "seconds": 3.0}
        write_run(tmp_path / f"{method}{seed}", figures, method__name=method, seed=seed, stages=stages)
    table = table_of(tmp_path)
    assert table.keys == ("method.name",)
    assert table.headings == ["method", "runs", "PSNR [dB]", "SAM [°]", "time [s]"]
    first, second = table.rows
    assert table.texts(first) == ["closed_form", "2", "48.25 ± 0.35", "1.000 ± 0.000", "3.0 ± 0.0"]
    assert second.cells["psnr"].deviation == pytest.approx(statistics.stdev([46.0, 47.0]))
    assert table.is_best(first) == [False, False, True, False, False]  # of equal times none is best
    assert table.is_best(second) == [False, False, False, True, False]


def test_noise_seeds_are_repetitions_and_scene_seeds_are_scenes(tmp_path):
    for number in range(2):
        write_run(tmp_path / f"noise{number}", {"psnr": 40.0 + number}, dataset__noise_seed=number)
        write_run(tmp_path / f"scene{number}", {"psnr": 50.0 + number}, dataset__scene_seed=number + 5)
    table = table_of(tmp_path)
    assert table.keys == ("dataset.scene_seed",)
    assert [table.texts(row) for row in table.rows] == [
        ["–", "2", "40.50 ± 0.71"],
        ["5", "1", "50.00"],
        ["6", "1", "51.00"],
    ]


def test_the_best_is_that_of_its_scene(tmp_path):
    for scene, good, bad in (("muufl", 48, 46), ("jasper", 40, 41)):
        write_run(tmp_path / scene / "a", {"psnr": good, "ergas": 1}, dataset__name=scene, method__name="a")
        write_run(tmp_path / scene / "b", {"psnr": bad, "ergas": 2}, dataset__name=scene, method__name="b")
    table = table_of(tmp_path)
    best = {tuple(table.names(row)): table.is_best(row)[2:] for row in table.rows}
    assert best == {
        ("jasper", "a"): [False, True],
        ("jasper", "b"): [True, False],
        ("muufl", "a"): [True, True],
        ("muufl", "b"): [False, False],
    }
    assert [table.names(row)[0] for row in table.rows] == ["jasper", "jasper", "muufl", "muufl"]


def test_a_swept_setting_is_a_column_with_a_short_name(tmp_path):
    for number, (lr, loss) in enumerate([(0.001, 1.0), (0.01, 1.0), (0.001, 0.1)]):
        stages = {"name": "paper", "joint": {"lr": lr, "weight": loss}, "spectral": {"lr": lr}}
        write_run(tmp_path / str(number), {"psnr": 40.0}, stages=stages)
    table = table_of(tmp_path)
    assert table.keys == ("stages.joint.lr", "stages.joint.weight")  # the other rate follows from the first
    assert table.headings[:2] == ["lr", "weight"]
    assert [table.names(row) for row in table.rows] == [["0.001", "1"], ["0.01", "1"], ["0.001", "0.1"]]


def test_runs_that_did_not_finish_are_rows(tmp_path):
    write_run(tmp_path / "a", {"psnr": 40.0}, method__name="a")
    failed = write_run(tmp_path / "b", method__name="b")
    (failed / "error.txt").write_text("dataset.srf: x.csv: no such file\nmore\n")
    stopped = write_run(tmp_path / "c", method__name="c")
    (stopped / "resume.ckpt").touch()
    crashed = write_run(tmp_path / "d", method__name="d")
    (crashed / "udaln.log").write_text("1 INFO x\n2 ERROR stopped: ValueError('a | b')\n")
    interrupted = write_run(tmp_path / "e", method__name="e")
    (interrupted / "udaln.log").write_text("2 ERROR stopped: KeyboardInterrupt()\n")
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "error.txt").write_text("seed: wrong\n")  # failed before it had a configuration
    table = table_of(tmp_path)
    assert [row.status for row in table.rows] == [
        "",
        "failed: dataset.srf: x.csv: no such file",
        "stopped, can be resumed",
        "failed: ValueError('a | b')",
        "unfinished",
        "failed: seed: wrong",
    ]
    assert table.headings == ["method", "status", "PSNR [dB]"]
    assert table.texts(table.rows[1])[2] == ""


def test_some_of_the_repetitions_failed(tmp_path):
    for seed, value in enumerate([40.0, 42.0, None, None]):
        write_run(tmp_path / str(seed), None if value is None else {"psnr": value}, seed=seed)
    (row,) = table_of(tmp_path).rows
    assert (row.cells["psnr"].mean, row.status) == (41.0, "2 finished; 2 unfinished")


def test_runs_without_a_truth_have_the_columns_that_need_none(tmp_path):
    figures = {"hqnr": 0.95, "d_s": 0.01, "verdict": "fit to use", "seconds": 2.0, "psf_error": None}
    write_run(tmp_path / "a", figures)
    table = table_of(tmp_path)
    assert table.headings == ["run", "HQNR", "D_S", "verdict", "time [s]"]
    assert table.texts(table.rows[0]) == ["a", "0.9500", "0.0100", "fit to use", "2.0"]


def test_what_was_given_is_told_where_it_differs(tmp_path):
    write_run(tmp_path / "a", {"psnr": 40.0, "given": "none"}, degradation__psf="estimated")
    write_run(tmp_path / "b", {"psnr": 41.0, "given": "psf"}, degradation__psf="known")
    assert table_of(tmp_path).headings == ["psf", "PSNR [dB]", "given"]


def test_columns_are_chosen_and_unknown_ones_refused(tmp_path):
    write_run(tmp_path / "a", {"psnr": None, "own_figure": 2.0, "blind": True})
    table = table_of(tmp_path, columns=["blind", "own_figure", "psnr"])
    assert table.texts(table.rows[0]) == ["a", "yes", "2.0000", ""]
    with pytest.raises(InputError, match=r"^columns: expected figures of metrics\.json.*got qnr, which no run has$"):
        table_of(tmp_path, columns=["psnr", "qnr"])


def test_words_that_differ_are_counted(tmp_path):
    for seed, verdict in enumerate(["fit to use", "do not use", "fit to use"]):
        write_run(tmp_path / str(seed), {"hqnr": 0.9, "verdict": verdict}, seed=seed)
    (row,) = table_of(tmp_path).rows
    assert row.cells["verdict"].mean == "2× fit to use, 1× do not use"


def test_runs_are_found_once_and_in_the_order_of_numbers(tmp_path):
    for seed in (10, 9, 1):
        write_run(tmp_path / "sweep" / f"seed={seed}", {"psnr": 1.0}, seed=seed)
    write_run(tmp_path / "sweep" / "seed=1" / "inner", {"psnr": 2.0})  # not a run of its own
    (tmp_path / "config.yaml").write_text("training: {epochs: 3}\n")  # of another program
    runs = find_runs([tmp_path / "sweep", tmp_path, tmp_path / "sweep" / "seed=9"])
    assert [run.settings["seed"] for run in runs] == [1, 9, 10]


@pytest.mark.parametrize(
    ("name", "text", "status"),
    [
        ("metrics.json", "{", "failed: metrics.json cannot be read"),
        ("config.yaml", "a: [", "failed: config.yaml cannot"),
    ],
)
def test_damaged_files_are_told(tmp_path, name, text, status):
    write_run(tmp_path / "a", {"psnr": 40.0})
    write_run(tmp_path / "b", {"psnr": 40.0}, method__name="b")
    (tmp_path / "b" / name).write_text(text)
    assert any(row.status.startswith(status) for row in table_of(tmp_path).rows)


def test_what_holds_no_runs_is_refused(tmp_path):
    (tmp_path / "file").touch()
    for folder, why in (
        (tmp_path, "expected runs"),
        (tmp_path / "none", "no such folder"),
        (tmp_path / "file", "is a"),
    ):
        with pytest.raises(InputError, match=f"^report: {folder}: {why}"):
            find_runs([folder])


def test_a_run_that_goes_on_is_stopped_no_longer(tmp_path):
    run = write_run(tmp_path / "a")
    (run / "resume.ckpt").touch()
    assert find_runs([run])[0].status is Status.stopped
    (run / "metrics.json").write_text("{}")
    assert find_runs([run])[0].status is Status.finished
