"""The gains with which each image corrects the fused image."""

import torch

from udaln.consistency import gains
from udaln.estimation.regression import affine_regression
from udaln.physics.interpolation import mean_of_neighbours
from udaln.scene import Scene


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_the_msi_gain_weighs_the_error_of_the_map_against_that_of_the_msi():
    """The error of a regression at an HR pixel is the residual's covariance times the pixel's leverage."""
    srf, spread = normal(8, 3).abs(), normal(8, 8, seed=1)
    lr_msi, hr_msi = 1 + normal(20_000, 3, seed=2), 1 + 5 * normal(200, 200, 3, seed=3)
    residual = normal(20_000, 8, seed=4) @ spread.T
    design = torch.cat([lr_msi, torch.ones(20_000, 1)], 1)
    pixels = torch.cat([hr_msi.flatten(0, 1), torch.ones(40_000, 1)], 1)
    leverage = (pixels @ torch.linalg.inv(design.T @ design) * pixels).sum(1).mean()
    error = leverage * spread @ spread.T
    for variance in (torch.zeros(3).double(), leverage * torch.tensor([0.5, 5.0, 50.0]).double()):
        expected = (error @ srf @ torch.linalg.inv(srf.T @ error @ srf + torch.diag(variance))).T
        gain = gains.msi_gain(residual, srf, lr_msi, hr_msi, torch.diag(variance))
        torch.testing.assert_close(gain, expected, rtol=0, atol=0.05 * expected.abs().max().item())
        if not variance.any():
            torch.testing.assert_close(gain @ srf, torch.eye(3, dtype=torch.float64))


def test_the_msi_gain_improves_a_regression_on_few_lr_pixels():
    """Noise of the LR-HSI that is fitted is removed as far as the HR-MSI contradicts it."""
    srf, true = normal(60, 6, seed=5).abs(), normal(6, 60, seed=6)
    srf = srf @ torch.linalg.inv(true @ srf)  # X S = Z
    lr_msi, hr_msi = normal(20, 6, seed=7), normal(30, 30, 6, seed=8)
    lr_hsi = lr_msi @ true + 0.1 * normal(20, 60, seed=9)
    weights, constants = affine_regression(lr_msi, lr_hsi)
    fused = hr_msi @ weights + constants
    gain = gains.msi_gain(lr_hsi - lr_msi @ weights - constants, srf, lr_msi, hr_msi, torch.zeros(6, 6).double())
    corrected = fused + (hr_msi - fused @ srf) @ gain
    assert (corrected - hr_msi @ true).norm() < 0.98 * (fused - hr_msi @ true).norm()


def test_few_samples_show_no_correlations_and_many_show_them():
    spread = normal(40, 3, seed=10)
    covariance = spread @ spread.T + torch.eye(40).double()
    few, many = normal(12, 40, seed=11), normal(50_000, 40, seed=12) @ torch.linalg.cholesky(covariance).T
    assert _correlations(gains.shrunk_covariance(few, 12)).abs().max() < 0.2 < _correlations(few.T @ few).abs().max()
    torch.testing.assert_close(gains.shrunk_covariance(many, 50_000), covariance, rtol=0, atol=0.3)


def _correlations(covariance):
    """Those of different bands."""
    std = covariance.diagonal().sqrt()
    return covariance / std / std[:, None] - torch.eye(len(std))


def test_misfit_is_the_covariance_that_noise_does_not_explain():
    """None in noise of the expected covariance; where one direction has more, the covariance of that."""
    generator = torch.Generator().manual_seed(1)
    mixing = torch.randn(3, 3, generator=generator, dtype=torch.float64)
    noise = torch.randn(4000, 3, generator=generator, dtype=torch.float64) @ mixing.T
    lr_msi = torch.ones(4000, 3, dtype=torch.float64)
    assert not gains.misfit_covariance(noise, mixing @ mixing.T, lr_msi).any()
    direction = torch.tensor([3.0, -6.0, 9.0], dtype=torch.float64)
    more = torch.randn(4000, 1, generator=generator, dtype=torch.float64) * direction
    misfit = gains.misfit_covariance(noise + more, mixing @ mixing.T, lr_msi)
    torch.testing.assert_close(misfit, torch.outer(direction, direction), rtol=0, atol=6.0)


NO_NOISE = torch.zeros(6, dtype=torch.float64)


def resampled(shares, side=24, bands=6, seed=0):
    """A scene, and differences in its MSI bands that are shares of the detail around each LR pixel."""
    generator = torch.Generator().manual_seed(seed)
    lr_hsi = torch.randn(side, side, bands, generator=generator, dtype=torch.float64)
    srf = torch.zeros(bands, 2, dtype=torch.float64)
    srf[0, 0] = srf[3, 1] = 1
    scene = Scene(lr_hsi, torch.zeros(2 * side, 2 * side, 2).double(), srf > 0, partial=True)
    valid = torch.ones(side * side, dtype=torch.bool)
    detail = (lr_hsi - mean_of_neighbours(lr_hsi, valid.view(side, side))).flatten(0, 1)
    return scene, srf, valid, detail, shares.sqrt()[:, None] * detail @ srf


def test_a_misfit_has_the_covariance_of_the_detail():
    scene, srf, valid, detail, difference = resampled(torch.full((576,), 0.1).double())
    found = gains.lr_misfit(
        difference, torch.zeros(2).double(), difference.square().mean(0), scene, NO_NOISE, srf, valid
    )
    spread = gains.MISFIT_SPREAD * (1 + 0.1 / gains.SMALL_MISFIT)
    torch.testing.assert_close(found, 0.1 * spread * detail.T @ detail / len(detail))


def test_noise_is_no_misfit():
    scene, srf, valid, _, difference = resampled(torch.zeros(576).double())
    noise = torch.randn(difference.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    level, beyond = torch.full((2,), 0.01).double(), torch.ones(2).double()  # however much exceeds it on average
    assert not gains.lr_misfit(0.1 * noise, level, beyond, scene, NO_NOISE, srf, valid).any()
    assert gains.lr_misfit(0.2 * noise, level, beyond, scene, NO_NOISE, srf, valid).any()


def test_changed_ground_is_hardly_a_misfit():
    scene, srf, valid, detail, difference = resampled(torch.full((576,), 0.1).double())
    difference[:150] += 5
    found = gains.lr_misfit(
        difference, torch.zeros(2).double(), difference.square().mean(0), scene, NO_NOISE, srf, valid
    )
    spread = gains.MISFIT_SPREAD * (1 + 0.1 / gains.SMALL_MISFIT)
    assert found.trace() < 1.01 * 0.1 * spread * (detail.T @ detail).trace() / len(detail)


def test_detail_that_is_noise_shows_no_misfit():
    scene, srf, valid, _, difference = resampled(torch.full((576,), 0.1).double())
    beyond = difference.square().mean(0)
    found, none = (
        gains.lr_misfit(difference, torch.zeros(2).double(), beyond, scene, level, srf, valid)
        for level in (NO_NOISE, torch.full((6,), 1.05).double())
    )
    assert found.trace() > 0 and not none.any()
