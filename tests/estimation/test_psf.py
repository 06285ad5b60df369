import numpy as np
import pytest

from udaln.estimation.psf import centre, centre_shift, gaussian_near, size_of_deviation
from udaln.estimation.quadratic import zero_sum_basis
from udaln.physics.simulation import gaussian_psf


def gaussian(side, place, widths=(1.7, 2.4), slant=0.4):
    """Stretched and turned, sampled on side×side pixels."""
    row, column = np.mgrid[:side, :side]
    down = (row - place[0]) / widths[0]
    right = (column - place[1] - slant * (row - place[0])) / widths[1]
    psf = np.exp(-(down**2 + right**2) / 2)
    return psf / psf.sum()


def test_the_nearest_gaussian_of_a_gaussian_is_itself():
    psf = gaussian(9, (3.6, 4.2)).ravel()
    np.testing.assert_allclose(gaussian_near(psf, np.eye(81)), psf, atol=1e-7)


def test_the_nearest_gaussian_goes_by_what_is_known():
    """Off only where nothing is known of it, a PSF is near to the Gaussian that the rest of it is."""
    true = gaussian(9, (3.6, 4.2)).ravel()
    basis = zero_sum_basis(81)
    unknown = basis @ np.random.default_rng(0).normal(size=80)
    unknown /= np.linalg.norm(unknown)
    off = true + 0.05 * unknown
    blind = gaussian_near(off, np.eye(81) - np.outer(unknown, unknown))
    assert np.abs(blind - true).max() < 1e-6
    assert np.abs(gaussian_near(off, np.eye(81)) - true).max() > 1e-4


@pytest.mark.parametrize("spread", [1e-6, 0.05])
def test_the_size_of_a_deviation_is_that_beyond_its_noise(spread):
    rng = np.random.default_rng(2)
    basis = zero_sum_basis(400)
    deviation = basis @ rng.normal(scale=np.hypot(0.01, spread), size=399)
    size = size_of_deviation(deviation, np.eye(400) / 0.01**2)
    assert size**0.5 == pytest.approx(spread, rel=0.1) if spread > 0.01 else size**0.5 < 0.004


@pytest.mark.parametrize("place", [(4.0, 4.0), (3.6, 4.3), (2.1, 5.4), (4.9, 3.5)])
@pytest.mark.parametrize(("widths", "slant"), [((1.7, 2.4), 0.4), ((2.2, 2.2), 0.0), ((1.3, 3.0), -0.3)])
def test_the_centre_of_a_gaussian_is_found_however_the_window_cuts_it(place, widths, slant):
    np.testing.assert_allclose(centre(gaussian(9, place, widths, slant)), place, atol=1e-4)


def test_the_centroid_is_drawn_to_the_middle_of_the_window():
    """Which is why it is not taken."""
    psf = gaussian(9, (2.1, 5.4), (2.2, 2.2), 0.0)
    centroid = psf.sum(1) @ np.arange(9), psf.sum(0) @ np.arange(9)
    assert centroid[0] > 2.3 and centroid[1] < 5.3


def test_the_centre_of_a_psf_without_a_shape_is_the_centroid_of_its_core():
    psf = np.zeros((7, 7))
    psf[2, 3], psf[3, 3], psf[6, 6] = 2, 2, 0.3  # the last is not of the core
    assert centre(psf) == (2.5, 3)
    single = np.zeros((5, 5))
    single[4, 1] = 1
    assert centre(single) == (4, 1)


@pytest.mark.parametrize("psf", [np.ones((5, 5)), np.ones((2, 2)), np.ones((12, 12))])
def test_a_flat_psf_has_its_centre_in_the_middle(psf):
    np.testing.assert_allclose(centre(psf / psf.sum()), (len(psf) - 1) / 2, atol=1e-6)


@pytest.mark.parametrize("scale", [4, 5])
@pytest.mark.parametrize("kernel_size", [8, 9, 11, 12])
@pytest.mark.parametrize("moved", [(0.0, 0.0), (0.7, -1.2)])
def test_the_shift_is_that_of_the_psf_and_of_its_window(kernel_size, scale, moved):
    """Whether the window can be centred on the LR pixel or not."""
    psf = gaussian_psf(kernel_size, scale, scale, moved).numpy()
    np.testing.assert_allclose(centre_shift(psf, scale, (0, 0)), moved, atol=1e-4)
    np.testing.assert_allclose(centre_shift(psf, scale, (3, -7)), np.add(moved, (3, -7)), atol=1e-4)
