"""The affine regression: exact where the bands are affine in the MSI bands, and that of the yardsticks."""

import made_up
import pytest
import torch
from made_up_methods import fitted, pair, textured
from real_scenes import quality_on_muufl
from yardsticks import yardsticks


def test_bands_that_are_affine_in_the_msi_bands_are_exact():
    hr_msi = textured(40, 3)
    weights = torch.tensor([[1.0, 0.5, -0.3, 0.2], [0.0, 0.4, 0.9, 0.1], [0.2, 0.0, 0.3, -0.6]]).double()
    image = hr_msi @ weights + torch.tensor([0.0, 0.1, 0.2, 0.5])
    scene = pair(image, hr_msi)
    model = fitted("regression", scene)
    torch.testing.assert_close(model.fuse(scene).image, image.float(), atol=1e-5, rtol=0)
    torch.testing.assert_close(model.affine.weight, weights.T.float(), atol=1e-4, rtol=0)


def test_it_is_the_yardstick():
    scene = made_up.scene(size=40)
    expected = yardsticks(scene.lr_hsi, scene.hr_msi, scene.truth.psf, scene.scale)["regression"]
    torch.testing.assert_close(fitted("regression", scene).fuse(scene).image, expected.float(), atol=1e-5, rtol=0)


def test_on_muufl():
    psnr, sam, ergas = quality_on_muufl("regression")
    assert psnr == pytest.approx(46.45, abs=0.1) and sam == pytest.approx(1.467, abs=0.02) and ergas < 0.50
