import numpy as np
import pytest
import torch

from udaln.data.simulate import degrade, gaussian_psf, simulate
from udaln.errors import InputError


@pytest.mark.parametrize("scale", [2, 5, 8])
def test_the_psf_of_the_protocol(scale):
    middle = (scale - 1) / 2
    sigma = scale / 2.35482
    x = np.arange(scale) - middle
    expected = np.exp(-(x[:, None] ** 2 + x[None] ** 2) / (2 * sigma**2))
    np.testing.assert_allclose(gaussian_psf(scale, scale, scale), expected / expected.sum(), rtol=1e-12)


@pytest.mark.parametrize(("kernel_size", "scale"), [(5, 5), (11, 5), (9, 4), (6, 3)])
def test_a_psf_is_centred_on_the_lr_pixel(kernel_size, scale):
    """A ramp, blurred, has at each inner LR pixel the value of the pixel's centre."""
    ramp = torch.arange(8 * scale, dtype=torch.float64).expand(8 * scale, -1)[:, :, None]
    seen = degrade(ramp, gaussian_psf(kernel_size, scale, scale / 4), scale)[4, 2:6, 0]
    centres = torch.arange(2, 6, dtype=torch.float64) * scale + (scale - 1) / 2
    torch.testing.assert_close(seen, centres, rtol=0, atol=0.02)  # a window of even and odd parts cuts one tail


def test_the_pair_is_blurred_and_weighted_means_in_float64():
    rng = np.random.default_rng(1)
    reference = rng.random((13, 17, 6)).astype(np.float32)
    srf = rng.random((6, 2)) * np.array([[1, 0], [1, 0], [1, 1], [0, 1], [0, 1], [0, 1]])
    psf = gaussian_psf(5, 5, 5)
    scene = simulate(torch.from_numpy(reference), torch.from_numpy(srf), torch.from_numpy(srf > 0), psf, 5)
    cropped = reference[1:11, 1:16].astype(float)
    assert np.array_equal(scene.truth.image, cropped.astype(np.float32))
    for i in range(2):
        for j in range(3):
            block = cropped[5 * i : 5 * i + 5, 5 * j : 5 * j + 5]
            expected = (block * psf.numpy()[:, :, None]).sum((0, 1))
            np.testing.assert_allclose(scene.lr_hsi[i, j], expected, rtol=1e-6)
    np.testing.assert_allclose(scene.hr_msi, cropped @ (srf / srf.sum(0)), rtol=1e-6)
    np.testing.assert_allclose(scene.truth.srf.sum(0), 1, rtol=1e-6)


def test_noise_has_its_ratio_its_seed_and_its_order():
    rng = np.random.default_rng(2)
    reference = torch.from_numpy(rng.random((100, 100, 5)).astype(np.float32)) * torch.tensor([0.1, 1, 1, 1, 1])
    srf, support, psf = torch.ones(5, 1), torch.ones(5, 1, dtype=torch.bool), gaussian_psf(2, 2, 2)

    def made(**noise):
        return simulate(reference, srf, support, psf, 2, **noise)

    clean, noisy = made(), made(snr_hsi=20, snr_msi=30, noise_seed=3)
    ratio = (clean.lr_hsi**2).mean((0, 1)) / ((noisy.lr_hsi - clean.lr_hsi) ** 2).mean((0, 1))
    assert torch.allclose(10 * ratio.log10(), torch.full((5,), 20.0, dtype=torch.float64), atol=0.5)
    assert torch.equal(made(snr_hsi=20, snr_msi=30, noise_seed=3).hr_msi, noisy.hr_msi)
    assert not torch.equal(made(snr_hsi=20, snr_msi=30, noise_seed=4).lr_hsi, noisy.lr_hsi)
    assert torch.equal(made(snr_hsi=20, noise_seed=3).lr_hsi, noisy.lr_hsi)  # the LR-HSI's noise is drawn first
    assert torch.equal(noisy.truth.image, clean.truth.image)


@pytest.mark.parametrize(
    ("shape", "message"),
    [((7, 20, 3), "at least 8×8 pixels for scale factor 4, got 7×20"), ((20, 20, 4), "expected 4 bands .* got 3")],
)
def test_a_reference_that_does_not_fit_is_refused(shape, message):
    srf = torch.ones(3, 1)
    with pytest.raises(InputError, match=message):
        simulate(torch.rand(shape), srf, srf > 0, gaussian_psf(4, 4, 4), 4)


def test_a_psf_has_a_width():
    with pytest.raises(InputError, match="positive FWHM, got 0"):
        gaussian_psf(4, 4, 0)
