import numpy as np
import pytest
from scipy.stats import multivariate_normal

from udaln.estimation.srf_prior import (
    DEVIATION_SIZES,
    choose_hypotheses,
    covariance_matrix,
    log_evidence,
    precision_matrix,
    shape_from_data,
    shape_from_support,
    super_gaussian,
)


def test_a_super_gaussian_falls_to_half_at_its_half_width():
    np.testing.assert_allclose(super_gaussian(21, 10.0, 4.0)[[6, 10, 14]], [0.5, 1, 0.5])
    assert super_gaussian(21, np.array([3.0, 9.0]), np.array([1.0, 2.0])).shape == (2, 21)


def test_the_shape_from_a_support_is_zero_outside():
    support = np.zeros(12, dtype=bool)
    support[3:8] = True
    shape = shape_from_support(support)
    assert shape.mean.sum() == pytest.approx(1) and not shape.mean[~support].any()
    np.testing.assert_allclose(shape.mean[3:8], shape.mean[3:8][::-1])


def test_the_shape_from_data_is_the_true_one():
    rng = np.random.default_rng(0)
    y = rng.random((300, 30))
    true = super_gaussian(30, 17.3, 3.6)
    true /= true.sum()
    shape = shape_from_data(1e6 * y.T @ y, 1e6 * y.T @ (y @ true), np.ones(30, dtype=bool))
    np.testing.assert_allclose(shape.mean, true, atol=2e-3)
    assert shape.log_prior < 0


def test_log_evidence_is_the_log_marginal_likelihood():
    """The differences between sizes are those of y ~ N(Y m, 1 + size² Y B Yᵀ), B given that deviations sum to 0."""
    rng = np.random.default_rng(1)
    support = np.array([False] + [True] * 6 + [False])
    shape = shape_from_support(support)
    y = rng.random((40, 8))
    observed = y @ shape.mean + 0.3 * rng.normal(size=40)
    evidence = log_evidence(shape, 0.35, y.T @ y, y.T @ observed)
    prior = covariance_matrix(shape, 0.35)
    total = prior.sum(1)
    prior = prior - np.outer(total, total) / total.sum()
    exact = [
        multivariate_normal(y @ shape.mean, np.eye(40) + size**2 * y @ prior @ y.T).logpdf(observed)
        for size in DEVIATION_SIZES[:15]
    ]
    np.testing.assert_allclose(np.diff(evidence[:15]), np.diff(exact), atol=1e-6)


def test_with_a_free_gain_the_log_evidence_is_that_at_the_most_probable_gain():
    """Whatever the gain of the shape: adding a multiple of it to the observations changes nothing."""
    rng = np.random.default_rng(1)
    support = np.array([False] + [True] * 6 + [False])
    shape = shape_from_support(support)
    y = rng.random((40, 8))
    observed = 1.7 * y @ shape.mean + 0.3 * rng.normal(size=40)
    gram = y.T @ y
    one, other = (
        log_evidence(shape, 0.35, gram, y.T @ (observed + more * y @ shape.mean), free_gain=True) for more in (0.0, 5.0)
    )
    np.testing.assert_allclose(one, other, atol=1e-8)
    column = y @ shape.mean
    projection = np.eye(40) - np.outer(column, column) / (column @ column)  # onto what no gain explains
    expected = log_evidence(shape, 0.35, y.T @ projection @ y, y.T @ projection @ observed)
    np.testing.assert_allclose(one, expected, atol=1e-8)


@pytest.mark.parametrize("gain", [0.3, 4.0])
def test_with_a_free_gain_the_shape_from_data_is_the_true_one(gain):
    rng = np.random.default_rng(0)
    y = rng.random((300, 30))
    true = super_gaussian(30, 17.3, 3.6)
    true /= true.sum()
    gram, product, everywhere = 1e6 * y.T @ y, gain * 1e6 * y.T @ (y @ true), np.ones(30, dtype=bool)
    shape = shape_from_data(gram, product, everywhere, free_gain=True)
    np.testing.assert_allclose(shape.mean, true, atol=2e-3)
    assert np.abs(shape_from_data(gram, product, everywhere).mean - true).max() > 2e-3


def test_a_free_gain_has_no_prior():
    shape = shape_from_support(np.array([True] * 5 + [False] * 2))
    free, fixed = (precision_matrix(shape, 0.35, 0.5, 1e6 * np.eye(7), free_gain=free) for free in (True, False))
    assert np.abs(free @ shape.mean).max() < 1e-12 * np.abs(fixed @ shape.mean).max()
    rng = np.random.default_rng(0)
    for deviation in rng.normal(size=(5, 7)) * (np.arange(7) < 5):
        # the deviation from the nearest multiple of the shape
        gain = (shape.mean @ fixed @ deviation) / (shape.mean @ fixed @ shape.mean)
        remaining = deviation - gain * shape.mean
        assert deviation @ free @ deviation == pytest.approx(remaining @ fixed @ remaining, rel=1e-9)
    np.testing.assert_allclose(free, free.T, atol=1e-9 * np.abs(free).max())


def test_precision_inverts_covariance_inside_the_support():
    shape = shape_from_support(np.array([True] * 5 + [False] * 2))
    product = precision_matrix(shape, 0.35, 0.5, 1e6 * np.eye(7)) @ (0.25 * covariance_matrix(shape, 0.35))
    np.testing.assert_allclose(product, np.diag([1] * 5 + [0] * 2), atol=1e-6)


def test_a_precision_far_above_that_of_the_data_leaves_the_gain_to_them():
    """Its rounding errors along the shape would otherwise exceed what weak data say about the gain."""
    rng = np.random.default_rng(0)
    shape, y = shape_from_support(np.ones(30, dtype=bool)), rng.random((300, 30))
    gram = 0.01 * y.T @ y
    precision = precision_matrix(shape, 0.5, float(DEVIATION_SIZES[0]), gram, free_gain=True)
    assert np.trace(precision) > 1e5 * np.trace(gram)
    response = np.linalg.solve(gram + precision, gram @ (1.7 * shape.mean))
    np.testing.assert_allclose(response, 1.7 * shape.mean, atol=1e-9)


def test_bands_without_clear_evidence_follow_the_others():
    evidence = np.zeros((4, 2, 3))
    evidence[:3, 1, 2] = 8
    evidence[3, 0, 0] = 0.5
    assert choose_hypotheses(evidence).tolist() == [[1, 2]] * 4
    evidence[3, 0, 0] = 20
    assert choose_hypotheses(evidence).tolist() == [[1, 2]] * 3 + [[0, 0]]
