"""The plain loop, a second derivation of the paper's mathematics, agrees with ours; no time decides here."""

import json
import os
import sys
from pathlib import Path

import benchmark
import made_up
import measure_fusions
import measure_steps
import numpy as np
import pytest
import torch
from benchmark_cases import shortened, tiled, udaln_method
from plain_loop import PlainLoop
from torch.amp import GradScaler

from udaln.methods.training.schedule import Schedule
from udaln.methods.udaln.stages import STAGES
from udaln.physics.blocks import blocks_of
from udaln.physics.windows import degrade


def plain_by_name(plain, networks):
    """The plain loop's parameters or their gradients, laid out as ours."""
    weight = torch.zeros_like(networks.sped.weight)
    for band, (covered, values) in enumerate(zip(plain.bands, plain.srf, strict=True)):
        weight[covered, band] = values.detach().flatten()
    layers = {}
    for name, value in plain.layers.state_dict().items():
        number, kind = name.split(".")
        layers[f"speu.layers.{int(number) // 2}.{kind}"] = value.flatten(1) if kind == "weight" else value
    names = ("degradation.spad.weight", "degradation.sped.weight")
    return dict(zip(names, (plain.psf.detach().flatten(), weight), strict=True)) | layers


@pytest.mark.parametrize("stage", STAGES)
def test_losses_and_steps_agree_with_the_plain_loop(stage):
    scene = made_up.scene()
    networks = made_up.networks(scene)
    plain = PlainLoop(networks, scene)
    ours = stage(networks, Schedule(lr=1e-3, steps=1000, constant_until=1000), 1)
    torch.testing.assert_close(
        torch.stack(list(ours.losses(blocks_of(scene, 4)).values())).sort().values,
        torch.stack(plain.losses(stage.name)).sort().values,
    )
    made = ours.configure_optimizers()
    ours.optimise(blocks_of(scene, 4), 5, made["optimizer"], made["lr_scheduler"], GradScaler(enabled=False))
    plain.stepper(stage.name, 1e-3)(5)
    expected = plain_by_name(plain, networks)
    for name, value in made_up.learned(networks):
        covered = networks.sped.support if name.endswith("sped.weight") else slice(None)
        torch.testing.assert_close(
            value.detach()[covered], expected[name][covered], rtol=1e-3, atol=2e-5, check_dtype=False
        )


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """The benchmark at the smallest of sizes, in this process alone; returns its JSON and what it printed."""
    monkeypatch.setattr(measure_fusions, "in_fresh_process", lambda function, *arguments: function(*arguments))
    monkeypatch.chdir(tmp_path)
    threads = torch.get_num_threads()

    def benchmarked(*words):
        quick = "size=40 bands=16 quality_size=40 threads=1 rounds=1 milliseconds=1 share=0.001".split()
        monkeypatch.setattr(sys, "argv", ["benchmark.py", *quick, "out=out.json", *words])
        benchmark.main()
        return json.loads(Path("out.json").read_text()), capsys.readouterr().out

    yield benchmarked
    torch.set_num_threads(threads)


def test_a_step_against_the_plain_loop_and_lightnings_cost(run):
    actual, printed = run("part=steps,lightning")
    assert list(actual["steps"]) == ["degradation", "spectral", "joint", "whole schedule"]
    assert actual["steps"]["joint"]["ratio"] == pytest.approx(
        actual["steps"]["joint"]["plain"] / actual["steps"]["joint"]["ours"]
    )
    assert actual["lightning"]["bare"] > 0
    assert "whole schedule" in printed
    assert not {"quality", "size"} & set(actual)


def test_time_to_quality(run):
    actual, printed = run(
        "part=quality", "methods=closed_form,paper", "paper_share=0.001", "every=10", "figure=curves.png"
    )
    solved, paper = (actual["quality"]["methods"][name] for name in ("closed_form", "paper"))
    for row in (solved, paper):
        seconds = [point["seconds"] for point in row["points"]]
        assert seconds == sorted(seconds) and seconds[-1] <= row["training"] <= row["whole"]
    assert len(solved["points"]) == 2  # stage 2 and refine
    assert len(paper["points"]) == 5  # of 30 and 15 steps: after every 10 and at the end
    assert actual["quality"]["target"] == {name: paper["points"][-1][name] for name in ("psnr", "sam")}
    assert solved["reached"] == solved["points"][0]["seconds"]  # a regression beats a network of few steps
    assert "SHORTENED" in printed
    assert Path("curves.png").stat().st_size > 10_000


