"""Settings: those of the files are those of the code, all can be changed, and what cannot be carried out is refused."""

from dataclasses import asdict

import pytest
from omegaconf import OmegaConf
from places import ROOT

from udaln.errors import InputError
from udaln.experiment.presets import method_preset
from udaln.methods.registry import method_class

SOLVED = ["cnmf", "cstf", "fuse", "hysure", "stereo"]


@pytest.mark.parametrize("name", SOLVED)
def test_the_file_has_every_key_and_the_published_value(name):
    written = OmegaConf.to_container(OmegaConf.load(ROOT / "conf" / "method" / f"{name}.yaml").method)
    assert written == asdict(method_class(name).Settings())


@pytest.mark.parametrize(
    ("name", "key", "value", "least"),
    [
        ("cnmf", "endmembers", 0, "at least 1"),
        ("cnmf", "outer", -1, "at least 0"),
        ("cstf", "spectra", 0, "at least 1"),
        ("cstf", "penalty", 0.0, "a positive number"),
        ("cstf", "sparsity", -1.0, "at least 0"),
        ("fuse", "dimensions", 0, "at least 1"),
        ("hysure", "tries", 0, "at least 1"),
        ("hysure", "penalty", 0.0, "a positive number"),
        ("hysure", "smoothness", -1.0, "at least 0"),
        ("stereo", "rank", 0, "at least 1"),
        ("stereo", "msi_weight", 0.0, "a positive number"),
    ],
)
def test_what_cannot_be_carried_out_is_refused(name, key, value, least):
    with pytest.raises(InputError, match=rf"method\.{key}: expected {least}, got {value}"):
        method_preset(name, None, {key: value})
