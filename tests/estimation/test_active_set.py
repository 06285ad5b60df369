from dataclasses import replace

import numpy as np
import pytest
import scipy.optimize
from made_up_problems import quadratic

from udaln.estimation.active_set import minimise

UNKNOWNS = [(False, True, True), (False, True, False), (False, False, True), (True, True, True), (True, False, True)]


@pytest.mark.parametrize(("free_sums", "estimate_psf", "estimate_srf"), UNKNOWNS)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_minimum_is_that_of_a_general_solver(seed, free_sums, estimate_psf, estimate_srf):
    rng = np.random.default_rng(seed)
    problem = quadratic(rng, 30, 5, 2, 4)
    support = np.array([[1, 0], [1, 1], [1, 1], [0, 1], [1, 1]], dtype=bool)
    initial_psf, initial_srf = np.full(4, 0.25), support / support.sum(0)
    unknown = {"estimate_psf": estimate_psf, "estimate_srf": estimate_srf, "free_sums": free_sums}
    p, s = minimise(problem, initial_psf, initial_srf, support, **unknown)

    def split(x):
        return x[:4], x[4:].reshape(5, 2)

    x0 = np.concatenate([initial_psf, initial_srf.ravel()])
    fixed = np.concatenate([np.full(4, not estimate_psf), (~support | (not estimate_srf)).ravel()])
    upper = None if free_sums else 1
    bounds = [(v, v) if f else (0, upper) for v, f in zip(x0, fixed, strict=True)]
    sums = [{"type": "eq", "fun": lambda x: split(x)[1].sum(0) - 1}] * (estimate_srf and not free_sums)
    sums += [{"type": "eq", "fun": lambda x: split(x)[0].sum() - 1}] * estimate_psf
    expected = scipy.optimize.minimize(
        lambda x: problem.value(*split(x)),
        x0,
        jac=lambda x: np.concatenate([g.ravel() for g in problem.gradient(*split(x))]),
        bounds=bounds,
        constraints=sums,
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 500},
    )
    assert problem.value(p, s) <= expected.fun + 1e-9
    np.testing.assert_allclose(p, split(expected.x)[0], atol=1e-5)
    np.testing.assert_allclose(s, split(expected.x)[1], atol=1e-5)


