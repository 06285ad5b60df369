from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from udaln.estimation.normal_equations import Rows, compress
from udaln.estimation.quadratic import Quadratic, minimise, schur_complement, zero_sum_basis


def quadratic(rng, rows, bands, msi_bands, pixels, prior=0.1):
    half = rng.normal(size=(msi_bands, bands, bands))
    return Quadratic(
        Rows(
            rng.random((rows, bands)),
            rng.random((msi_bands, rows, pixels)),
            rows,
            y_mean=np.zeros(bands),
            z_mean=np.zeros((msi_bands, pixels)),
        ),
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
    assert not rows.y_mean.any() and not rows.z_mean.any()


@pytest.mark.parametrize("weighted", [False, True])
def test_centred_rows_are_those_of_what_is_centred_by_hand(weighted):
    generator = torch.Generator().manual_seed(0)
    lr, windows = torch.rand(5000, 4, generator=generator) + 3, torch.rand(5000, 9, 2, generator=generator) - 5
    weights = torch.rand(5000, generator=generator).double() if weighted else torch.ones(5000).double()
    rows = compress(lr, windows, weights if weighted else None, centred=True)
    y_mean = (weights[:, None] * lr).sum(0) / weights.sum()
    z_mean = (weights[:, None, None] * windows).sum(0) / weights.sum()
    by_hand = compress(lr.double() - y_mean, windows.double() - z_mean, weights)
    np.testing.assert_allclose(rows.y_mean, y_mean, rtol=1e-13)
    np.testing.assert_allclose(rows.z_mean, z_mean.T, rtol=1e-13)
    np.testing.assert_allclose(rows.y.T @ rows.y, by_hand.y.T @ by_hand.y, rtol=1e-10, atol=1e-9)
    for j in range(2):
        np.testing.assert_allclose(rows.y.T @ rows.z[j], by_hand.y.T @ by_hand.z[j], rtol=1e-10, atol=1e-9)
        np.testing.assert_allclose(rows.z[j].T @ rows.z[j], by_hand.z[j].T @ by_hand.z[j], rtol=1e-10, atol=1e-9)
    assert rows.count == pytest.approx(weights.sum())


def test_the_offset_is_what_the_means_leave():
    """It is the constant that makes the squares of Y s + offset − Z p least."""
    generator = torch.Generator().manual_seed(0)
    lr, windows = torch.rand(400, 4, generator=generator) + 3, torch.rand(400, 9, 2, generator=generator) - 5
    rows = compress(lr, windows, centred=True)
    p, s = np.full(9, 1 / 9), np.random.default_rng(0).random((4, 2))
    unlike = np.einsum("nkj,k->nj", windows.numpy().astype(float), p) - lr.numpy().astype(float) @ s
    np.testing.assert_allclose(rows.offset(p, s), unlike.mean(0), rtol=1e-12)
    np.testing.assert_allclose((rows.residuals(p, s) ** 2).sum(1), unlike.var(0) * 400, rtol=1e-9)
    assert not compress(lr, windows).offset(p, s).any()


FREE_SUMS = [(False, True, True), (False, True, False), (False, False, True), (True, True, True), (True, False, True)]


@pytest.mark.parametrize(("free_sums", "move_psf", "move_srf"), FREE_SUMS)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_minimum_is_that_of_a_general_solver(seed, free_sums, move_psf, move_srf):
    rng = np.random.default_rng(seed)
    problem = quadratic(rng, 30, 5, 2, 4)
    support = np.array([[1, 0], [1, 1], [1, 1], [0, 1], [1, 1]], dtype=bool)
    start_p, start_s = np.full(4, 0.25), support / support.sum(0)
    moved = {"move_psf": move_psf, "move_srf": move_srf, "free_sums": free_sums}
    p, s = minimise(problem, start_p, start_s, support, **moved)

    def split(x):
        return x[:4], x[4:].reshape(5, 2)

    x0 = np.concatenate([start_p, start_s.ravel()])
    fixed = np.concatenate([np.full(4, not move_psf), (~support | (not move_srf)).ravel()])
    most = None if free_sums else 1
    bounds = [(v, v) if f else (0, most) for v, f in zip(x0, fixed, strict=True)]
    sums = [{"type": "eq", "fun": lambda x: split(x)[1].sum(0) - 1}] * (move_srf and not free_sums)
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


@pytest.mark.parametrize("free_sums", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_no_allowed_change_lowers_the_minimum(seed, free_sums):
    """The conditions of Karush, Kuhn and Tucker, of a problem too large for a general solver."""
    rng = np.random.default_rng(seed)
    problem = quadratic(rng, 300, 40, 2, 49, prior=1e-3)
    support = rng.random((40, 2)) < 0.7
    true_p, true_s = (weights * (rng.random(weights.shape) < 0.5) for weights in (rng.random(49), support * 1.0))
    true_p, true_s = true_p / true_p.sum(), true_s / true_s.sum(0) * ((0.6, 2) if free_sums else 1)
    lacking = problem.rows.residuals(true_p, true_s) + rng.normal(scale=0.02, size=(2, 300))
    z = problem.rows.z + lacking[:, :, None] * true_p / (true_p @ true_p)
    problem = replace(problem, rows=replace(problem.rows, z=z))
    start = np.full(49, 1 / 49), support / support.sum(0)
    p, s = minimise(problem, *start, support, free_sums=free_sums)
    by_psf, by_srf = problem.gradient(p, s)
    size = np.abs(problem.gradient(*start)[1]).max()
    assert p.min() >= 0 and p.sum() == pytest.approx(1) and (p == 0).any()
    assert s.min() >= 0 and not s[~support].any() and (s[support] == 0).any()
    slope = by_psf - by_psf[p > 0].mean()
    assert np.abs(slope[p > 0]).max() < 1e-9 * size and slope[p == 0].min() > -1e-9 * size
    for column, used, gradient in zip(s.T, support.T, by_srf.T, strict=True):
        slope = gradient if free_sums else gradient - gradient[column > 0].mean()
        assert np.abs(slope[column > 0]).max() < 1e-9 * size
        assert slope[used & (column == 0)].min(initial=0) > -1e-9 * size
        assert free_sums or column.sum() == pytest.approx(1)
    assert not free_sums or np.abs(s.sum(0) - 1).max() > 0.1


@pytest.mark.parametrize("free_sums", [False, True])
def test_the_precision_of_the_psf_leaves_the_srf_free(free_sums):
    """Minimised over S by hand, the objective rises from its minimum by half the quadratic form."""
    rng = np.random.default_rng(3)
    problem = quadratic(rng, 40, 3, 2, 4)
    everywhere = np.ones((3, 2), dtype=bool)
    information = schur_complement(problem, everywhere, free_sums=free_sums)

    def least(p):
        s, basis = np.full((3, 2), 1 / 3), np.eye(3) if free_sums else zero_sum_basis(3)
        gram = problem.rows.y.T @ problem.rows.y
        for j in range(2):
            own = problem.weight[j] * gram + problem.srf_precision[j]
            by_srf = problem.gradient(p, s)[1][:, j]
            s[:, j] -= basis @ np.linalg.solve(basis.T @ own @ basis, basis.T @ by_srf)
        return problem.value(p, s)

    middle, step = np.full(4, 0.25), np.array([1.0, -2.0, 0.5, 0.5])
    rise = (least(middle + step) + least(middle - step)) / 2 - least(middle)
    assert rise == pytest.approx(0.5 * step @ information @ step, rel=1e-9)
