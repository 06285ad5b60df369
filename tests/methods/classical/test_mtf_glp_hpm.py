"""The multiplicative pyramid: exact where the bands are multiples of a pan image; ratios have bounds."""

import pytest
import torch
from made_up_methods import fitted, pair, textured
from real_scenes import quality_on_muufl

from udaln.physics.windows import degrade


@pytest.mark.parametrize("pan", ["synthesized", "selected"])
@pytest.mark.parametrize("bands", [1, 3])
def test_bands_that_are_multiples_of_an_msi_band_are_exact(pan, bands):
    hr_msi = textured(40, bands)
    image = hr_msi[..., [0, 0, bands - 1]] * torch.tensor([1.0, 0.5, 2.0])
    scene = pair(image, hr_msi)
    fused = fitted("mtf_glp_hpm", scene, pan=pan, filter="psf").fuse(scene).image
    torch.testing.assert_close(fused, image.float(), atol=1e-5, rtol=0)


def test_contrast_is_kept_where_the_band_is_brighter_than_its_pan_image():
    """Half of the image has a second factor: its contrast is larger than that of the pan image."""
    pan = textured(80, 1)
    factor = torch.where(torch.arange(80) < 40, 1.0, 3.0)[:, None, None].double()
    scene = pair(pan * factor, pan)
    inner = slice(52, 68)  # away from the step between the halves and from the border
    errors = [
        float((fitted(name, scene, filter="psf").fuse(scene).image - scene.truth.image)[inner].abs().mean())
        for name in ("mtf_glp_hpm", "mtf_glp")
    ]
    assert errors[0] < 0.5 * errors[1]


def test_the_ratio_has_bounds():
    model = fitted("mtf_glp_hpm", pair(textured(40, 2), textured(40, 1, seed=2)))
    interpolated = torch.full((1, 5, 1), 2.0)
    pan = torch.tensor([3.0, -1.0, 100.0, 5.0, 5.0])[None, :, None]
    low_pass = torch.tensor([2.0, 1.0, 1.0, 0.0, -1.0])[None, :, None]
    assert model.inject(interpolated, pan, low_pass).flatten().tolist() == [3.0, 0.0, 20.0, 2.0, 2.0]


def test_where_the_pan_image_is_smooth_the_interpolated_band_is_left():
    pan = torch.full((40, 40, 1), 0.4).double()
    scene = pair(textured(40, 2), pan)
    model = fitted("mtf_glp_hpm", scene)
    torch.testing.assert_close(
        model.fuse(scene).image, fitted("interpolation", scene).fuse(scene).image, atol=1e-5, rtol=0
    )
    assert (degrade(model.fuse(scene).image, scene.known.psf, 4) - scene.lr_hsi).abs().mean() < 0.05


def test_on_muufl():
    psnr, sam, ergas = quality_on_muufl("mtf_glp_hpm")
    assert psnr > 44.7 and sam < 1.46 and ergas < 0.52
    assert quality_on_muufl("mtf_glp_hpm", filter="psf")[0] > 46.9
