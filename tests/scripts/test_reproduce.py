"""The comparison of all methods: its plan, what is run of it, and its report."""

import subprocess
import sys

import made_up
import numpy as np
import pytest
import reproduce
import reproduce_plan
import scipy.io
from made_up_runs import write_run
from reproduce_pictures import draw_figures, draw_times
from reproduce_plan import CONDITIONS, DEFAULT, WIDE, Case, done, plan, scenes
from reproduce_report import gap, section

from udaln.errors import InputError
from udaln.experiment.comparison.run_folder import find_runs
from udaln.methods.registry import method_class, names

NONE, NOISE, _ = CONDITIONS


def a_run(folder, case, figures, **changed):
    condition = CONDITIONS[case.condition]
    source = "true" if case.given else "estimated"
    found = {"dataset__name": case.scene, "method__name": case.method}
    found |= {"dataset__snr_hsi": condition.snr_hsi, "dataset__snr_msi": condition.snr_msi}
    found |= {"scale__name": f"x{case.factor}", "scale__factor": case.factor, "scale__fwhm": condition.fwhm}
    found |= {"degradation__psf": source, "degradation__srf": source}
    if case.share:
        found["stages"] = {"name": "paper", "share": case.share}
    values = dict.fromkeys(("psnr_cube", "ssim", "cc", "uiqi", "rmse", "seconds"), 1.0) | {"share": case.share}
    write_run(folder, values | dict(zip(("psnr", "sam", "ergas"), figures, strict=True)), **found | changed)


@pytest.fixture
def folder(tmp_path):
    """A folder of two scenes and of what is none."""
    for name in ("river, north", "town"):
        (tmp_path / name).mkdir()
        scipy.io.savemat(tmp_path / name / "REF.mat", {"REF": np.ones((4, 4, 2))})
        (tmp_path / name / "srf_pan.csv").write_text("wavelength_nm,PAN\n")
        (tmp_path / name / "srf_a.csv").write_text("wavelength_nm,B,G,R\n")
    (tmp_path / "no reference").mkdir()
    return tmp_path


def test_every_method_is_run_on_every_pair(folder):
    found = scenes(folder)
    assert [scene.name for scene in found] == ["river, north", "town", "synthetic"]
    assert {scene.srf.name for scene in found[:2]} == {"srf_a.csv"}  # the one with the most bands
    sweeps = plan(found)
    assert len({sweep.folder for sweep in sweeps}) == len(sweeps)
    cases = [case for sweep in sweeps for case in sweep.cases]
    assert len(set(cases)) == len(cases)
    blind = {case for case in cases if not case.given}
    quick = [name for name in names() if not method_class(name).Stages]
    assert len(blind) == (len(names()) * 2 * 2 + len(quick)) * 3 and {case.method for case in blind} == set(names())
    assert all(method_class(case.method).needs_degradation for case in cases if case.given)


def test_words_are_those_of_a_sweep_that_composes(folder, configure):
    for sweep in plan(scenes(folder)):
        for case in sweep.cases[:1]:
            words = [word for word in sweep.words if not word.startswith(("scale=", "method="))]
            config = configure(f"method={case.method}", f"scale=x{case.factor}", *words)
            assert config.dataset.name == case.scene
            condition = CONDITIONS[case.condition]
            assert (config.dataset.snr_hsi, config.dataset.snr_msi) == (condition.snr_hsi, condition.snr_msi)
            assert config.scale.fwhm == condition.fwhm
            assert config.degradation.given == ("psf+srf" if case.given else "none")
            assert getattr(config.stages, "share", None) == case.share


def test_a_folder_without_scenes_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"^data: expected folders with REF\.mat and srf_\*\.csv in .*, found none$"):
        scenes(tmp_path)


def test_runs_are_found_by_their_settings(tmp_path):
    cases = [Case("town", 5, NOISE, method, given) for method in (DEFAULT, "udaln") for given in (False, True)]
    cases.append(Case("town", 5, WIDE, DEFAULT))
    for number, case in enumerate(cases):
        a_run(tmp_path / str(number), case, (40, 1, 1))
    a_run(tmp_path / "other noise", cases[0], (40, 1, 1), dataset__snr_msi=30.0)
    a_run(tmp_path / "other method", cases[0], (40, 1, 1), method__name="mine")
    found = done(cases, find_runs([tmp_path]))
    assert {case: run.path.name for case, run in found.items()} == {case: str(n) for n, case in enumerate(cases)}
    a_run(tmp_path / "other share", cases[2], (40, 1, 1), stages={"name": "paper", "share": 0.7})
    assert cases[2] not in done(cases, find_runs([tmp_path / "other share"]))


