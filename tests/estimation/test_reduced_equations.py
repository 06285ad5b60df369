import numpy as np
import pytest
import torch

from udaln.estimation.reduced_equations import reduce_equations


@pytest.mark.parametrize("weighted", [False, True])
def test_reduced_equations_have_the_inner_products_of_all(weighted):
    generator = torch.Generator().manual_seed(0)
    lr, windows = torch.rand(5000, 4, generator=generator), torch.rand(5000, 9, 2, generator=generator)
    weights = torch.rand(5000, generator=generator).double() if weighted else torch.ones(5000).double()
    equations = reduce_equations(lr, windows, weights)
    assert len(equations.y) < 500
    w = weights.numpy()
    y, z = lr.double().numpy(), windows.double().numpy()
    np.testing.assert_allclose(equations.y.T @ equations.y, (y.T * w) @ y, rtol=1e-12)
    np.testing.assert_allclose(equations.y.T @ equations.z[1], (y.T * w) @ z[:, :, 1], rtol=1e-12)
    np.testing.assert_allclose(equations.z[0].T @ equations.z[0], (z[:, :, 0].T * w) @ z[:, :, 0], rtol=1e-12)
    assert equations.total_weight == pytest.approx(w.sum())
    assert not equations.y_mean.any() and not equations.z_mean.any()


@pytest.mark.parametrize("weighted", [False, True])
def test_centring_equals_subtracting_the_means_beforehand(weighted):
    generator = torch.Generator().manual_seed(0)
    lr, windows = torch.rand(5000, 4, generator=generator) + 3, torch.rand(5000, 9, 2, generator=generator) - 5
    weights = torch.rand(5000, generator=generator).double() if weighted else torch.ones(5000).double()
    equations = reduce_equations(lr, windows, weights, centred=True)
    y_mean = (weights[:, None] * lr).sum(0) / weights.sum()
    z_mean = (weights[:, None, None] * windows).sum(0) / weights.sum()
    expected = reduce_equations(lr.double() - y_mean, windows.double() - z_mean, weights)
    np.testing.assert_allclose(equations.y_mean, y_mean, rtol=1e-13)
    np.testing.assert_allclose(equations.z_mean, z_mean.T, rtol=1e-13)
    y, z = equations.y, equations.z
    np.testing.assert_allclose(y.T @ y, expected.y.T @ expected.y, rtol=1e-10, atol=1e-9)
    for j in range(2):
        np.testing.assert_allclose(y.T @ z[j], expected.y.T @ expected.z[j], rtol=1e-10, atol=1e-9)
        np.testing.assert_allclose(z[j].T @ z[j], expected.z[j].T @ expected.z[j], rtol=1e-10, atol=1e-9)
    assert equations.total_weight == pytest.approx(weights.sum())


def test_the_offset_minimises_the_squared_residuals():
    """It is the constant that minimises the sum of squares of Y s + offset − Z p."""
    generator = torch.Generator().manual_seed(0)
    lr, windows = torch.rand(400, 4, generator=generator) + 3, torch.rand(400, 9, 2, generator=generator) - 5
    weights = torch.ones(400).double()
    equations = reduce_equations(lr, windows, weights, centred=True)
    psf, srf = np.full(9, 1 / 9), np.random.default_rng(0).random((4, 2))
    difference = np.einsum("nkj,k->nj", windows.numpy().astype(float), psf) - lr.numpy().astype(float) @ srf
    np.testing.assert_allclose(equations.offset(psf, srf), difference.mean(0), rtol=1e-12)
    np.testing.assert_allclose((equations.residuals(psf, srf) ** 2).sum(1), difference.var(0) * 400, rtol=1e-9)
    assert not reduce_equations(lr, windows, weights).offset(psf, srf).any()
