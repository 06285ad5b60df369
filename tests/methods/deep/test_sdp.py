import pytest
import torch
from made_up_mixtures import mixtures
from short_fits import shortened, shortly_fitted, unfitted

from udaln.methods.deep.sdp import PriorStage
from udaln.metrics.functional import psnr
from udaln.physics.blocks import blocks_of
from udaln.physics.interpolation import interpolate
from udaln.physics.windows import degrade

SMALL = {"layers": 3, "hidden": 64, "batch": 128, "diffusion_steps": 60}


@pytest.fixture(scope="module")
def scene():
    return mixtures(bands=12, side=24)


@pytest.fixture(scope="module")
def model(scene):
    return shortly_fitted("sdp", scene, steps=100, **SMALL)


def test_the_image_is_nearer_than_interpolation_and_agrees_with_both_images(model, scene):
    image = model.fuse(scene).image
    interpolated = interpolate(scene.lr_hsi, scene.scale).float()
    assert psnr(scene.truth.image, image) > psnr(scene.truth.image, interpolated) + 2

    def misfits(image):
        image = image.double()
        yield (image @ scene.truth.srf - scene.hr_msi).norm() / scene.hr_msi.norm()
        yield (degrade(image, scene.truth.psf, scene.scale) - scene.lr_hsi).norm() / scene.lr_hsi.norm()

    (msi, hsi), (msi_before, _) = misfits(image), misfits(interpolated)
    assert msi < msi_before / 4 and hsi < 0.05


def test_the_prior_is_the_mean_of_the_weights_of_the_training(scene):
    method = shortened("sdp", 10, **SMALL)
    stage = PriorStage(unfitted(method, scene), method.stages.prior, 10)
    stage.batch, stage.generator = 8, torch.Generator()
    with torch.no_grad():
        for parameter in stage.model.denoiser.parameters():
            parameter.add_(1.0)
    before = [parameter.clone() for parameter in stage.model.mean_denoiser.parameters()]
    stage.losses(blocks_of(scene, scene.scale))
    for mean, was in zip(stage.model.mean_denoiser.parameters(), before, strict=True):
        torch.testing.assert_close(mean, was + 1e-3, rtol=1e-4, atol=1e-6)
        assert not mean.requires_grad


def test_the_prior_counts(model, scene):
    with_prior = model.fuse(scene).image
    weight, model.prior_weight, model._answer = model.prior_weight, 0.0, None
    without = model.fuse(scene).image
    model.prior_weight, model._answer = weight, None
    assert not torch.equal(with_prior, without)