def test_the_report_tells_where_the_default_is_behind_and_what_was_not_run(tmp_path):
    cases = [Case("town", 5, NONE, method) for method in (DEFAULT, "gsa", "udaln", "stereo")]
    cases += [Case("town", 5, NONE, "gsa", True), Case("town", 8, NONE, DEFAULT)]
    figures = {DEFAULT: (40.0, 1.0, 0.5), "gsa": (40.2, 1.02, 0.5), "udaln": (39.0, 0.9, 0.6)}
    for number, case in enumerate(cases[:3]):
        a_run(tmp_path / str(number), case, figures[case.method])
    a_run(tmp_path / "true", cases[4], (42.0, 3.0, 3.0))
    text = section(cases, done(cases, find_runs([tmp_path])), ["a.png", "b.png"])
    assert text.startswith("4 of 6 runs are finished") and "`udaln` 0.1." in text
    line = next(line for line in text.splitlines() if line.startswith("| town ×5"))
    assert line.split("|")[2:6] == [
        " 3 ",
        " 40.00 / 42.00 `gsa` with the true PSF and SRF ",
        " 1.000 / 0.900 `udaln` ",
        " **0.500** / 0.500 `gsa` ",
    ]
    assert "in 2 figures:" in text
    assert "* town ×5, no noise: PSNR is 4.8% behind that of `gsa` with the true PSF and SRF." in text
    assert "* town ×5, no noise: SAM is 11.1% behind that of `udaln`." in text
    assert "Not run: `stereo`." in text and "| town ×8, no noise | 0 | not run | not run | not run |" in text
    assert text.count("\n### ") == 2


def test_a_report_of_nothing(tmp_path):
    reproduce.write([Case("town", 5, NONE, DEFAULT)], [], tmp_path / "r.md")
    assert "0 of 1 runs are finished" in (tmp_path / "r.md").read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["r.md"]


@pytest.mark.parametrize(("key", "behind"), [("psnr", 1), ("sam", -1), ("ergas", -1)])
def test_gaps_are_positive_where_the_default_is_behind(key, behind):
    assert gap(10.0, 10.0 + behind, key) > 0 > gap(10.0, 10.0 - behind, key)
    assert gap(10.0, 10.0, key) == 0


def test_pictures_have_the_pairs_that_the_default_was_run_on(tmp_path):
    cases = [Case(scene, 5, NONE, method) for scene in ("town", "river") for method in (DEFAULT, "gsa", "udaln")]
    for number, case in enumerate(cases[:-2]):
        a_run(tmp_path / str(number), case, (40.0 - number, 1.0, 0.5))
    runs = done(cases, find_runs([tmp_path]))
    figures, times = draw_figures(runs), draw_times(runs)
    panels = figures.axes
    assert [text.get_text() for text in panels[0].texts] == ["-1.0", "-2.0"]  # river has the default alone
    assert [label.get_text() for label in panels[0].get_yticklabels()] == ["gsa", "udaln"]
    assert [text.get_text() for text in times.axes[0].get_legend().get_texts()] == [DEFAULT, "gsa", "udaln"]


def test_a_second_start_runs_nothing_and_keeps_what_is_written_by_hand(tmp_path, monkeypatch):
    monkeypatch.setattr(reproduce_plan, "METHODS", (DEFAULT, "regression"))
    monkeypatch.setattr(reproduce_plan, "FACTORS", (5,))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scenes" / "town").mkdir(parents=True)
    reference = made_up.scene(bands=8, size=40).truth.image.numpy()
    scipy.io.savemat(tmp_path / "scenes" / "town" / "REF.mat", {"REF": reference})
    bands = [f"{500 + 10 * band},{int(band < 4)},{int(band >= 4)}\n" for band in range(8)]
    (tmp_path / "scenes" / "town" / "srf_two.csv").write_text("wavelength_nm,A,B\n" + "".join(bands))
    (tmp_path / "r.md").write_text("# Mine\n\nby hand\n\n")
    words = ["reproduce.py", "data=scenes", "only=quick/town_clean", "out=out", "report=r.md", "processes=1"]
    monkeypatch.setattr(sys, "argv", words)
    reproduce.main()
    first = (tmp_path / "r.md").read_text()
    assert first.startswith("# Mine\n\nby hand\n\n<!-- begin: written by scripts/reproduce.py -->\n2 of 20 runs")
    assert {path.name for path in (tmp_path / "out" / "quick" / "town_clean").glob("*method-*")} == {
        f"method-{name}" for name in (DEFAULT, "regression")
    }
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("ran again"))
    reproduce.main()
    assert (tmp_path / "r.md").read_text() == first
    assert (tmp_path / "r_figures.png").exists() and (tmp_path / "r_times.png").exists()
    monkeypatch.setattr(sys, "argv", [*words, "only=nothing"])
    with pytest.raises(SystemExit):
        reproduce.main()
