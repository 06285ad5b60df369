"""Which differences between the two sensors are estimated."""

import itertools

import pytest

from udaln.experiment.presets import instruments_preset
from udaln.physics.instruments import Instruments, OutputGrid


def test_open_choices_can_be_closed():
    for choices in itertools.product([None, False, True], repeat=4):
        closed = Instruments("mine", *choices, grid=OutputGrid.lr_hsi).without_open()
        values = closed.gain, closed.offset, closed.shift, closed.wide_psf
        assert values == tuple(choice or False for choice in choices)
        assert (closed.name, closed.grid) == ("mine", OutputGrid.lr_hsi)


@pytest.mark.parametrize(
    ("name", "differ", "grid"),
    [("auto", None, OutputGrid.auto), ("alike", False, OutputGrid.hr_msi), ("unlike", True, OutputGrid.auto)],
)
def test_presets_match_their_names(name, differ, grid):
    found = False if differ is False else None  # of unlike ones, too, only where the data show it
    assert instruments_preset(name) == Instruments(name, *[differ] * 4, grid=grid, warp=found, change=found)
