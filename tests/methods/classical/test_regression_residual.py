"""The regression with its interpolated residual: that of the yardsticks, and nearer to the LR-HSI than without."""

import made_up
import pytest
import torch
from made_up_methods import fitted, pair, textured
from real_scenes import quality_on_muufl
from yardsticks import yardsticks

from udaln.physics.simulation import gaussian_psf
from udaln.physics.windows import degrade


def test_it_is_the_yardstick():
    scene = made_up.scene(size=40)
    expected = yardsticks(scene.lr_hsi, scene.hr_msi, scene.truth.psf, scene.scale)["residual"]
    image = fitted("regression_residual", scene).fuse(scene).image
    torch.testing.assert_close(image, expected.float(), atol=1e-5, rtol=0)


@pytest.mark.parametrize("shift", [(0.0, 0.0), (1.4, -0.7)])
def test_what_the_msi_does_not_show_is_taken_from_the_lr_hsi(shift):
    """A field of few frequencies in one band alone; the PSF lies off its place."""
    hr_msi = textured(80, 2)
    smooth = torch.sin(torch.arange(80.0).double() / 8)
    image = torch.cat([hr_msi, 0.5 + 0.2 * smooth[:, None, None] * smooth[None, :, None]], -1)
    psf = gaussian_psf(20, 4, 3, shift)
    scene = pair(image, hr_msi, psf=psf)
    inner = slice(12, 68)
    errors = [
        (fitted(name, scene).fuse(scene).image - image)[inner, inner].square().mean().sqrt()
        for name in ("regression", "regression_residual")
    ]
    assert errors[1] < 0.05 * errors[0]


def test_it_is_nearer_to_the_lr_hsi_than_the_regression():
    scene = made_up.scene(size=40)
    errors = [
        (degrade(fitted(name, scene).fuse(scene).image, scene.known.psf, 4) - scene.lr_hsi).square().mean()
        for name in ("regression", "regression_residual")
    ]
    assert errors[1] < 0.2 * errors[0]


def test_on_muufl():
    psnr, sam, ergas = quality_on_muufl("regression_residual")
    assert psnr == pytest.approx(46.99, abs=0.1) and sam == pytest.approx(1.416, abs=0.02) and ergas < 0.46
