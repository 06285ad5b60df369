"""Settings of the deep methods: those of the files are those of the code, and what cannot be carried out is refused."""

from dataclasses import asdict

import pytest
from omegaconf import OmegaConf
from places import ROOT

from udaln.errors import InputError
from udaln.experiment.presets import method_preset
from udaln.methods.registry import method_class

DEEP = ["cf_bpnn", "sdp", "spectralift", "spectramorph", "zsl"]
STAGE = {"sdp": "prior", "spectralift": "spectral", "spectramorph": "spectral", "zsl": "reduced"}


@pytest.mark.parametrize("name", DEEP)
def test_the_method_file_has_every_key_and_the_default_value(name):
    written = OmegaConf.to_container(OmegaConf.load(ROOT / "conf" / "method" / f"{name}.yaml").method)
    assert written == asdict(method_class(name).Settings())


@pytest.mark.parametrize("name", sorted(STAGE))
def test_the_stages_file_says_how_the_rate_rises_and_falls(name):
    written = OmegaConf.load(ROOT / "conf" / "stages" / f"{name}.yaml").stages
    assert set(written) == set(asdict(method_class(name).Stages()))
    assert {"lr", "steps", "constant_until", "start", "power"} <= set(written[STAGE[name]])


@pytest.mark.parametrize(
    ("name", "key", "value", "least"),
    [
        ("cf_bpnn", "clusters", 0, "at least 1"),
        ("cf_bpnn", "goal", -1.0, "at least 0"),
        ("sdp", "diffusion_steps", 1, "at least 2"),
        ("sdp", "lr", 0.0, "a positive number"),
        ("spectralift", "layers", 0, "at least 1"),
        ("spectramorph", "endmembers", 0, "at least 1"),
        ("zsl", "dimensions", 0, "at least 1"),
        ("zsl", "batch", 0, "at least 1"),
    ],
)
def test_settings_out_of_range_are_refused(name, key, value, least):
    with pytest.raises(InputError, match=rf"method\.{key}: expected {least}, got {value}"):
        method_preset(name, None, {key: value})


@pytest.mark.parametrize("name", sorted(STAGE))
def test_no_steps_are_refused(name):
    method, _ = method_preset(name)
    getattr(method.stages, STAGE[name]).steps = getattr(method.stages, STAGE[name]).constant_until = 0
    with pytest.raises(InputError, match=rf"stages\.{STAGE[name]}\."):
        method.check()


def test_devices_share_blocks_alone():
    lift, _ = method_preset("spectralift")
    with pytest.raises(InputError, match=r"stages.spectral.blocks: expected at least 2, .*, got null, the whole image"):
        lift.check(devices=2)
    lift.stages.spectral.blocks = 64
    lift.check(devices=2)
    zsl, _ = method_preset("zsl")
    with pytest.raises(InputError, match=r"trainer.devices: expected 1 for method=zsl, .*, got 2"):
        zsl.check(devices=2)
    zsl.stages.reduced.blocks = 64
    with pytest.raises(InputError, match=r"stages.reduced.blocks: expected null for method=zsl, .*, got 64"):
        zsl.check()
