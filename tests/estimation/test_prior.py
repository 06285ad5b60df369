import numpy as np
import pytest
from scipy.stats import multivariate_normal

from udaln.estimation.prior import (
    SIZES,
    covariance,
    evidence,
    plateau,
    pooled_choice,
    precision,
    shape_of_data,
    shape_of_support,
)


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


def test_with_a_free_gain_the_evidence_is_that_at_the_most_probable_gain():
    """Of any gain of the shape: adding a multiple of it to what is seen changes nothing."""
    rng = np.random.default_rng(1)
    support = np.array([False] + [True] * 6 + [False])
    shape = shape_of_support(support)
    y = rng.random((40, 8))
    seen = 1.7 * y @ shape.mean + 0.3 * rng.normal(size=40)
    gram = y.T @ y
    one, other = (
        evidence(shape, 0.35, gram, y.T @ (seen + more * y @ shape.mean), free_gain=True) for more in (0.0, 5.0)
    )
    np.testing.assert_allclose(one, other, atol=1e-8)
    along = y @ shape.mean
    apart = np.eye(40) - np.outer(along, along) / (along @ along)  # what no gain explains
    by_hand = evidence(shape, 0.35, y.T @ apart @ y, y.T @ apart @ seen)
    np.testing.assert_allclose(one, by_hand, atol=1e-8)


@pytest.mark.parametrize("gain", [0.3, 4.0])
def test_data_say_where_a_response_of_any_gain_lies(gain):
    rng = np.random.default_rng(0)
    y = rng.random((300, 30))
    true = plateau(30, 17.3, 3.6)
    true /= true.sum()
    everywhere = np.ones(30, dtype=bool)
    shape = shape_of_data(1e6 * y.T @ y, gain * 1e6 * y.T @ (y @ true), everywhere, free_gain=True)
    np.testing.assert_allclose(shape.mean, true, atol=2e-3)
    assert np.abs(shape_of_data(1e6 * y.T @ y, gain * 1e6 * y.T @ (y @ true), everywhere).mean - true).max() > 2e-3


def test_a_free_gain_costs_nothing():
    shape = shape_of_support(np.array([True] * 5 + [False] * 2))
    free, bound = (precision(shape, 0.35, 0.5, free_gain=free) for free in (True, False))
    assert np.abs(free @ shape.mean).max() < 1e-12 * np.abs(bound @ shape.mean).max()
    rng = np.random.default_rng(0)
    for deviation in rng.normal(size=(5, 7)) * (np.arange(7) < 5):
        # the deviation, taken of the nearest multiple of the shape
        gain = (shape.mean @ bound @ deviation) / (shape.mean @ bound @ shape.mean)
        apart = deviation - gain * shape.mean
        assert deviation @ free @ deviation == pytest.approx(apart @ bound @ apart, rel=1e-9)
    np.testing.assert_allclose(free, free.T, atol=1e-9 * np.abs(free).max())


def test_precision_inverts_covariance_inside_the_support():
    shape = shape_of_support(np.array([True] * 5 + [False] * 2))
    product = precision(shape, 0.35, 0.5) @ (0.25 * covariance(shape, 0.35))
    np.testing.assert_allclose(product, np.diag([1] * 5 + [0] * 2), atol=1e-6)


def test_bands_without_a_clear_say_follow_the_others():
    likely = np.zeros((4, 2, 3))
    likely[:3, 1, 2] = 8
    likely[3, 0, 0] = 0.5
    assert pooled_choice(likely).tolist() == [[1, 2]] * 4
    likely[3, 0, 0] = 20
    assert pooled_choice(likely).tolist() == [[1, 2]] * 3 + [[0, 0]]
