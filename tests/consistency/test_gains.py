"""The gains with which each image corrects the fused image."""

import torch

from udaln.consistency import gains
from udaln.estimation.noise import Noise
from udaln.physics.simulation import gaussian_psf


def test_the_msi_gain_weighs_the_error_of_the_map_against_that_of_the_msi():
    generator = torch.Generator().manual_seed(0)

    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    psf, srf, spread = gaussian_psf(4, 4, 4.0), torch.rand(8, 3, generator=generator).double(), normal(8, 8)
    levels = Noise(*(torch.linspace(0.5, 2, n).double() for n in (8, 3, 8, 3)))
    msi_error = torch.tensor([0.5, 5.0, 50.0], dtype=torch.float64)
    averaged = normal(200, 200, 8) @ spread.T * psf.norm()  # independent errors of HR pixels, at low resolution
    error = spread @ spread.T
    for certain in (True, False):
        variance = 0 * msi_error if certain else msi_error
        expected = (error @ srf @ torch.linalg.inv(srf.T @ error @ srf + torch.diag(variance))).T
        residual = (averaged + levels.lr_hsi * normal(200, 200, 8)).flatten(0, 1)
        gain = gains.msi_gain(residual, srf, psf, levels, torch.diag(variance))
        torch.testing.assert_close(gain, expected, rtol=0, atol=0.05 * expected.abs().max().item())
        if certain:
            torch.testing.assert_close(gain @ srf, torch.eye(3, dtype=torch.float64))


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
