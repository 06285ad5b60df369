"""``degradation=true``: PSF and SRF of the truth, in a configuration and in a run."""

import json

import pytest
import torch
from omegaconf import OmegaConf

from udaln.errors import InputError
from udaln.experiment.config import typed
from udaln.experiment.job import prepare
from udaln.experiment.run import run as run_config
from udaln.experiment.schema import DegradationConfig, Source
from udaln.experiment.shorthands import check_degradation


def sources(config):
    return config.degradation.psf, config.degradation.srf


@pytest.mark.parametrize("source", list(Source))
def test_one_word_sets_both(configure, source):
    config = configure(f"degradation={source.name}")
    assert sources(config) == (source, source)
    assert config.degradation == DegradationConfig(source, source)


def test_true_is_the_name_of_a_source(configure):
    assert sources(configure("degradation.psf=true")) == (Source.true, Source.estimated)
    assert sources(configure("degradation.srf=true")) == (Source.estimated, Source.true)
    assert sources(configure("degradation={srf: true, psf: known}")) == (Source.known, Source.true)


@pytest.mark.parametrize("words", [["degradation=true"], ["degradation.srf=true"], []])
def test_a_run_that_goes_on_reads_the_same(configure, words):
    config = configure(*words)
    text = OmegaConf.to_yaml(OmegaConf.structured(config))
    assert typed(OmegaConf.create(text)) == config


def test_what_is_given_is_told():
    given = {
        (psf, srf): DegradationConfig(Source[psf], Source[srf]).given
        for psf in ("estimated", "true")
        for srf in ("estimated", "known")
    }
    assert list(given.values()) == ["none", "srf", "psf", "psf+srf"]


@pytest.mark.parametrize(("word", "got"), [("maybe", "'maybe'"), ("false", "'false'"), ("null", "null"), ("3", "3")])
def test_another_word_is_refused(configure, word, got):
    for key in ("degradation", "degradation.psf"):
        if (key, word) == ("degradation.psf", "null") or (key, word) == ("degradation.psf", "3"):
            continue  # these are refused by the type
        with pytest.raises(InputError, match=f"^{key}: expected one of estimated, known, true, got {got}$"):
            configure(f"{key}={word}")


def test_one_word_beside_keys_is_refused():
    for words in (["degradation=true", "degradation.shape=gaussian"], ["degradation.psf=known", "degradation=true"]):
        with pytest.raises(InputError, match=r"^degradation\.\w+: expected degradation.psf= and degradation.srf= "):
            check_degradation(words)
    check_degradation(["degradation=true", "dataset.size=40"])
    check_degradation(["degradation.psf=true", "degradation.shape=gaussian"])


def test_the_truth_of_a_simulation_is_used_as_it_is(configure, tmp_path):
    job = prepare(configure("degradation=true", "dataset.size=40", "dataset.bands=12", "trainer=cpu"), tmp_path, None)
    degradation = job.aligned.degradation
    assert not degradation.unknown
    assert torch.equal(degradation.psf, job.scene.truth.psf)
    torch.testing.assert_close(degradation.srf, job.scene.truth.srf)


def test_a_run_records_what_was_given(configure, tmp_path):
    words = ["method=gsa", "dataset.size=40", "dataset.bands=12", "trainer=cpu"]
    for name, more, given in (("est", [], "none"), ("true", ["degradation=true"], "psf+srf")):
        run_config(configure(*words, *more), tmp_path / name)
        metrics = json.loads((tmp_path / name / "metrics.json").read_text())
        assert metrics["given"] == given and ("degradation_seconds" in metrics) == (given == "none")
    assert metrics["psf_error"] == 0
    assert metrics["srf_error"] < 1e-9
    assert "psf: 'true'" in (tmp_path / "true" / "config.yaml").read_text()
