"""The yardsticks against NumPy, scipy and what they must do."""

import made_up
import numpy as np
import pytest
import torch
from yardsticks import non_local_means, yardsticks

from udaln.physics.interpolation import interpolate
from udaln.physics.windows import degrade


def test_regression_and_residual_against_a_few_lines_of_numpy():
    scene = made_up.scene(size=40)
    truth = scene.truth
    images = yardsticks(scene.lr_hsi, scene.hr_msi, truth.psf, scene.scale)
    y, z = scene.lr_hsi.numpy().reshape(-1, 12), scene.hr_msi.numpy().reshape(-1, 3)
    seen = degrade(scene.hr_msi, truth.psf, scene.scale).numpy().reshape(-1, 3)
    solution = np.linalg.pinv(np.c_[seen, np.ones(len(seen))]) @ y
    expected = (np.c_[z, np.ones(len(z))] @ solution).reshape(40, 40, 12)
    np.testing.assert_allclose(images["regression"], expected, atol=1e-9)
    residual = scene.lr_hsi - degrade(torch.from_numpy(expected), truth.psf, scene.scale)
    np.testing.assert_allclose(images["residual"], expected + interpolate(residual, scene.scale).numpy(), atol=1e-9)
    torch.testing.assert_close(images["bicubic"], interpolate(scene.lr_hsi, scene.scale))
    assert set(images) == {"bicubic", "regression", "residual"}


def test_the_interpolation_knows_the_shift():
    ramp = torch.arange(40.0).double()[:, None, None].expand(40, 40, 1)
    psf = torch.zeros(6, 6).double()
    psf[2:6, 1:5] = 1 / 16  # one pixel down
    images = yardsticks(degrade(ramp, psf, 4), torch.rand(40, 40, 1).double(), psf, 4, (1.0, 0.0))
    torch.testing.assert_close(images["bicubic"][10:30], ramp[10:30])


def test_more_msi_bands_than_lr_pixels_are_no_error():
    scene = made_up.scene(size=8, bands=30, msi_bands=10)
    images = yardsticks(scene.lr_hsi, scene.hr_msi, scene.truth.psf, scene.scale)
    assert all(image.isfinite().all() for image in images.values())


def test_non_local_means_is_its_formula():
    """The weighted mean over all pixels in reach, written out for one pixel."""
    rng = np.random.default_rng(0)
    image = torch.from_numpy(rng.normal(size=(24, 24, 1)))
    noise = torch.tensor([0.5]).double()
    centred = (image / noise - (image / noise).mean())[..., 0].numpy()
    row, column, total, weights = 12, 11, 0.0, 0.0
    patch = centred[row - 1 : row + 2, column - 1 : column + 2]
    for i in range(row - 7, row + 8):
        for j in range(column - 7, column + 8):
            distance = ((centred[i - 1 : i + 2, j - 1 : j + 2] - patch) ** 2).mean()
            weight = np.exp(-max(distance - 2, 0) / 0.8**2)
            total, weights = total + weight * centred[i, j], weights + weight
    expected = total / weights * 0.5 + float(image.mean())
    assert non_local_means(image, noise)[row, column].item() == pytest.approx(expected)


def test_denoising_helps():
    scene, rng = made_up.scene(size=40), np.random.default_rng(1)
    steps = (torch.arange(40) // 10 % 2).double()
    clean = 0.3 + 0.2 * torch.stack([steps[:, None] + steps, steps[:, None] * steps, steps[:, None] - steps], -1)
    noise = torch.tensor([0.02, 0.04, 0.01]).double()
    noisy = clean + torch.from_numpy(rng.normal(size=clean.shape)) * noise
    error = (non_local_means(noisy, noise) - clean).square().mean((0, 1)).sqrt()
    assert (error < 0.5 * noise).all()
    images = yardsticks(scene.lr_hsi, noisy, scene.truth.psf, scene.scale, msi_noise=noise)
    assert set(images) == {"bicubic", "regression", "residual", "denoised"}
