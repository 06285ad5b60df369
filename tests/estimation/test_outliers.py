import pytest
import torch
from made_up_samples import degraded, random_scene

from udaln.estimation.degradation import estimate_degradation


@pytest.mark.parametrize("noise", [None, (40, 45)])
def test_outliers_have_no_weight(noise):
    image, psf, srf, support = random_scene(4, sides=(20, 20))
    lr, hr_windows = degraded(image, psf, srf, 4, noise)
    without = estimate_degradation(lr, hr_windows, support)
    lr[[3, 77, 200, 391]] = torch.rand(4, 14, generator=torch.Generator().manual_seed(0)).double()
    estimated = estimate_degradation(lr, hr_windows, support)
    assert not estimated.outlier_weights[[3, 77, 200, 391]].any()
    assert (estimated.psf - psf).abs().max() <= 1.2 * (without.psf - psf).abs().max() + 1e-10
    assert (estimated.srf - srf).norm() <= 1.2 * (without.srf - srf).norm() + 1e-10
