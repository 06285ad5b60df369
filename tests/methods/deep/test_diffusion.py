import pytest
import torch

from udaln.methods.deep.diffusion import Denoiser, signal_shares


@pytest.mark.parametrize("steps", [100, 250, 1000])
def test_the_signal_goes_from_nearly_all_to_nearly_nothing(steps):
    shares = signal_shares(steps)
    assert len(shares) == steps and (shares.diff() < 0).all()
    assert shares[0] > 0.98 and shares[-1] < 1e-4


def test_the_noise_of_a_known_spectrum_is_told():
    """If there is but one spectrum, the noise follows from what is left of it."""
    torch.manual_seed(0)
    denoiser, spectrum = Denoiser(6, 3, 64, 100), torch.linspace(0.2, 0.8, 6).expand(256, 6)
    optimizer = torch.optim.Adam(denoiser.parameters(), lr=3e-3)
    errors = []
    for _ in range(400):
        optimizer.zero_grad()
        error = denoiser.error(spectrum, torch.randn(256, 6), torch.randint(100, (256,)))
        error.backward()
        optimizer.step()
        errors.append(error.item())
    assert errors[0] > 0.8 and sum(errors[-50:]) / 50 < 0.15


def test_the_error_is_that_of_the_noise_of_the_step():
    denoiser = Denoiser(5, 2, 8, 50)
    spectra, noise = torch.rand(7, 5), torch.randn(7, 5)
    share = signal_shares(50)[20]
    told = denoiser(share.sqrt() * spectra + (1 - share).sqrt() * noise, torch.full((7,), 20))
    torch.testing.assert_close(denoiser.error(spectra, noise, torch.tensor([20])), (told - noise).square().mean())
