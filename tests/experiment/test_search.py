"""A run from Python by words, and the search with Optuna that the documentation shows."""

import re

import made_up
import numpy as np
import pytest
from places import ROOT

from udaln.errors import InputError
from udaln.experiment.from_words import run_words
from udaln.experiment.objective import objective

SCENE = [
    "dataset.size=35",
    "dataset.bands=8",
    "dataset.snr_hsi=30",
    "refine=none",
    "trainer=cpu",
    "monitor.pictures=null",
]


def test_a_run_returns_what_is_optimized_and_is_not_repeated(tmp_path, capsys):
    value = run_words([*SCENE, "optimize=sam"], tmp_path / "a")
    written = (tmp_path / "a" / "metrics.json").stat().st_mtime_ns
    assert isinstance(value, float)
    metrics = run_words(SCENE, tmp_path / "a")  # the same run, other figures of it
    assert metrics["sam"] == value
    assert (tmp_path / "a" / "metrics.json").stat().st_mtime_ns == written
    assert capsys.readouterr() == ("", "")
    with pytest.raises(InputError, match=r"differs in seed \(2 there, 3 here\)"):
        run_words([*SCENE, "seed=3"], tmp_path / "a")


def test_the_final_loss_of_a_shortened_schedule(tmp_path):
    words = [*SCENE, "stages=paper", "stages.share=0.001", "monitor.every=10"]
    loss = run_words([*words, "optimize=loss"], tmp_path / "a")
    metrics = run_words(words, tmp_path / "a")
    assert 0 < loss == metrics["loss"]
    assert (metrics["share"], metrics["degradation_steps"], metrics["joint_steps"]) == (0.001, 20, 15)
    with pytest.raises(
        InputError, match=r"^optimize: expected a figure of metrics\.json, got loss, which this run does"
    ):
        run_words([*SCENE, "method=regression", "optimize=loss"], tmp_path / "b")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["sede=3"], "sede: there is no such key; did you mean seed?"),
        (["scale=x7"], "scale: expected one of auto, x5, x8, got 'x7'"),
        (["seed=0,1"], "seed=0,1: expected one value, got several"),
        (["stages.share=0.1"], "stages: expected none for method=closed_form, which has no stages"),
        (["stages=paper", "stages.share=-1"], "stages.share: expected more than 0 and at most 1, got -1"),
        (["seed=-1"], "seed: expected a whole number"),
    ],
)
def test_mistakes_are_those_of_the_command(tmp_path, words, message):
    with pytest.raises(InputError) as caught:
        run_words([*SCENE, *words], tmp_path / "a")
    assert str(caught.value).startswith(message)


def test_what_cannot_be_optimized_is_refused():
    metrics = {"psnr": None, "hqnr": 0.9, "verdict": "fit to use", "blind": True, "parameters": 3}
    assert objective(metrics, None) == metrics
    assert objective(metrics, "hqnr") == 0.9 and objective(metrics, "parameters") == 3.0
    assert np.isnan(objective(metrics, "psnr"))
    for key, message in (
        ("hqrn", "does not have; did you mean hqnr?"),
        ("xyz", "does not have; this run has hqnr, parameters"),
        ("verdict", "is 'fit to use'"),
        ("blind", "is True"),
    ):
        with pytest.raises(InputError, match=r"^optimize: ") as caught:
            objective(metrics, key)
        assert str(caught.value).endswith(message)


def test_the_documented_search(tmp_path, monkeypatch):
    pytest.importorskip("optuna").logging.set_verbosity(30)
    scene = made_up.scene(bands=8, seed=0)
    np.save(tmp_path / "lr.npy", scene.lr_hsi)
    np.save(tmp_path / "hr.npy", scene.hr_msi)
    (script,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "sweeps.md").read_text(encoding="utf-8"), re.DOTALL)
    quick = [
        f"stages.{stage}.{key}" for stage in ("degradation", "spectral") for key in ("steps=4", "constant_until=2")
    ]
    quick += ["stages.joint.steps=4", "stages.joint.constant_until=2", "trainer=cpu"]
    words = [*quick, "monitor.pictures=null", "trust.check=false"]
    script = script.replace("n_trials=20", "n_trials=2").replace('"stages=sampled",', f'"stages=sampled", *{words},')
    monkeypatch.chdir(tmp_path)
    for trials in (2, 4):
        study = {}
        exec(compile(script, "docs/sweeps.md", "exec"), study)
        assert len(study["study"].trials) == trials and 0 < study["study"].best_value <= 1
    assert len(list((tmp_path / "outputs" / "search").glob("trial-*/metrics.json"))) == 4
