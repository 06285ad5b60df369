import numpy as np
import pytest
import torch

from udaln.estimation.regression import affine_regression


def samples(n=50, msi_bands=4, hsi_bands=9, seed=0):
    """MSI pixels with a mean far from zero, and spectra that they explain in part."""
    generator = torch.Generator().manual_seed(seed)
    z = 3 + torch.randn(n, msi_bands, generator=generator, dtype=torch.float64)
    y = z @ torch.randn(msi_bands, hsi_bands, generator=generator, dtype=torch.float64)
    return z, y + 2 + torch.randn(y.shape, generator=generator, dtype=torch.float64)


def lstsq(z, y):
    """Weights and constants by NumPy."""
    solution = np.linalg.lstsq(np.c_[z.numpy(), np.ones(len(z))], y.numpy(), rcond=None)[0]
    return torch.from_numpy(solution[:-1]), torch.from_numpy(solution[-1])


@pytest.mark.parametrize("n", [5, 6, 50])  # as many as unknowns per band, and more
def test_the_solution_is_that_of_least_squares(n):
    z, y = samples(n)
    for estimated, expected in zip(affine_regression(z, y), lstsq(z, y), strict=True):
        assert estimated.dtype == torch.float64
        torch.testing.assert_close(estimated, expected, rtol=1e-8, atol=1e-8)


def test_nearly_equal_bands_are_distinguished():
    z, y = samples()
    z[:, 1] = z[:, 0] + 1e-5 * z[:, 1]
    for estimated, expected in zip(affine_regression(z, y), lstsq(z, y), strict=True):
        torch.testing.assert_close(estimated, expected, rtol=1e-6, atol=1e-6)


def test_float32_is_solved_in_float64():
    z, y = (part.float() for part in samples())
    for estimated, expected in zip(affine_regression(z, y), lstsq(z.double(), y.double()), strict=True):
        torch.testing.assert_close(estimated, expected, rtol=1e-10, atol=1e-10)


def test_predicted_spectra_reproduce_any_msi_pixel():
    generator = torch.Generator().manual_seed(1)
    y = torch.rand(40, 9, generator=generator, dtype=torch.float64)
    srf = torch.rand(9, 4, generator=generator, dtype=torch.float64)
    srf /= srf.sum(0)
    weights, constants = affine_regression(y @ srf, y)
    torch.testing.assert_close(weights @ srf, torch.eye(4, dtype=torch.float64), rtol=0, atol=1e-9)
    torch.testing.assert_close(constants @ srf, torch.zeros(4, dtype=torch.float64), rtol=0, atol=1e-9)


def test_constant_and_linearly_dependent_bands_change_no_prediction():
    z, y = samples()
    more = torch.cat([z, torch.full_like(z[:, :1], 0.7), z[:, :1] + 2 * z[:, 1:2]], 1)
    weights, constants = affine_regression(more, y)
    plain, plain_constants = affine_regression(z, y)
    torch.testing.assert_close(more @ weights + constants, z @ plain + plain_constants)
    assert not weights[4].any()  # of a constant band
    for alternative in (
        [1, 2, 0, 0, 0, -1],
        [-1, -2, 0, 0, 0, 1],
    ):  # the null space: steps along it change only the norm
        assert (weights.mT @ torch.tensor(alternative).double()).abs().max() < 1e-9


@pytest.mark.parametrize("n", [1, 2, 4])
def test_with_fewer_samples_than_bands_the_weights_have_minimum_norm(n):
    z, y = samples(n)
    weights, constants = affine_regression(z, y)
    torch.testing.assert_close(z @ weights + constants, y)
    centred = z - z.mean(0)
    outside = torch.eye(4) - torch.linalg.pinv(centred, rtol=1e-10) @ centred
    assert (outside @ weights).abs().max() < 1e-9 * weights.abs().max().clamp(min=1)


def test_units_scale_only_the_constants():
    z, y = samples()
    weights, constants = affine_regression(z, y)
    scaled = affine_regression(1e4 * z, 1e4 * y)
    torch.testing.assert_close(scaled[0], weights)
    torch.testing.assert_close(scaled[1], 1e4 * constants)
