"""LR pixels that show other ground than the HR-MSI are found, and no others."""

from dataclasses import replace

import pytest
import torch
from made_up_warps import displaced_pair, displacement

from udaln.estimation.change import changed_lr_pixels
from udaln.experiment.fusion import fuse_scene
from udaln.experiment.preparation import FusionOptions, align
from udaln.methods.base import Training
from udaln.methods.closed_form import ClosedForm, Settings
from udaln.physics.instruments import Instruments
from udaln.physics.observation import usable_lr_pixels

LR = 30, 28
NOISES = [{}, {"snr_hsi": 35, "snr_msi": 40}]


def options(refine=False, **given):
    return FusionOptions(
        ClosedForm(Settings()), refine=refine, instruments=Instruments("mine", **given), progress=False
    )


def with_change(pair, darker=None):
    """The pair after the LR-HSI's ground has changed in some places, and these."""
    changed = torch.zeros(LR, dtype=torch.bool)
    for row, column in ((3, 4), (12, 20), (24, 9)):
        changed[row : row + 3, column : column + 3] = True
    other = pair.lr_hsi.roll((11, 7), (0, 1)) if darker is None else darker * pair.lr_hsi
    return replace(pair, lr_hsi=torch.where(changed[..., None], other, pair.lr_hsi)), changed


@pytest.mark.parametrize("noise", NOISES, ids=["clean", "noisy"])
@pytest.mark.parametrize("darker", [None, 0.7], ids=["other ground", "shadow"])
def test_change_is_found(noise, darker):
    scene, changed = with_change(displaced_pair(lr=LR, **noise)[0], darker)
    found = align(scene, options()).scene.lr_changed
    assert found[changed].double().mean() > 0.85
    assert found[~changed].double().mean() < 0.01


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("noise", NOISES, ids=["clean", "noisy"])
def test_unchanged_ground_has_none(noise, seed):
    assert align(displaced_pair(lr=LR, seed=seed, **noise)[0], options()).scene.lr_changed is None


@pytest.mark.parametrize("noise", NOISES, ids=["clean", "noisy"])
def test_what_a_displacement_does_is_no_change(noise):
    displaced = displaced_pair(displacement((120, 112), 1.0, 1.0), LR, **noise)[1]
    assert align(displaced, options(warp=False)).scene.lr_changed is None


def test_few_lr_pixels_show_none_and_it_can_be_excluded():
    scene, changed = with_change(displaced_pair(lr=LR)[0])
    assert align(scene, options(change=False)).scene.lr_changed is None
    pair = align(scene, options())
    corner = torch.zeros(LR, dtype=torch.bool)
    corner[:9, :11] = True
    few = replace(pair.scene, lr_valid=corner, lr_changed=None)
    assert changed_lr_pixels(pair.degradation, few) is None
    usable = usable_lr_pixels(pair.scene, pair.degradation.psf).view(LR)
    assert not usable[pair.scene.lr_changed].any() and usable[~changed].double().mean() > 0.9


def test_small_differences_are_change_if_it_is_expected():
    pair = displaced_pair(lr=LR)[0]
    scene = replace(pair, lr_hsi=pair.lr_hsi.clone())
    scene.lr_hsi[10:13, 10:13] *= 1.002
    assert align(scene, options()).scene.lr_changed is None
    assert align(scene, options(change=True)).scene.lr_changed[10:13, 10:13].all()


def test_change_does_not_spoil_the_rest():
    pair = displaced_pair(lr=LR, snr_hsi=35, snr_msi=40)[0]
    scene, changed = with_change(pair)
    elsewhere = ~changed.repeat_interleave(4, 0).repeat_interleave(4, 1)

    def error(scene, **given):
        image = fuse_scene(scene, options(refine=True, **given), Training(accelerator="cpu")).estimate.image
        return float((image - pair.truth.image)[elsewhere].square().mean().sqrt())

    assert error(scene) < 1.05 * error(pair) < 0.7 * error(scene, change=False)
