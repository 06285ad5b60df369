"""Sweeps that are stopped, and go on by the same command."""

import json
import os
import shutil
import signal
import time

import processes
import pytest

SCENE = ["dataset.size=35", "dataset.bands=8", "dataset.snr_hsi=30", "dataset.snr_msi=40"]
COMMAND = ["-m", "udaln", "-m", *SCENE, "trainer=cpu", "monitor.pictures=null", "hydra.sweep.dir=runs"]
LAUNCHERS = {
    "joblib": ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"],
    "submitit": ["hydra/launcher=submitit_local", "hydra.launcher.timeout_min=5"],
}


def sweep(folder, *words):
    return processes.run([*COMMAND, *words], folder)


def finished(folder):
    """When each run was finished, by its name."""
    return {file.parent.name: file.stat().st_mtime_ns for file in folder.glob("runs/*/metrics.json")}


def killed(folder, words, count):
    """Start a sweep and kill all its processes as soon as so many runs are finished."""
    process = processes.start([*COMMAND, *words], folder)
    stop = time.monotonic() + 200
    while len(finished(folder)) < count and time.monotonic() < stop and process.is_alive():
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.join()
    return finished(folder)


def test_a_killed_sweep_of_joblib_runs_only_what_is_missing(tmp_path):
    """The basic launcher is that of the other tests here."""
    words = [*LAUNCHERS["joblib"], "seed=0,1,2", "refine=none"]
    before = killed(tmp_path, words, 1)
    assert 1 <= len(before) < 3
    done = sweep(tmp_path, *words)
    assert done.returncode == 0, done.stderr
    after = finished(tmp_path)
    assert set(after) == {f"seed-{seed}" for seed in range(3)}
    assert {name: after[name] for name in before} == before  # were not touched
    assert done.stderr.count(": finished before\n") == len(before)
    assert f"{len(before)} of them finished before" in done.stderr
    assert "± " in done.stdout and done.stdout.splitlines()[-1].endswith("runs/report.html")
    markdown = (tmp_path / "runs" / "report.md").read_text()
    assert markdown.splitlines()[2].split("|")[2].strip() == "3"


def test_a_killed_sweep_of_submitit_runs_only_what_is_missing(tmp_path):
    words = [*LAUNCHERS["submitit"], "hydra.sweeper.max_batch_size=1", "seed=0,1,2", "refine=none"]
    before = killed(tmp_path, words, 1)
    assert 1 <= len(before) < 3
    done = sweep(tmp_path, *words)
    assert done.returncode == 0, done.stderr
    after = finished(tmp_path)
    assert set(after) == {f"seed-{seed}" for seed in range(3)}
    assert {name: after[name] for name in before} == before


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """A sweep in which one run cannot be, with few runs per batch, so that it must not end the batches after it."""
    folder = tmp_path_factory.mktemp("mixed")
    words = ["seed=0,1", "refine=none,nonsense", "hydra.sweeper.max_batch_size=1"]
    return folder, words, sweep(folder, *words)


def test_a_failing_run_stops_no_other_and_is_named(mixed):
    folder, _, done = mixed
    assert done.returncode == 2
    assert set(finished(folder)) == {"seed-0__refine-none", "seed-1__refine-none"}
    reason = "failed: refine: expected one of none, consistent, got 'nonsense'"
    lines = done.stderr.splitlines()
    assert lines[-3] == f"[2/4] seed=0 refine=nonsense: {reason} ({folder}/runs/seed-0__refine-nonsense)"
    assert lines[-2].startswith(f"[4/4] seed=1 refine=nonsense: {reason}")
    assert lines[-1] == (f"udaln: 2 of 4 runs of the sweep are not finished; go on with: udaln resume={folder}/runs")
    assert "Traceback" not in done.stderr
    assert f"2 {reason}" in done.stdout  # a row of the table


