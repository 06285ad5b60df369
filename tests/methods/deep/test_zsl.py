from dataclasses import replace

import pytest
import torch
from made_up_mixtures import mixtures
from short_fits import shortened, unfitted

from udaln.errors import InputError
from udaln.methods.base import Training
from udaln.methods.deep.zsl_stage import ReducedStage, known_image
from udaln.metrics.functional import psnr
from udaln.physics.interpolation import interpolate
from udaln.physics.windows import degrade

SMALL = {"channels": 16, "patch": 16, "batch": 4}


def stage_of(scene, usable=None):
    """The stage before its first step, with the network that changes nothing, and one patch."""
    method = shortened("zsl", 10, patch=8, batch=1)
    model = unfitted(method, scene)
    model.subspace = torch.eye(scene.lr_hsi.shape[2])
    for parameter in model.network.parameters():
        torch.nn.init.zeros_(parameter)
    stage = ReducedStage(model, method.stages.reduced, 10)
    usable = torch.ones(scene.lr_hsi[..., 0].numel(), dtype=torch.bool) if usable is None else usable
    stage.learn_from(known_image(scene, model.degradation, usable), 8, 1)
    stage.generator = torch.Generator().manual_seed(0)
    return stage


@pytest.fixture
def scene():
    return mixtures(bands=10, scale=4)


def test_the_losses_are_those_of_the_pair_degraded_once_more(scene):
    """The PSF is symmetric, so that it does not matter how the only patch is turned."""
    losses = stage_of(scene).losses(None)
    y, psf, srf = scene.lr_hsi.float(), scene.truth.psf, scene.truth.srf.float()
    low = degrade(y, psf, 4)
    fused = interpolate(low, 4)
    lr_msi = degrade(scene.hr_msi, psf, 4).float()
    expected = {
        "lr_hsi": (fused - y).abs().mean(),
        "lr_msi": (fused @ srf - lr_msi).abs().mean(),
        "degraded": 0.1 * (degrade(fused, psf, 4) - low).abs().mean(),
    }
    assert losses.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(losses[name], value, rtol=1e-4, atol=1e-7)


def test_lr_pixels_that_cannot_be_used_are_no_target(scene):
    usable = torch.ones(64, dtype=torch.bool)
    usable[10] = False
    whole, without = (stage_of(scene, mask).losses(None)["lr_hsi"] for mask in (None, usable))
    y = scene.lr_hsi.float()
    error = (interpolate(degrade(y, scene.truth.psf, 4), 4) - y).abs().mean(2).flatten()
    torch.testing.assert_close(without, error[usable].mean(), rtol=1e-4, atol=0)
    assert without != whole


def test_before_training_it_is_interpolation_in_the_subspace(scene):
    model = stage_of(scene).model
    torch.testing.assert_close(model.fuse(scene).image, interpolate(scene.lr_hsi, 4).float(), rtol=1e-5, atol=1e-5)


def test_it_learns_more_than_interpolation():
    """At a higher rate than the published one, since steps are few."""
    scene = mixtures(side=64)
    method = shortened("zsl", 300, **SMALL)
    method.stages.reduced.lr = 5e-3
    model = unfitted(method, scene)
    method.fit(model, scene, Training(accelerator="cpu"))
    interpolated = interpolate(scene.lr_hsi, scene.scale).float()
    assert psnr(scene.truth.image, model.fuse(scene).image) > psnr(scene.truth.image, interpolated) + 4


def test_pairs_that_cannot_be_degraded_are_refused(scene):
    small = replace(scene, lr_hsi=scene.lr_hsi[:3], hr_msi=scene.hr_msi[:12], truth=replace(scene.truth, image=None))
    method = shortened("zsl", 2, **SMALL)
    with pytest.raises(
        InputError, match=r"LR-HSI: expected at least 4 pixels along each side for method=zsl.*, got 3×8"
    ):
        method.fit(unfitted(method, small), small, Training(accelerator="cpu"))
    method = shortened("zsl", 2, **SMALL | {"patch": 3})
    with pytest.raises(InputError, match=r"method.patch: expected at least the scale factor 4, got 3"):
        method.fit(unfitted(method, scene), scene, Training(accelerator="cpu"))
