"""The gains with which each image corrects the fused image."""

import torch

from udaln.consistency import gains
from udaln.estimation.regression import affine_regression


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


def test_an_error_that_no_camera_would_have_is_not_added_to_the_scene():
    """Without errors all of the residual is of the scene; with much noise, or a large misfit, hardly any of it."""
    lr_hsi, none, much = 1 + 0.1 * normal(500, 4), torch.zeros(4).double(), torch.full((4,), 1e-2).double()
    energy = torch.tensor(0.04).double()
    assert (gains.residual_weight(lr_hsi, none, none, energy) == 1).all()
    assert (gains.residual_weight(lr_hsi, much, none, energy) < 1e-3).all()
    assert (gains.residual_weight(lr_hsi, none, much, energy) < 1e-2).all()
