"""The battery: its design, its pairs, and a tiny case from start to report."""

import sys
from collections import Counter
from dataclasses import astuple, replace
from pathlib import Path

import numpy as np
import pytest
import stress
import stress_cases
import stress_pairs
import torch
from places import ROOT
from stress_cases import BASE, Case, battery
from stress_report import LEVELS, draw, section
from stress_rows import COLUMNS, append_row, comparison, measure, read_rows, write_rows

from udaln.errors import InputError
from udaln.physics.synthetic import synthetic_reference
from udaln.physics.windows import degrade

TINY = Case("synthetic", sensor="rgb", scale=4)


@pytest.fixture
def small(monkeypatch):
    """A scene of 40×40 pixels and 12 bands."""
    monkeypatch.setattr(stress_pairs, "SIDE", 40)
    monkeypatch.setattr(stress_pairs, "BANDS", 12)


def test_the_design_is_deterministic_and_covers_every_level():
    cases = battery()
    assert cases == battery()
    assert len({case.name for case in cases}) == len(set(cases)) == len(cases)
    for factor, levels in LEVELS.items():
        assert {getattr(case, factor) for case in cases} == set(levels), factor
    assert Counter(case.fault for case in cases) == {
        "none": len(cases) - 25,
        **dict.fromkeys(stress_cases.FAULTS, 5),
    }
    assert {replace(BASE, scene=scene) for scene in stress_cases.SCENES} <= set(cases)
    assert f"The battery has {len(cases)}: " in (ROOT / "docs" / "robustness.md").read_text(encoding="utf-8")


def test_the_random_sample_has_all_levels_equally_often_and_mixes_factors():
    sample = stress_cases.random_sample(stress_cases.SCENES, 140, np.random.default_rng(0))
    for factor, levels in LEVELS.items():
        counts = Counter(getattr(case, factor) for case in sample)
        assert max(counts.values()) - min(counts.values()) <= 1 and len(counts) == len(levels)
    assert len({(case.blur, case.scale) for case in sample}) > 50  # of 98
    assert sample != stress_cases.random_sample(stress_cases.SCENES, 140, np.random.default_rng(1))


def test_every_seed_has_the_planes_and_only_delta_has_no_size():
    planes = {case for scene in stress_cases.SCENES for case in stress_cases.planes(replace(BASE, scene=scene))}
    left_out = planes - (set(battery(seed=1)) & set(battery(seed=2)))
    assert {(case.blur, case.size) for case in left_out} == {("delta", size) for size in stress_cases.SIZES[1:]}


@pytest.mark.parametrize("sensor", stress_cases.SENSORS)
def test_a_sensor_has_its_bands(sensor):
    wavelengths = np.linspace(400, 1000, 64)
    srf = stress_pairs.response(sensor, wavelengths)
    assert srf.shape == (64, {"pan": 1, "rgb": 3}.get(sensor) or int(sensor))
    torch.testing.assert_close(srf.sum(0), torch.ones(srf.shape[1]).double())
    centres = torch.from_numpy(wavelengths) @ srf
    assert (centres.diff() > 0).all()


def test_a_pair_is_what_the_sensors_record(small):
    case = replace(TINY, noise="none", shifted=True, blur="motion", size=0.85)
    pair = stress_pairs.simulated(case, Path())
    truth = torch.from_numpy(synthetic_reference(40, 12)[0]).double()
    torch.testing.assert_close(pair.truth, truth)
    torch.testing.assert_close(pair.lr_hsi, degrade(truth, pair.psf, 4))
    torch.testing.assert_close(pair.hr_msi, truth @ stress_pairs.response("rgb", np.linspace(400, 1000, 12)))
    assert pair.shift == stress_pairs.SHIFT and pair.msi_noise is None and pair.given == {}


def test_the_noise_told_to_the_yardsticks_is_that_of_the_pair(small):
    clean, noisy = (stress_pairs.simulated(replace(TINY, noise=noise), Path()) for noise in ("none", "25/30"))
    actual = (noisy.hr_msi - clean.hr_msi).square().mean((0, 1)).sqrt()
    torch.testing.assert_close(actual, noisy.msi_noise, rtol=0.1, atol=0)


def test_faults_are_in_the_pair_or_in_what_is_said_of_it(small):
    sound = stress_pairs.simulated(TINY, Path())
    pairs = {fault: stress_pairs.simulated(replace(TINY, fault=fault), Path()) for fault in stress_cases.FAULTS}
    for pair in pairs.values():
        torch.testing.assert_close(pair.lr_hsi, sound.lr_hsi)
    assert pairs["wrong_psf"].given["psf"].shape == (4, 4)
    assert pairs["shift_ignored"].given == {"instruments": "alike"}
    swapped = pairs["bands_swapped"]
    torch.testing.assert_close(swapped.hr_msi, sound.hr_msi.flip(2))
    np.testing.assert_array_equal(swapped.given["srf"], stress_pairs.response("rgb", np.linspace(400, 1000, 12)))
    changed = (pairs["changed_third"].hr_msi != sound.hr_msi).any(2).all(1)
    assert changed.nonzero().flatten().tolist() == list(range(27, 40))
    unrelated = pairs["unrelated"].hr_msi
    assert unrelated.shape == sound.hr_msi.shape
    assert np.corrcoef(unrelated[..., 0].flatten(), sound.hr_msi[..., 0].flatten())[0, 1] < 0.5


