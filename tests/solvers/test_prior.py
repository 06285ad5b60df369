import numpy as np
import pytest
from scipy.stats import multivariate_normal

from udaln.solvers.prior import (
    SIZES,
    covariance,
    evidence,
    gaussian_near,
    plateau,
    pooled_choice,
    precision,
    shape_of_data,
    shape_of_support,
    size_of_deviation,
)
from udaln.solvers.quadratic import zero_sum_basis


def test_a_plateau_is_half_as_high_at_its_half_width():
    np.testing.assert_allclose(plateau(21, 10.0, 4.0)[[6, 10, 14]], [0.5, 1, 0.5])
    assert plateau(21, np.array([3.0, 9.0]), np.array([1.0, 2.0])).shape == (2, 21)


def test_the_shape_of_a_support_lies_in_it():
    support = np.zeros(12, dtype=bool)
    support[3:8] = True
    shape = shape_of_support(support)
    assert shape.mean.sum() == pytest.approx(1) and not shape.mean[~support].any()
    np.testing.assert_allclose(shape.mean[3:8], shape.mean[3:8][::-1])


def test_data_say_where_a_response_lies():
    rng = np.random.default_rng(0)
    y = rng.random((300, 30))
    true = plateau(30, 17.3, 3.6)
    true /= true.sum()
    shape = shape_of_data(1e6 * y.T @ y, 1e6 * y.T @ (y @ true), np.ones(30, dtype=bool))
    np.testing.assert_allclose(shape.mean, true, atol=2e-3)
    assert shape.odds < 0


def test_evidence_is_the_marginal_likelihood():
    """The differences between sizes are those of y ~ N(Y m, 1 + size² Y B Yᵀ), B given that deviations sum to 0."""
    rng = np.random.default_rng(1)
    support = np.array([False] + [True] * 6 + [False])
    shape = shape_of_support(support)
    y = rng.random((40, 8))
    seen = y @ shape.mean + 0.3 * rng.normal(size=40)
    likely = evidence(shape, 0.35, y.T @ y, y.T @ seen)
    prior = covariance(shape, 0.35)
    total = prior.sum(1)
    prior = prior - np.outer(total, total) / total.sum()
    exact = [
        multivariate_normal(y @ shape.mean, np.eye(40) + size**2 * y @ prior @ y.T).logpdf(seen) for size in SIZES[:15]
    ]
    np.testing.assert_allclose(np.diff(likely[:15]), np.diff(exact), atol=1e-6)


def test_precision_inverts_covariance_inside_the_support():
    shape = shape_of_support(np.array([True] * 5 + [False] * 2))
    product = precision(shape, 0.35, 0.5) @ (0.25 * covariance(shape, 0.35))
    np.testing.assert_allclose(product, np.diag([1] * 5 + [0] * 2), atol=1e-6)


def test_the_nearest_gaussian_of_a_gaussian_is_itself():
    row, column = np.mgrid[:9, :9]
    down, right = (row - 3.6) / 1.7, (column - 4.2 - 0.4 * (row - 3.6)) / 2.4
    psf = np.exp(-(down**2 + right**2) / 2).ravel()
    psf /= psf.sum()
    np.testing.assert_allclose(gaussian_near(psf, np.eye(81)), psf, atol=1e-7)


@pytest.mark.parametrize("spread", [1e-6, 0.05])
def test_the_size_of_a_deviation_is_that_beyond_its_noise(spread):
    rng = np.random.default_rng(2)
    basis = zero_sum_basis(400)
    deviation = basis @ rng.normal(scale=np.hypot(0.01, spread), size=399)
    size = size_of_deviation(deviation, np.eye(400) / 0.01**2)
    assert size**0.5 == pytest.approx(spread, rel=0.1) if spread > 0.01 else size**0.5 < 0.004


def test_bands_without_a_clear_say_follow_the_others():
    likely = np.zeros((4, 2, 3))
    likely[:3, 1, 2] = 8
    likely[3, 0, 0] = 0.5
    assert pooled_choice(likely).tolist() == [[1, 2]] * 4
    likely[3, 0, 0] = 20
    assert pooled_choice(likely).tolist() == [[1, 2]] * 3 + [[0, 0]]
