"""The interpolated LR-HSI: ramps are exact, wherever the LR-HSI lies."""

from dataclasses import replace

import pytest
import torch
from made_up_methods import fitted, pair, textured
from real_scenes import quality_on_muufl

from udaln.physics.simulation import gaussian_psf


@pytest.mark.parametrize("shift", [(0.0, 0.0), (1.4, -0.7)])
def test_a_ramp_is_exact_also_where_the_psf_is_off_its_place(shift):
    ramp = torch.arange(60.0).double()
    image = torch.stack([ramp[:, None].expand(60, 60), ramp.expand(60, 60)], -1) / 60
    scene = pair(image, textured(60, 1), psf=gaussian_psf(24, 4, 3, shift))
    fused = fitted("interpolation", scene).fuse(scene).image
    torch.testing.assert_close(fused[16:44, 16:44], image[16:44, 16:44].float(), atol=1e-4, rtol=0)


def test_whole_pixels_of_a_shift_count():
    image = torch.arange(60.0).double()[:, None, None].expand(60, 60, 1) / 60
    scene = pair(image, textured(60, 1), psf=gaussian_psf(24, 4, 3, (0, 0)))
    moved = replace(scene, shift=(2, 0))  # the same LR-HSI, taken for one of the ground two rows below
    fused = fitted("interpolation", scene).fuse(moved).image
    torch.testing.assert_close(fused[16:44] + 2 / 60, image[16:44].float(), atol=1e-4, rtol=0)


def test_on_muufl():
    psnr, sam, ergas = quality_on_muufl("interpolation")
    assert psnr == pytest.approx(25.10, abs=0.1) and sam == pytest.approx(3.85, abs=0.03) and 4.2 < ergas < 4.4
