"""The verdict on a result follows from what the pair shows."""

import pytest
import torch

from udaln.consistency.calibration import HeldOut
from udaln.trust.agreement import Agreement
from udaln.trust.fidelity import Fidelity
from udaln.trust.verdict import Level, judge

GOOD = HeldOut(0.05, 0.06, 0.4, False)
FAITHFUL = Fidelity(0.01, 0.001)


def agreeing(disagreement=(0.0, 0.0, 0.0), lr_pixels=400, changed=0.0, rim=0.0):
    return Agreement(lr_pixels, torch.tensor(disagreement, dtype=torch.float64), changed, rim)


def test_a_pair_that_agrees_is_fit_to_use():
    verdict = judge(agreeing(), FAITHFUL, GOOD)
    assert verdict.level is Level.fit and verdict.reasons == () and str(verdict) == "fit to use"
    assert judge(agreeing(), FAITHFUL) == verdict


@pytest.mark.parametrize(
    ("found", "held_out", "given", "level", "words"),
    [
        (agreeing((0.9, 1.1, 0.8)), GOOD, None, Level.unfit, "hardly have anything in common"),
        (agreeing((0.2, 0.3, 0.1)), GOOD, None, Level.unfit, "disagree on 20.0% of the variance"),
        (agreeing((0.05, 0.03, 0.04)), GOOD, None, Level.care, "disagree on 4.0% of the variance"),
        (agreeing((0.0, 0.0, 0.8)), GOOD, None, Level.care, "does not explain MSI band 2"),
        (agreeing(), HeldOut(0.4, 0.5, 0.4, True), None, Level.unfit, "the image is the interpolated LR-HSI"),
        (agreeing(), GOOD, 3.0, Level.care, "3.0 times the error"),
        (agreeing(), GOOD, 30.0, Level.unfit, "30.0 times the error"),
        (agreeing(changed=0.3), GOOD, None, Level.care, "30% of the LR pixels differ"),
        (agreeing(rim=0.9), GOOD, None, Level.care, "beyond its window"),
        (agreeing(lr_pixels=12), GOOD, None, Level.care, "only 12 LR pixels"),
    ],
)
def test_each_sign_of_a_fault_is_named(found, held_out, given, level, words):
    verdict = judge(found, FAITHFUL, held_out, given)
    assert verdict.level is level
    assert str(verdict).startswith(f"{level.value}: ") and words in str(verdict)
    assert len(verdict.reasons) == 1


def test_the_worst_sign_decides_and_all_are_told():
    verdict = judge(agreeing((0.05, 0.05, 0.05), rim=0.9), FAITHFUL, HeldOut(0.4, 0.5, 0.4, True))
    assert verdict.level is Level.unfit and len(verdict.reasons) == 3
    assert "interpolated" in verdict.reasons[0]


@pytest.mark.parametrize(
    ("fidelity", "level", "words"),
    [
        (Fidelity(1.0, 0.02), Level.unfit, "lacks 100% of the detail"),
        (Fidelity(40.0, 0.02), Level.unfit, "lacks 100% of the detail"),
        (Fidelity(0.2, 0.001), Level.care, "lacks 20% of the detail"),
        (Fidelity(0.01, 0.05), Level.care, "differs from the LR-HSI by 5% of the variance"),
        (Fidelity(0.01, 0.4), Level.unfit, "differs from the LR-HSI by 40% of the variance"),
    ],
)
@pytest.mark.parametrize("held_out", [None, GOOD])
def test_an_image_that_does_not_show_what_the_pair_does_is_told(fidelity, level, words, held_out):
    verdict = judge(agreeing(), fidelity, held_out)
    assert verdict.level is level and words in str(verdict) and len(verdict.reasons) == 1


def test_what_images_that_disagree_cannot_both_show_is_not_told_again():
    assert len(judge(agreeing((0.2, 0.3, 0.25)), Fidelity(0.9, 0.5)).reasons) == 1