@pytest.mark.parametrize("free_sums", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_the_minimum_satisfies_the_karush_kuhn_tucker_conditions(seed, free_sums):
    """Of a problem too large for a general solver."""
    rng = np.random.default_rng(seed)
    problem = quadratic(rng, 300, 40, 2, 49, prior=1e-3)
    support = rng.random((40, 2)) < 0.7
    true_p, true_s = (weights * (rng.random(weights.shape) < 0.5) for weights in (rng.random(49), support * 1.0))
    true_p, true_s = true_p / true_p.sum(), true_s / true_s.sum(0) * ((0.6, 2) if free_sums else 1)
    residuals = problem.equations.residuals(true_p, true_s) + rng.normal(scale=0.02, size=(2, 300))
    z = problem.equations.z + residuals[:, :, None] * true_p / (true_p @ true_p)
    problem = replace(problem, equations=replace(problem.equations, z=z))
    initial = np.full(49, 1 / 49), support / support.sum(0)
    p, s = minimise(problem, *initial, support, free_sums=free_sums)
    by_psf, by_srf = problem.gradient(p, s)
    size = np.abs(problem.gradient(*initial)[1]).max()
    assert p.min() >= 0 and p.sum() == pytest.approx(1) and (p == 0).any()
    assert s.min() >= 0 and not s[~support].any() and (s[support] == 0).any()
    slope = by_psf - by_psf[p > 0].mean()
    assert np.abs(slope[p > 0]).max() < 1e-9 * size and slope[p == 0].min() > -1e-9 * size
    for column, covered, gradient in zip(s.T, support.T, by_srf.T, strict=True):
        slope = gradient if free_sums else gradient - gradient[column > 0].mean()
        assert np.abs(slope[column > 0]).max() < 1e-9 * size
        assert slope[covered & (column == 0)].min(initial=0) > -1e-9 * size
        assert free_sums or column.sum() == pytest.approx(1)
    assert not free_sums or np.abs(s.sum(0) - 1).max() > 0.1


def closed_form(problem, fixed_srf=None):
    """PSF and responses of any sign at the minimum, with sums of 1: the solution of the Karush-Kuhn-Tucker system."""
    (bands, msi_bands), pixels = problem.srf_mean.shape, len(problem.psf_mean)
    size = pixels + bands * msi_bands
    hessian, linear = np.zeros((size, size)), np.zeros(size)
    sums = np.zeros((1 + msi_bands, size))
    hessian[:pixels, :pixels], linear[:pixels] = problem.psf_precision, problem.psf_precision @ problem.psf_mean
    sums[0, :pixels] = 1
    for j, (weight, z) in enumerate(zip(problem.weight, problem.equations.z, strict=True)):
        part = slice(pixels + j * bands, pixels + (j + 1) * bands)
        rows = np.zeros((len(z), size))
        rows[:, :pixels], rows[:, part] = -z, problem.equations.y
        hessian += weight * rows.T @ rows
        hessian[part, part] += problem.srf_precision[j]
        linear[part] += problem.srf_precision[j] @ problem.srf_mean[:, j]
        sums[1 + j, part] = 1
    right = np.ones(len(sums))
    if fixed_srf is not None:
        sums = np.vstack([sums[:1], np.eye(size)[pixels:]])
        right = np.concatenate([[1.0], fixed_srf.T.ravel()])
    system = np.block([[hessian, sums.T], [sums, np.zeros((len(sums), len(sums)))]])
    solution = np.linalg.solve(system, np.concatenate([linear, right]))
    return solution[:pixels], solution[pixels:size].reshape(msi_bands, bands).T


def problem_of_a_signed_psf(rng):
    """A problem that a PSF with negative weights and positive responses solve, up to a little noise, and these."""
    problem = quadratic(rng, 200, 5, 2, 9, prior=1e-6)
    true_p, true_s = rng.uniform(0.1, 0.5, 9), rng.uniform(0.5, 1, (5, 2))
    true_p[[0, 8]] = -0.2
    true_p, true_s = true_p / true_p.sum(), true_s / true_s.sum(0)
    residuals = problem.equations.residuals(true_p, true_s) + rng.normal(scale=1e-3, size=(2, 200))
    z = problem.equations.z + residuals[:, :, None] * true_p / (true_p @ true_p)
    return replace(problem, equations=replace(problem.equations, z=z)), true_p, true_s


@pytest.mark.parametrize("estimate_srf", [False, True])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_signed_psf_is_that_of_least_squares_with_fixed_sums(seed, estimate_srf):
    problem, true_p, true_s = problem_of_a_signed_psf(np.random.default_rng(seed))
    support = np.ones((5, 2), dtype=bool)
    initial = np.full(9, 1 / 9), support / support.sum(0) if estimate_srf else true_s
    unknown = {"estimate_srf": estimate_srf, "signed": True}
    p, s = minimise(problem, *initial, support, **unknown)
    expected_p, expected_s = closed_form(problem, None if estimate_srf else true_s)
    assert expected_p.min() < -0.05 < 0 < expected_s.min()
    np.testing.assert_allclose(p, expected_p, atol=1e-9)
    np.testing.assert_allclose(s, expected_s, atol=1e-9)
    np.testing.assert_allclose(p, true_p, atol=0.02)


def test_without_a_sign_no_weight_of_the_psf_is_negative():
    problem, true_p, true_s = problem_of_a_signed_psf(np.random.default_rng(0))
    p, _ = minimise(problem, np.full(9, 1 / 9), true_s, np.ones((5, 2), dtype=bool))
    assert p.min() == 0 and np.abs(p - true_p).max() > 0.05