def test_cost_against_size(run):
    actual, _ = run("part=size", "sizes=80,40", "fuse_up_to=40", "figure=curves.png")
    assert actual["size"]["sides"] == [40, 80]
    assert set(actual["size"]["milliseconds"]) >= {"sampled spectral", "sampled joint", "paper spectral", "paper joint"}
    assert all(len(times) == 2 and min(times) > 0 for times in actual["size"]["milliseconds"].values())
    assert [row["seconds"] > 0 for row in actual["size"]["closed_form"]] == [True]
    assert Path("curves.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("part=stpes", "part: expected some of steps, lightning, quality, size, got 'stpes'"),
        ("part=size sizes=40,big", "sizes: expected whole numbers with commas, got '40,big'"),
        ("part=steps figure=curves.png", "figure: expected part=quality or part=size, which have curves"),
        ("part=quality methods=closed_form psnr=40", "psnr, sam: expected numbers for methods without paper, got none"),
        ("part=quality methods=fats", "stages: expected one of"),
    ],
)
def test_a_mistake_is_one_line_before_anything_is_measured(run, capsys, words, message):
    with pytest.raises(SystemExit):
        run(*words.split())
    printed = capsys.readouterr()
    assert printed.err.startswith(f"udaln: {message}") and printed.err.count("\n") == 1
    assert not printed.out


def test_the_target_is_reached_where_both_figures_are_first_as_good():
    points = [
        {"seconds": float(second), "psnr": psnr, "sam": sam}
        for second, (psnr, sam) in enumerate([(40, 2.5), (43, 2.1), (41, 1.9), (42, 2.0), (50, 1.0)])
    ]
    assert measure_fusions.time_to_quality(points, {"psnr": 42, "sam": 2.0}) == 3
    assert measure_fusions.time_to_quality(points, {"psnr": 51, "sam": 2.0}) is None


def test_looks_do_not_count_as_training(monkeypatch):
    scene, method = made_up.scene(), shortened(udaln_method("paper"), 1e-3)
    taken = measure_fusions.quality_course(scene, method, False, seed=0, every=10)["training"]
    clock = measure_fusions.time.perf_counter
    asleep = []

    def slow(*_):
        asleep.append(1000)
        return torch.tensor(0.0)

    monkeypatch.setattr(measure_fusions.time, "perf_counter", lambda: clock() + sum(asleep))
    monkeypatch.setattr(measure_fusions, "psnr", slow)
    course = measure_fusions.quality_course(scene, method, False, seed=0, every=10)
    assert len(asleep) == 5
    assert max(course["training"], course["whole"], taken) < 1000


def test_shortened_leaves_what_takes_no_steps():
    paper, sampled = (shortened(udaln_method(name), 0.1) for name in ("paper", "sampled"))
    assert [getattr(paper.stages, stage.name).steps for stage in STAGES] == [2000, 3000, 1500]
    assert paper.stages.joint.constant_until == 500
    assert sampled.stages.degradation == udaln_method("sampled").stages.degradation


def test_tiles_are_the_same_pair_at_any_size(monkeypatch):
    monkeypatch.setattr("benchmark_cases.NOISE", (np.inf, np.inf))
    scene = made_up.scene(size=24, scale=4)
    large = tiled(scene, 59)
    assert large.lr_hsi.shape[:2] == (14, 14) and large.hr_msi.shape[:2] == (56, 56)
    seen = degrade(large.hr_msi.double(), scene.truth.psf, 4)
    torch.testing.assert_close(seen, large.lr_hsi.double() @ scene.truth.srf, rtol=0, atol=1e-6)


def test_a_stepper_draws_other_blocks_at_every_call():
    scene = made_up.scene(size=40)
    stage = measure_steps.sampling_stages(scene)["sampled spectral"]
    drawn = []
    blocks, original = blocks_of(scene, 4), type(blocks_of(scene, 4)).sample
    stage.schedule.blocks = 3
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(blocks), "sample", lambda self, index: drawn.append(index) or original(self, index))
        step = measure_steps.stage_stepper(stage, blocks)
        step(1)
        step(1)
    assert not torch.equal(*drawn)


def megabytes_of_pages(size):
    """What the peak memory says of so many MB beyond all that the process has ever held."""
    before = measure_fusions.peak_memory()
    held = int(Path("/proc/self/status").read_text().partition("VmRSS:")[2].split()[0]) * 1024 / 1e6
    np.ones(round((before - held + size) * 1e6 / 8))
    return measure_fusions.peak_memory() - before


def test_memory_is_that_of_a_process_of_its_own():
    """In a fresh one, where nothing that was held before is given back in between."""
    assert measure_fusions.in_fresh_process(os.getpid) != os.getpid()
    if not Path("/proc/self/status").exists():
        pytest.skip("the memory in use is read from Linux")
    assert measure_fusions.in_fresh_process(megabytes_of_pages, 100) == pytest.approx(100, abs=30)
