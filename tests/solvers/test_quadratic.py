import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from udaln.solvers.quadratic import Quadratic, Rows, compress, minimise, schur_complement, zero_sum_basis


def quadratic(rng, rows, bands, msi_bands, pixels, prior=0.1):
    half = rng.normal(size=(msi_bands, bands, bands))
    return Quadratic(
        Rows(rng.random((rows, bands)), rng.random((msi_bands, rows, pixels)), rows),
        weight=rng.uniform(0.5, 2, msi_bands),
        srf_mean=rng.normal(size=(bands, msi_bands)),
        srf_precision=prior * half @ half.transpose(0, 2, 1),
        psf_mean=rng.normal(size=pixels),
        psf_precision=prior * np.eye(pixels),
    )


@pytest.mark.parametrize("weighted", [False, True])
def test_compressed_rows_have_the_inner_products_of_all(weighted):
    generator = torch.Generator().manual_seed(0)
    lr, windows = torch.rand(5000, 4, generator=generator), torch.rand(5000, 9, 2, generator=generator)
    weights = torch.rand(5000, generator=generator).double() if weighted else None
    rows = compress(lr, windows, weights)
    assert len(rows.y) < 500
    w = np.ones(5000) if weights is None else weights.numpy()
    y, z = lr.double().numpy(), windows.double().numpy()
    np.testing.assert_allclose(rows.y.T @ rows.y, (y.T * w) @ y, rtol=1e-12)
    np.testing.assert_allclose(rows.y.T @ rows.z[1], (y.T * w) @ z[:, :, 1], rtol=1e-12)
    np.testing.assert_allclose(rows.z[0].T @ rows.z[0], (z[:, :, 0].T * w) @ z[:, :, 0], rtol=1e-12)
    assert rows.count == pytest.approx(w.sum())


@pytest.mark.parametrize(("move_psf", "move_srf"), [(True, True), (True, False), (False, True)])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_minimum_is_that_of_a_general_solver(seed, move_psf, move_srf):
    rng = np.random.default_rng(seed)
    problem = quadratic(rng, 30, 5, 2, 4)
    support = np.array([[1, 0], [1, 1], [1, 1], [0, 1], [1, 1]], dtype=bool)
    start_p, start_s = np.full(4, 0.25), support / support.sum(0)
    p, s = minimise(problem, start_p, start_s, support, move_psf=move_psf, move_srf=move_srf)

    def split(x):
        return x[:4], x[4:].reshape(5, 2)

    x0 = np.concatenate([start_p, start_s.ravel()])
    fixed = np.concatenate([np.full(4, not move_psf), (~support | (not move_srf)).ravel()])
    bounds = [(v, v) if f else (0, 1) for v, f in zip(x0, fixed, strict=True)]
    sums = [{"type": "eq", "fun": lambda x: split(x)[1].sum(0) - 1}] * move_srf
    sums += [{"type": "eq", "fun": lambda x: split(x)[0].sum() - 1}] * move_psf
    found = minimize(
        lambda x: problem.value(*split(x)),
        x0,
        jac=lambda x: np.concatenate([g.ravel() for g in problem.gradient(*split(x))]),
        bounds=bounds,
        constraints=sums,
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 500},
    )
    assert problem.value(p, s) <= found.fun + 1e-9
    np.testing.assert_allclose(p, split(found.x)[0], atol=1e-5)
    np.testing.assert_allclose(s, split(found.x)[1], atol=1e-5)


def test_the_precision_of_the_psf_leaves_the_srf_free():
    """Minimised over S by hand, the objective rises from its minimum by half the quadratic form."""
    rng = np.random.default_rng(3)
    problem = quadratic(rng, 40, 3, 2, 4)
    everywhere = np.ones((3, 2), dtype=bool)
    information = schur_complement(problem, everywhere)

    def least(p):
        s, basis = np.full((3, 2), 1 / 3), zero_sum_basis(3)
        gram = problem.rows.y.T @ problem.rows.y
        for j in range(2):
            own = problem.weight[j] * gram + problem.srf_precision[j]
            by_srf = problem.gradient(p, s)[1][:, j]
            s[:, j] -= basis @ np.linalg.solve(basis.T @ own @ basis, basis.T @ by_srf)
        return problem.value(p, s)

    middle, step = np.full(4, 0.25), np.array([1.0, -2.0, 0.5, 0.5])
    rise = (least(middle + step) + least(middle - step)) / 2 - least(middle)
    assert rise == pytest.approx(0.5 * step @ information @ step, rel=1e-9)