def test_each_figure_is_compared_with_the_best_yardstick_in_it():
    others = [{"psnr": 40.0, "sam": 2.0, "ergas": 1.0}, {"psnr": 39.0, "sam": 1.0, "ergas": 2.0}]
    as_good = {"psnr": 39.95, "sam": 1.005, "ergas": 1.005}
    assert comparison(as_good, others) == {"margin": pytest.approx(-0.05), "behind": False}
    for worse in ({"psnr": 39.8}, {"sam": 1.02}, {"ergas": 1.02}):
        assert comparison(as_good | worse, others)["behind"]


def test_an_exception_is_a_row(small):
    row = measure(replace(TINY, scene="absent"), Path("nowhere"))
    assert row["error"].startswith("InputError: data: nowhere/absent/REF.mat: no such file")
    assert set(row) <= set(COLUMNS) and "psnr" not in row


def test_a_row_that_was_cut_off_is_measured_again(tmp_path):
    table = tmp_path / "table.csv"
    assert read_rows(table) == []
    write_rows(table, [])
    append_row(table, {"name": "first", "error": "x, y", "psnr": 1 / 3})
    append_row(table, {"name": "second"})
    table.write_text(table.read_text()[:-30])
    (row,) = read_rows(table)
    assert (row["name"], row["error"], row["psnr"], row["sam"]) == ("first", "x, y", "0.333333", "")
    table.write_text("name,psnr\n")
    with pytest.raises(InputError, match="expected the columns of this battery"):
        read_rows(table)


@pytest.fixture
def run(small, monkeypatch, tmp_path, capsys):
    """The script on two tiny cases, in this process alone; returns its rows and its report."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(stress, "battery", lambda scenes: [TINY, replace(TINY, noise="25/30")])
    monkeypatch.setattr(stress, "measured", lambda cases, data, *_: (measure(case, data) for case in cases))

    def started(*words):
        monkeypatch.setattr(sys, "argv", ["stress.py", "out=t.csv", "report=docs/r.md", *words])
        stress.main()
        return read_rows(Path("t.csv")), Path("docs/r.md").read_text()

    return started


def test_a_tiny_battery_end_to_end(run):
    rows, report = run("limit=1")
    assert [row["name"] for row in rows] == [TINY.name] and rows[0]["error"] == ""
    first = dict(rows[0])
    assert [first[name] for name in stress_cases.FACTORS] == [str(value) for value in astuple(TINY)]
    assert float(first["psnr"]) > 20
    best = max(float(first[f"{name}_psnr"]) for name in ("bicubic", "regression", "residual", "denoised"))
    assert float(first["margin"]) == pytest.approx(float(first["psnr"]) - best, abs=1e-3)
    assert "1 of 2 cases are measured" in report and "| scale | 4 | 1 |" in report
    assert Path("docs/r.png").stat().st_size > 10_000
    rows, report = run()
    assert rows[0] == first and len(rows) == 2  # the first is not measured again
    assert report.count("written by scripts/stress.py") == 2 and "| noise | 25/30 | 1 |" in report


def test_only_must_select_a_case(run, capsys):
    with pytest.raises(SystemExit):
        run("only=mars")
    assert "only: expected a part of the name of a case, such as 'synthetic gaussian" in capsys.readouterr().err


def test_a_missing_scene_is_one_line_before_anything_is_measured(run, monkeypatch, capsys):
    monkeypatch.setattr(stress, "battery", lambda scenes: [Case("samson")])
    with pytest.raises(SystemExit):
        run("data=nowhere")
    assert capsys.readouterr().err == "udaln: data: nowhere/samson/REF.mat: no such file\n"
    assert read_rows(Path("t.csv")) == []


def test_processes_measure_the_same_and_no_case_starts_too_late(monkeypatch):
    case = Case("synthetic", scale=16, sensor="pan", noise="none")
    (row,) = stress.measured([replace(case, scene="absent")], Path(), 1, 60)
    assert row["error"].startswith("InputError")
    assert list(stress.measured([case], Path(), 1, 0)) == []


def made_row(case, **values):
    row = dict.fromkeys(COLUMNS, "") | {"name": case.name, "seconds": "1", "warned": "False", "behind": "False"}
    row |= {name: str(value) for name, value in zip(stress_cases.FACTORS, astuple(case), strict=True)}
    figures = {"psnr": "40", "sam": "1", "ergas": "1", "margin": "1"}
    for name, psnr in (("bicubic", "38"), ("residual", "39")):
        figures |= {f"{name}_psnr": psnr, f"{name}_sam": "2", f"{name}_ergas": psnr}
    return row | figures | values


def test_the_report_counts_what_is_silent():
    base = replace(BASE, scene="samson")
    rows = [
        made_row(base),
        made_row(replace(base, blur="disk"), behind="True", margin="-3"),
        made_row(replace(base, blur="sinc"), behind="True", warned="True", margin="-5"),
        made_row(replace(base, fault="unrelated"), behind="True", margin="-9"),
        made_row(replace(base, scale=16), error="ValueError: a|b"),
    ]
    text = section(rows, 9, "r.png")
    assert "5 of 9 cases are measured" in text and "Errors: 1." in text
    assert "Of the 3 without a fault, 2 are behind a yardstick, 1 of these silently." in text
    assert "| scene | samson | 3 | -3.00 | -5.00 | 2 | 1 |" in text
    assert "| unrelated | samson | 40.00 / 1.00 / 1.00 | 39.00 / 2.00 / 38.00 | -9.00 | no |" in text
    worst = text.partition("The largest silent failures")[2]
    assert "disk" in worst and "sinc" not in worst and "ValueError: a/b" in worst
    figure = draw(rows)
    texts = [text.get_text() for axis in figure.axes for text in axis.texts]
    assert texts.count("-3.0  ● 1") == 1 and "-5.0" in texts and not any("-9" in text for text in texts)
