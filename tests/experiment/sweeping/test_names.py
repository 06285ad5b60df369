"""Names of the runs of a sweep."""

import re

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from udaln.experiment.sweeping.names import job_name, swept_values


def test_only_what_is_swept_is_named_and_in_the_order_of_the_command():
    job = ["dataset=pair", "dataset.name=north", "method=udaln", "seed=1", "+extra=3"]
    assert job_name(job, ["dataset.name", "seed"]) == "dataset-north__seed-1"
    assert job_name(job, ["extra", "method"]) == "method-udaln__extra-3"


def test_ends_of_keys_that_are_not_unique_are_whole():
    job = ["stages.joint.lr=1e-3", "stages.spectral.lr=0.01", "stages.joint.steps=5"]
    keys = ["stages.joint.lr", "stages.spectral.lr", "stages.joint.steps"]
    assert job_name(job, keys) == "stages.joint.lr-1e-3__stages.spectral.lr-0.01__steps-5"
    assert swept_values(job, keys)["steps"] == "5"


@pytest.mark.parametrize(
    "value", ["'a b/c'", "[0.8,1.3]", "../..", "x" * 300, "{a:1}", "漢" * 90, "a__b", "..", "'it''s'", '"q"x']
)
def test_any_value_gives_a_safe_name(value):
    job = [f"dataset.file={value}", f"dataset.other={value}"]
    name = job_name(job, ["dataset.file", "dataset.other"])
    assert re.fullmatch(r"[\w.+-]+", name) and ".." != name and "/" not in name and not name.startswith(("-", "."))
    assert len(name.encode()) <= 255
    parsed = OverridesParser.create().parse_override(f"model=runs/{name}/model.ckpt") if name.isascii() else None
    assert parsed is None or parsed.value() == f"runs/{name}/model.ckpt"


def test_different_values_have_different_names():
    long = "scenes/" + "x" * 80
    values = ["a b", "a/b", "a_b", "'a b'/", f"{long}1", f"1{long}", "[1,2]", "[1, 2]", "a__b", "a,b"]
    assert len({job_name([f"k={value}"], ["k"]) for value in values}) == len(values)


def test_a_sweep_over_nothing_is_named_after_all_its_words():
    assert job_name(["seed=1", "refine=none"], []) == "seed-1__refine-none"
    assert job_name([], []) == "run"
