"""The additive pyramid: exact where detail is affine in the MSI bands, and consistent with the LR-HSI."""

import made_up
import pytest
import torch
from made_up_methods import fitted, pair, textured
from real_scenes import quality_on_muufl

from udaln.physics.simulation import gaussian_psf
from udaln.physics.windows import degrade


def test_with_the_psf_as_filter_it_is_the_regression_with_its_residual():
    scene = made_up.scene(size=40)
    image = fitted("mtf_glp", scene, filter="psf").fuse(scene).image
    torch.testing.assert_close(image, fitted("regression_residual", scene).fuse(scene).image)


@pytest.mark.parametrize("pan", ["synthesized", "selected"])
@pytest.mark.parametrize("bands", [1, 3])
def test_bands_that_follow_an_msi_band_are_exact(pan, bands):
    """With several MSI bands and with one PAN band."""
    hr_msi = textured(40, bands)
    image = hr_msi[..., [0, 0, bands - 1]] * torch.tensor([1.0, 0.5, 2.0]) + torch.tensor([0.1, 0.3, 0.0])
    scene = pair(image, hr_msi)
    fused = fitted("mtf_glp", scene, pan=pan, filter="psf").fuse(scene).image
    torch.testing.assert_close(fused, image.float(), atol=1e-5, rtol=0)


def test_bands_that_are_sums_of_msi_bands_need_a_synthesized_pan_image():
    hr_msi = textured(40, 3)
    image = hr_msi @ torch.tensor([[0.5, 0.2, 0.4], [0.3, 0.6, 0.4], [0.2, 0.2, 0.5]]).double()
    scene = pair(image, hr_msi)
    errors = {
        pan: (fitted("mtf_glp", scene, pan=pan, filter="psf").fuse(scene).image - image).abs().max()
        for pan in ("synthesized", "selected")
    }
    assert errors["synthesized"] < 1e-5 < 1e-2 < errors["selected"]


def test_the_result_seen_through_its_filter_is_the_lr_hsi():
    """The PSF is a Gaussian that its window does not cut off, so that the filter is nearly the PSF."""
    hr_msi = textured(80, 3)
    scene = pair(torch.cat([hr_msi, textured(80, 2, seed=1)], -1), hr_msi, psf=gaussian_psf(20, 4, 4))
    model = fitted("mtf_glp", scene)
    errors = [
        float((degrade(image, model.kernel, 4) - scene.lr_hsi)[3:-3, 3:-3].square().mean())
        for image in (model.fuse(scene).image, fitted("regression", scene).fuse(scene).image)
    ]
    assert errors[0] < 0.15 * errors[1]


def test_on_muufl():
    psnr, sam, ergas = quality_on_muufl("mtf_glp")
    assert psnr > 44.9 and sam < 1.47 and ergas < 0.52
    assert quality_on_muufl("mtf_glp", filter="psf")[0] == pytest.approx(46.99, abs=0.1)
