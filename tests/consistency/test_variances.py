import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from udaln.consistency.variances import HR_FRACTIONS, NOISE_FREE, NUGGET_SHARES, fit_variances

IDENTITY = torch.eye(60, dtype=torch.float64)


def covariances(n=60):
    """Of n LR pixels in a row: the correlated covariance, and that of independent HR pixels in overlapping windows."""
    apart = (torch.arange(n)[:, None] - torch.arange(n)).abs().double()
    hr_nugget = (apart == 0).double() + 0.4 * (apart == 1) + 0.1 * (apart == 2)
    return torch.exp(-apart / 10), hr_nugget


def drawn(sill, hr_variance, lr_variance, m=6, seed=0):
    """Draw m components with the three variances."""
    correlated, hr_nugget = covariances()
    root = torch.linalg.cholesky(sill * correlated + hr_variance * hr_nugget + lr_variance * IDENTITY)
    return root @ torch.randn(60, m, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def covariance(fit, j, hr_nugget):
    """Fitted covariance of the LR pixels in component j."""
    correlated, _ = covariances()
    nugget = fit.hr_fraction[j] * hr_nugget + (1 - fit.hr_fraction[j]) * IDENTITY
    return fit.sill[j] * correlated + fit.nugget[j] * nugget


@pytest.mark.parametrize("parts", [(1.0, 0.2, 0.5), (1.0, 0.5, 0.0), (0.0, 1.0, 1.0), (1.0, 0.0, 0.0)])
def test_nothing_tried_is_more_probable(parts):
    values, (correlated, hr_nugget) = drawn(*parts, m=3), covariances()
    noise = 0.1 * values.square().mean(0)
    fit = fit_variances(values, correlated, hr_nugget, noise)

    def likelihood(k, observed):
        return multivariate_normal.logpdf(observed.numpy(), cov=k.numpy(), allow_singular=True)

    for j, observed in enumerate(values.T):
        best = likelihood(covariance(fit, j, hr_nugget), observed)
        for share in NUGGET_SHARES[::4]:
            for hr_fraction in HR_FRACTIONS:
                k = (1 - share) * correlated + share * (hr_fraction * hr_nugget + (1 - hr_fraction) * IDENTITY)
                k = k + 1e-9 * IDENTITY
                variance = observed @ torch.linalg.solve(k, observed) / len(observed)
                assert likelihood(variance * k, observed) <= best + 1e-3


@pytest.mark.parametrize("exact", [False, True])
def test_what_is_returned_belongs_together(exact):
    values, (correlated, hr_nugget) = drawn(1.0, 0.3, 0.3), covariances()
    noise = torch.zeros(6).double() if exact else 0.3 * torch.ones(6).double()
    fit = fit_variances(values, correlated, hr_nugget, noise)
    bases = {basis.hr_fraction: basis for basis in fit.bases}
    assert set(bases) == set(fit.hr_fraction.tolist()) <= set(HR_FRACTIONS)
    for j in range(6):
        k = covariance(fit, j, hr_nugget)
        torch.testing.assert_close(k @ fit.dual_weights[:, j], values[:, j], rtol=0, atol=1e-6)
        torch.testing.assert_close(
            values[:, j] @ fit.dual_weights[:, j], torch.tensor(60.0).double()
        )  # the best variance
        basis = bases[fit.hr_fraction[j].item()]
        root = basis.lower @ basis.axes
        torch.testing.assert_close((root * fit.eigenvalues[:, j]) @ root.T, k, rtol=0, atol=1e-6)


@pytest.mark.parametrize("parts", [(1.0, 0.3, 0.6), (1.0, 0.8, 0.0), (0.0, 0.2, 1.0)])
def test_the_parts_are_found(parts):
    """On average over many components, within the accuracy that so few LR pixels allow."""
    values = drawn(*parts, m=300)
    fit = fit_variances(values, *covariances(), torch.full((300,), 0.1).double())
    means = [
        part.mean().item() for part in (fit.sill, fit.nugget * fit.hr_fraction, fit.nugget * (1 - fit.hr_fraction))
    ]
    np.testing.assert_allclose(means, parts, atol=0.2)


def test_where_there_is_no_noise_nothing_belongs_to_lr_pixels():
    values = drawn(0.5, 0.1, 1.0, m=60)
    power = values.square().mean(0)
    noise = power * torch.tensor([0, 0.5 * NOISE_FREE, NOISE_FREE / 1.01, 1.01 * NOISE_FREE, 0.1, 0.5]).repeat(10)
    hr_fraction = fit_variances(values, *covariances(), noise).hr_fraction.view(10, 6)
    assert (hr_fraction[:, :3] == 1).all() and (hr_fraction[:, 3:].mean(0) < 0.5).all()


def test_windows_without_overlap_do_not_separate_hr_pixels_from_noise():
    correlated, _ = covariances()
    fit = fit_variances(drawn(0.5, 0.0, 1.0), correlated, IDENTITY, torch.ones(6).double())
    assert (fit.hr_fraction == 1).all() and len(fit.bases) == 1


@pytest.mark.parametrize("factor", [1e-6, 1e6])
def test_units_scale_variances_and_change_no_share(factor):
    values, noise = drawn(1.0, 0.3, 0.3), torch.full((6,), 0.1).double()
    fit, scaled = (fit_variances(f * values, *covariances(), f**2 * noise) for f in (1.0, factor))
    assert torch.equal(fit.hr_fraction, scaled.hr_fraction)
    for part in ("sill", "nugget", "eigenvalues"):
        torch.testing.assert_close(getattr(scaled, part), factor**2 * getattr(fit, part), rtol=1e-6, atol=0)
    torch.testing.assert_close(scaled.dual_weights * factor, fit.dual_weights, rtol=1e-5, atol=1e-9)
