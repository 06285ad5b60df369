"""The PSFs of the battery: their sums, sizes and centres."""

import numpy as np
import pytest
import torch
from scipy.signal import convolve2d
from stress_blurs import KERNELS, kernel, lr_pixel, point_spread
from stress_cases import SCALES, SIZES

from udaln.physics.windows import middle

HYPERBENCH = KERNELS.keys() - {"box", "disk", "motion", "cubic"}
SIGNED = {"sinc", "cubic"}


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("scale", SCALES)
def test_psfs_sum_to_one_on_a_window_about_the_lr_pixel(name, scale):
    for size in SIZES:
        for shift in ((0.0, 0.0), (0.4, -0.3)):
            psf = point_spread(name, size, scale, shift)
            assert psf.sum().item() == pytest.approx(1) and psf.isfinite().all()
            assert psf.shape[0] == psf.shape[1] and (len(psf) - scale) % 2 == 0
            offsets = torch.arange(len(psf)).double() - middle(len(psf), scale)
            centre = psf.sum(1) @ offsets, psf.sum(0) @ offsets
            assert [float(offset) for offset in centre] == pytest.approx(shift, abs=1e-6)
            if name not in SIGNED:
                assert psf.min() >= 0


@pytest.mark.parametrize("name", sorted(SIGNED))
def test_signed_kernels_have_negative_weights(name):
    assert point_spread(name, 0.85, 5).min() < -1e-3


def test_delta_is_the_average_over_the_lr_pixel():
    psf = point_spread("delta", 0.35, 5).numpy()
    np.testing.assert_allclose(psf[4:9, 4:9], 1 / 25)
    assert psf.sum() == pytest.approx(1)


def test_a_shift_moves_the_area_of_the_lr_pixel():
    expected = np.zeros((5, 5))
    for down in range(3):
        for right in range(3):
            for i, row in enumerate((0.6, 0.4)):
                for j, column in enumerate((0.3, 0.7)):
                    expected[1 + down + i, right + j] += row * column / 9
    np.testing.assert_allclose(lr_pixel(3, (0.4, -0.3)), expected, atol=1e-15)


@pytest.mark.parametrize(("name", "tolerance"), [("box", 0.02), ("disk", 0.02), ("motion", 0.05)])
def test_sharp_kernels_have_the_standard_deviation_of_their_size(name, tolerance):
    size = 6.0
    values = kernel(name, size)
    offsets = np.arange(len(values)) - len(values) // 2
    variance = [values.sum(axis) @ offsets**2 for axis in (0, 1)]
    total = sum(variance) if name == "motion" else sum(variance) / 2  # along the line alone; per axis
    assert total**0.5 == pytest.approx(size, rel=tolerance)


def test_the_gaussian_is_a_gaussian():
    offsets = np.arange(-3, 4)
    one = np.exp(-(offsets**2) / (2 * 1.5**2))
    np.testing.assert_allclose(kernel("gaussian", 1.5), np.outer(one, one) / one.sum() ** 2)
    expected = convolve2d(kernel("gaussian", 1.5), np.full((3, 3), 1 / 9))
    np.testing.assert_allclose(point_spread("gaussian", 0.5, 3).numpy(), expected)


@pytest.mark.parametrize("name", sorted(HYPERBENCH))
def test_kernels_are_those_of_hyperbench(name):
    psfs = pytest.importorskip("hyperbench.degradations", reason="HyperBench is not installed")
    np.testing.assert_allclose(kernel(name, 3.4), psfs.make_psf(name, sigma=3.4, kernel_radius=7), atol=1e-6)
