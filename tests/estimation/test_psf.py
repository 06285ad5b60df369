import numpy as np
import pytest
import torch
from made_up_psfs import elliptical_gaussian

from udaln.estimation.psf import centre, centre_shift, rim_weight
from udaln.physics.simulation import gaussian_psf


@pytest.mark.parametrize("position", [(4.0, 4.0), (3.6, 4.3), (2.1, 5.4), (4.9, 3.5)])
@pytest.mark.parametrize(("widths", "slant"), [((1.7, 2.4), 0.4), ((2.2, 2.2), 0.0), ((1.3, 3.0), -0.3)])
def test_the_centre_of_a_gaussian_does_not_depend_on_the_window(position, widths, slant):
    np.testing.assert_allclose(centre(elliptical_gaussian(9, position, widths, slant)), position, atol=1e-4)


def test_the_centroid_is_biased_towards_the_middle_of_the_window():
    """Which is why it is not used."""
    psf = elliptical_gaussian(9, (2.1, 5.4), (2.2, 2.2), 0.0)
    centroid = psf.sum(1) @ np.arange(9), psf.sum(0) @ np.arange(9)
    assert centroid[0] > 2.3 and centroid[1] < 5.3


def test_the_centre_of_a_psf_of_few_pixels_is_the_centroid_of_its_core():
    psf = np.zeros((7, 7))
    psf[2, 3], psf[3, 3], psf[6, 6] = 2, 2, 0.3  # the last is not part of the core
    assert centre(psf) == (2.5, 3)
    single = np.zeros((5, 5))
    single[4, 1] = 1
    assert centre(single) == (4, 1)


@pytest.mark.parametrize("psf", [np.ones((5, 5)), np.ones((2, 2)), np.ones((12, 12))])
def test_a_flat_psf_has_its_centre_in_the_middle(psf):
    np.testing.assert_allclose(centre(psf / psf.sum()), (len(psf) - 1) / 2, atol=1e-6)


@pytest.mark.parametrize("scale", [4, 5])
@pytest.mark.parametrize("kernel_size", [8, 9, 11, 12])
@pytest.mark.parametrize("shift", [(0.0, 0.0), (0.7, -1.2)])
def test_the_shift_is_that_of_the_psf_plus_that_of_its_window(kernel_size, scale, shift):
    """Whether the window can be centred on the LR pixel or not."""
    psf = gaussian_psf(kernel_size, scale, scale, shift).numpy()
    np.testing.assert_allclose(centre_shift(psf, scale, (0, 0)), shift, atol=1e-4)
    np.testing.assert_allclose(centre_shift(psf, scale, (3, -7)), np.add(shift, (3, -7)), atol=1e-4)


def test_the_rim_of_a_flat_psf_weighs_as_much_as_its_middle():
    assert rim_weight(torch.full((7, 7), -2.0)) == pytest.approx(1)
    inner = torch.zeros(7, 7)
    inner[1:-1, 1:-1] = 1
    assert rim_weight(inner) == 0 and rim_weight(1 - inner) == pytest.approx(49 / 24)
