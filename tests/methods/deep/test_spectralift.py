from dataclasses import replace

import torch
from made_up_mixtures import mixtures
from short_fits import shortly_fitted

from udaln.metrics.functional import psnr
from udaln.physics.interpolation import interpolate


def test_mixtures_of_few_materials_are_recovered():
    """As many MSI bands as materials: the SRF can be inverted."""
    scene = mixtures(materials=3, msi_bands=4)
    model = shortly_fitted("spectralift", scene, steps=600)
    interpolated = psnr(scene.truth.image, interpolate(scene.lr_hsi, scene.scale).float())
    assert psnr(scene.truth.image, model.fuse(scene).image) > 33 > interpolated


def test_the_psf_does_not_matter():
    """Neither does the HR-MSI for the training."""
    scene = mixtures(side=16)
    flat = torch.full_like(scene.truth.psf, 1 / scene.truth.psf.numel())
    others = replace(scene, truth=replace(scene.truth, psf=flat)), replace(scene, hr_msi=scene.hr_msi.flip(0))
    image = shortly_fitted("spectralift", scene, steps=5).fuse(scene).image
    for other in others:
        assert torch.equal(shortly_fitted("spectralift", other, steps=5).fuse(scene).image, image)
