"""How far each image may correct the other's."""

import torch

from udaln.consistency import gains
from udaln.estimation.noise import Noise
from udaln.physics.simulation import gaussian_psf


def test_the_msi_corrects_a_map_by_its_error_against_what_is_not_certain():
    generator = torch.Generator().manual_seed(0)

    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    psf, srf, spread = gaussian_psf(4, 4, 4.0), torch.rand(8, 3, generator=generator).double(), normal(8, 8)
    levels = Noise(*(torch.linspace(0.5, 2, n).double() for n in (8, 3, 8, 3)))
    uncertain = torch.tensor([0.5, 5.0, 50.0], dtype=torch.float64)
    averaged = normal(200, 200, 8) @ spread.T * psf.norm()  # errors of single pixels, as the LR-HSI sees them
    error = spread @ spread.T
    for certain in (True, False):
        rest = 0 * uncertain if certain else uncertain
        expected = (error @ srf @ torch.linalg.inv(srf.T @ error @ srf + torch.diag(rest))).T
        seen = (averaged + levels.lr_hsi * normal(200, 200, 8)).flatten(0, 1)
        found = gains.msi_gain(seen, srf, psf, levels, torch.diag(rest))
        torch.testing.assert_close(found, expected, rtol=0, atol=0.05 * expected.abs().max().item())
        if certain:
            torch.testing.assert_close(found @ srf, torch.eye(3, dtype=torch.float64))


def test_misfit_is_what_noise_does_not_explain():
    """None in noise of the covariance expected; where one direction has more, the covariance of that."""
    generator = torch.Generator().manual_seed(1)
    mixing = torch.randn(3, 3, generator=generator, dtype=torch.float64)
    noise = torch.randn(4000, 3, generator=generator, dtype=torch.float64) @ mixing.T
    lr_msi = torch.ones(4000, 3, dtype=torch.float64)
    assert not gains.misfit(noise, mixing @ mixing.T, lr_msi).any()
    direction = torch.tensor([3.0, -6.0, 9.0], dtype=torch.float64)
    more = torch.randn(4000, 1, generator=generator, dtype=torch.float64) * direction
    found = gains.misfit(noise + more, mixing @ mixing.T, lr_msi)
    torch.testing.assert_close(found, torch.outer(direction, direction), rtol=0, atol=6.0)
