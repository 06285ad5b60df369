"""The low-pass filter has the gain that is asked for, and lies where the PSF lies."""

import math

import numpy as np
import pytest
import torch

from udaln.errors import InputError
from udaln.methods.classical.low_pass import Filter, check_gain, low_pass_filter, nyquist_gain
from udaln.physics.degradation import Degradation
from udaln.physics.simulation import gaussian_psf
from udaln.physics.windows import middle
from udaln.scene import Known


def degradation(psf, scale=4):
    return Degradation(
        scale=scale, kernel_size=len(psf), support=torch.ones(3, 1, dtype=torch.bool), known=Known(psf=psf)
    )


@pytest.mark.parametrize("scale", [2, 3, 5, 8])
def test_the_gain_of_the_mean_over_a_pixel_is_its_formula(scale):
    box = torch.full((scale, scale), 1 / scale**2).double()
    assert nyquist_gain(box, scale) == pytest.approx(1 / (scale * math.sin(math.pi / (2 * scale))))


def test_the_gain_is_the_fourier_transform_at_nyquist():
    psf = torch.rand(12, 12, generator=torch.Generator().manual_seed(0)).double()
    psf /= psf.sum()
    spectrum = np.abs(np.fft.fft2(psf.numpy(), (24, 24)))
    assert nyquist_gain(psf, 4) == pytest.approx(math.sqrt(spectrum[3, 0] * spectrum[0, 3]))  # 3/24 = 1/(2·4)


@pytest.mark.parametrize("gain", [0.1, 0.3, 0.6])
def test_the_gaussian_has_the_gain_that_is_asked_for(gain):
    kernel = low_pass_filter(degradation(gaussian_psf(4, 4, 4)), Filter.gaussian, gain)
    assert float(kernel.sum()) == pytest.approx(1)
    assert nyquist_gain(kernel, 4) == pytest.approx(gain, abs=0.01)


def test_the_gaussian_is_that_of_the_psf():
    wide = gaussian_psf(24, 4, 5, (1.0, -0.6))
    kernel = low_pass_filter(degradation(wide), Filter.gaussian)
    assert nyquist_gain(kernel, 4) == pytest.approx(nyquist_gain(wide, 4), abs=0.01)
    at = torch.arange(len(kernel)).double() - middle(len(kernel), 4)
    centroid = float(kernel.sum(1) @ at), float(kernel.sum(0) @ at)
    assert centroid == pytest.approx((1.0, -0.6), abs=0.05)
    assert torch.equal(low_pass_filter(degradation(wide), Filter.psf), wide / wide.sum())


@pytest.mark.parametrize("gain", [0.0, 1.0, -0.3, math.inf, math.nan])
def test_a_gain_that_no_gaussian_has_is_refused(gain):
    with pytest.raises(InputError, match=r"^method.nyquist_gain: expected a number between 0 and 1, or null, got "):
        check_gain(gain)
