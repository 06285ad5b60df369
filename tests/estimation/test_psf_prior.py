import numpy as np
import pytest
from made_up_psfs import elliptical_gaussian

from udaln.estimation.newton import zero_sum_basis
from udaln.estimation.psf_prior import deviation_variance, nearest_gaussian


def test_the_nearest_gaussian_of_a_gaussian_is_itself():
    psf = elliptical_gaussian(9, (3.6, 4.2)).ravel()
    np.testing.assert_allclose(nearest_gaussian(psf, np.eye(81)), psf, atol=1e-7)


def test_the_nearest_gaussian_ignores_directions_without_information():
    true = elliptical_gaussian(9, (3.6, 4.2)).ravel()
    basis = zero_sum_basis(81)
    unknown = basis @ np.random.default_rng(0).normal(size=80)
    unknown /= np.linalg.norm(unknown)
    perturbed = true + 0.05 * unknown
    without_information = nearest_gaussian(perturbed, np.eye(81) - np.outer(unknown, unknown))
    assert np.abs(without_information - true).max() < 1e-6
    assert np.abs(nearest_gaussian(perturbed, np.eye(81)) - true).max() > 1e-4


@pytest.mark.parametrize("std", [1e-6, 0.05])
def test_the_variance_of_a_deviation_excludes_its_noise(std):
    rng = np.random.default_rng(2)
    basis = zero_sum_basis(400)
    deviation = basis @ rng.normal(scale=np.hypot(0.01, std), size=399)
    variance = deviation_variance(deviation, np.eye(400) / 0.01**2)
    assert variance**0.5 == pytest.approx(std, rel=0.1) if std > 0.01 else variance**0.5 < 0.004