def test_each_run_is_one_line(mixed):
    _, _, done = mixed
    lines = done.stderr.splitlines()
    assert len(lines) == 1 + 4 + 3  # the beginning, the runs, the end
    assert lines[1].startswith("[1/4] seed=0 refine=none: PSNR ") and lines[1].endswith(" left")


def test_other_settings_in_the_same_folder_are_refused_by_run(mixed):
    folder, _, _ = mixed
    before = finished(folder)
    done = sweep(folder, "seed=0,2", "refine=none,consistent", "dataset.bands=9", "dataset.snr_hsi=35")
    assert done.returncode == 2
    assert done.stderr.count("dataset.bands (8 there, 9 here), ") == 0
    refused = [line for line in done.stderr.splitlines() if line.startswith("[1/4]")]
    assert len(refused) == 2  # when it was its turn, and at the end
    for line in refused:
        assert "dataset.snr_hsi (30.0 there, 35.0 here), dataset.bands (8 there, 9 here)" in line
    after = finished(folder)
    assert {name: after[name] for name in before} == before
    assert "seed-2__refine-consistent" in after  # others ran


def test_the_folder_of_a_sweep_is_enough_to_go_on(mixed):
    folder, words, _ = mixed
    sweep(folder, *words)
    before = finished(folder)
    (folder / "runs" / "seed-1__refine-none" / "metrics.json").unlink()
    done = processes.run(["-m", "udaln", f"resume={folder}/runs"], "/")
    assert done.returncode == 2 and done.stderr.count("finished before\n") == 1, done.stderr
    after = finished(folder)
    assert after["seed-1__refine-none"] > before["seed-1__refine-none"]
    assert after["seed-0__refine-none"] == before["seed-0__refine-none"]


def test_a_stopped_run_of_a_sweep_resumes_from_its_checkpoint(tmp_path):
    stages = [
        f"stages.{stage}.{key}" for stage in ("degradation", "spectral") for key in ("steps=30", "constant_until=10")
    ]
    words = ["experiment=debug", "stages.joint.steps=400", "trainer.checkpoint_seconds=0", *stages, "seed=0,1"]
    process = processes.start([*COMMAND, *words], tmp_path)
    checkpoint, stop = tmp_path / "runs" / "seed-0" / "resume.ckpt", time.monotonic() + 200
    while not checkpoint.exists() and time.monotonic() < stop and process.is_alive():
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.join()
    assert checkpoint.exists() and not finished(tmp_path)
    changed = sweep(tmp_path, *words, "stages.joint.steps=401")
    assert changed.stderr.count("stages.joint.steps (400 there, 401 here)") == 2
    assert checkpoint.exists()
    shutil.rmtree(tmp_path / "runs" / "seed-1")  # was run with the other settings
    done = sweep(tmp_path, *words)
    assert done.returncode == 0, done.stderr
    assert "continuing from" in (tmp_path / "runs" / "seed-0" / "udaln.log").read_text()
    assert not checkpoint.exists() and not (checkpoint.parent / "error.txt").exists()


def test_the_order_of_words_and_more_values_change_nothing(tmp_path):
    assert sweep(tmp_path, "seed=0", "refine=none,consistent").returncode == 0
    before = finished(tmp_path)
    done = sweep(tmp_path, "seed=0", "refine=consistent,none", "dataset.scene_seed=7")
    assert done.returncode == 0 and done.stderr.count("finished before\n") == 2
    assert finished(tmp_path) == before
    assert json.loads((tmp_path / "runs" / "refine-none" / "metrics.json").read_text())["refine"] == "none"


def test_a_run_that_is_asked_for_twice_is_done_once(tmp_path):
    done = sweep(tmp_path, "seed=1,1", "method=interpolation")
    assert done.returncode == 0, done.stderr
    first, *lines = done.stderr.splitlines()
    assert first.startswith("sweep: 2 runs in ")  # before any line of a run
    assert (
        sum(line.endswith("seed=1: the same as another run of this sweep, which is done once") for line in lines) == 1
    )
    assert len(lines) == 2 and list(finished(tmp_path)) == ["seed-1"]
