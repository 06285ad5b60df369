"""Which differences between the two sensors are estimated."""

import itertools

import pytest

from udaln.experiment.presets import instruments_preset
from udaln.physics.instruments import Instruments, OutputGrid


@pytest.mark.parametrize("default", [False, True])
def test_only_open_choices_are_resolved(default):
    for choices in itertools.product([None, False, True], repeat=4):
        resolved = Instruments("mine", *choices, grid=OutputGrid.lr_hsi).resolved(default)
        values = resolved.gain, resolved.offset, resolved.shift, resolved.wide_psf
        assert values == tuple(default if choice is None else choice for choice in choices)
        assert (resolved.name, resolved.grid) == ("mine", OutputGrid.lr_hsi)
        assert resolved.resolved(not default) == resolved


def test_presets_match_their_names():
    auto, alike, unlike = (instruments_preset(name) for name in ("auto", "alike", "unlike"))
    for differ in (False, True):
        assert auto.resolved(differ) == Instruments("auto", *[differ] * 4, grid=OutputGrid.auto)
    assert alike == alike.resolved(True) == Instruments("alike", *[False] * 4, grid=OutputGrid.hr_msi)
    assert unlike == unlike.resolved(False) == Instruments("unlike", *[True] * 4, grid=OutputGrid.auto)
