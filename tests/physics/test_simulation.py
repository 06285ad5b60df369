import numpy as np
import pytest
import torch

from udaln.errors import InputError
from udaln.estimation.psf import centre_shift
from udaln.physics.simulation import STRIP, gaussian_psf, row_noise, simulate, simulate_strips
from udaln.physics.windows import degrade


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


def test_instruments_differ_by_gain_and_offset():
    rng = np.random.default_rng(1)
    reference, srf = torch.from_numpy(rng.random((12, 16, 6))), torch.from_numpy(rng.random((6, 2)))
    given = reference, srf, srf > 0, gaussian_psf(4, 4, 4), 4
    gain, offset = torch.tensor([0.8, 1.3]), torch.tensor([0.03, -0.02])
    plain, unlike = simulate(*given), simulate(*given, gain=gain, offset=offset)
    assert torch.equal(unlike.lr_hsi, plain.lr_hsi)
    torch.testing.assert_close(unlike.hr_msi, plain.hr_msi * gain.double() + offset.double())
    assert torch.equal(unlike.truth.gain, gain.double()) and torch.equal(unlike.truth.offset, offset.double())
    assert (plain.truth.gain == 1).all() and (plain.truth.offset == 0).all()
    gain_alone = simulate(*given, gain=gain)
    torch.testing.assert_close(gain_alone.hr_msi, plain.hr_msi * gain.double())
    # its noise is that of the instrument: of the power that it gives
    noisy = simulate(*given, gain=gain, snr_msi=20)
    torch.testing.assert_close(noisy.hr_msi, simulate(*given, snr_msi=20).hr_msi * gain.double())


@pytest.mark.parametrize(("kernel_size", "scale"), [(9, 4), (11, 5), (12, 5)])
def test_the_centre_of_a_psf_has_the_given_shift(kernel_size, scale):
    """Down and to the right: an image rolled by the opposite shift gives the same LR image with a centred PSF."""
    shift = (1.0, -2.0)
    moved, centred = gaussian_psf(kernel_size, scale, scale, shift), gaussian_psf(kernel_size, scale, scale)
    np.testing.assert_allclose(centre_shift(moved.numpy(), scale, (0, 0)), shift, atol=1e-4)
    np.testing.assert_allclose(moved[1:, :-2] / moved[4, 4], centred[:-1, 2:] / centred[3, 6], rtol=1e-12)
    image = torch.rand(10 * scale, 12 * scale, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    wide = gaussian_psf(kernel_size + 4 * scale, scale, scale, shift)
    rolled = degrade(image.roll((-1, 2), (0, 1)), gaussian_psf(kernel_size + 4 * scale, scale, scale), scale)
    torch.testing.assert_close(degrade(image, wide, scale)[4:-4, 4:-4], rolled[4:-4, 4:-4], rtol=0, atol=1e-9)


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


@pytest.mark.parametrize(
    ("scale", "kernel_size", "shift"),
    [(5, 5, (0, 0)), (3, 9, (0.5, -1)), (3, 8, (1, 0)), (4, 17, (0, 0))],
)
def test_the_pair_made_in_strips_is_that_of_the_whole_image(scale, kernel_size, shift):
    rng = np.random.default_rng(0)
    height = scale * (2 * STRIP // scale + 3)  # three strips or more, the last of another height
    image = rng.uniform(0.1, 1, (height, 4 * scale, 6)).astype(np.float32)
    psf = gaussian_psf(kernel_size, scale, 1.5 * scale, shift)
    srf = rng.uniform(0, 1, (6, 3))
    expected = simulate(torch.from_numpy(image), torch.from_numpy(srf), torch.ones(6, 3, dtype=torch.bool), psf, scale)
    asked = []

    def rows(first, last):
        asked.extend(range(first, last))
        return image[first:last]

    strips = [np.concatenate(part) for part in zip(*simulate_strips(rows, height, psf, srf, scale), strict=True)]
    assert asked == list(range(height))  # each once, in order
    np.testing.assert_array_equal(strips[0], image)
    for strip, exact in zip(strips[1:], (expected.lr_hsi, expected.hr_msi), strict=True):
        assert strip.dtype == np.float32
        np.testing.assert_allclose(strip, exact, rtol=1e-7, atol=0)


def test_the_noise_of_a_row_is_white_and_independent_of_other_rows():
    rows = np.stack([row_noise(3, image, row, (400, 5)) for image in (0, 1) for row in (0, 1, 2)])
    assert rows.dtype == np.float32
    assert rows.mean() == pytest.approx(0, abs=0.03)
    assert rows.std() == pytest.approx(1, abs=0.03)
    correlation = np.corrcoef(rows.reshape(6, -1))
    assert np.abs(correlation - np.eye(6)).max() < 0.1
    np.testing.assert_array_equal(row_noise(3, 1, 2, (400, 5)), rows[5])
    assert not (row_noise(4, 1, 2, (400, 5)) == rows[5]).any()
