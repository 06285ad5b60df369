"""Bands that the LR-HSI shows beside the others are moved there, and only those."""

import pytest
import torch
from scipy.ndimage import gaussian_filter

from udaln.consistency.displacement import band_displacement
from udaln.physics.interpolation import displaced
from udaln.physics.simulation import gaussian_psf
from udaln.physics.windows import degrade
from udaln.scene import Scene

SCALE = 4
BANDS = 12


def image(side=96, seed=0):
    noise = torch.randn(side, side, BANDS, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    smooth = torch.from_numpy(gaussian_filter(noise.numpy(), (1.5, 1.5, 0)))
    return smooth / smooth.std() * 0.1 + 0.5


def pair(seen, shift=(0, 0)):
    """A pair of which the LR-HSI is what the sensor sees of an image."""
    psf = gaussian_psf(9, SCALE, 5.0)
    lr_hsi = degrade(seen, psf, SCALE, shift)
    generator = torch.Generator().manual_seed(1)
    lr_hsi = lr_hsi + 1e-3 * torch.randn(lr_hsi.shape, generator=generator, dtype=torch.float64)
    hr_msi = seen[..., :2].clone()
    return Scene(lr_hsi, hr_msi, torch.ones(BANDS, 2, dtype=torch.bool), shift=shift), psf


def everywhere(scene):
    return torch.ones(scene.lr_hsi[..., 0].numel(), dtype=torch.bool)


@pytest.mark.parametrize("shift", [(0, 0), (2, -1)])
def test_displaced_bands_are_found(shift):
    fused, true = image(), torch.zeros(2, BANDS, dtype=torch.float64)
    true[:, 6:] = torch.tensor([[0.3], [-0.8]])
    scene, psf = pair(displaced(fused, true), shift)
    found = band_displacement(fused, scene, psf, everywhere(scene))
    torch.testing.assert_close(found, true, rtol=0, atol=0.03)
    assert not found[:, :6].any()


def test_noise_displaces_no_band():
    fused = image()
    scene, psf = pair(fused)
    assert not band_displacement(fused, scene, psf, everywhere(scene)).any()


def test_a_single_band_is_not_displaced():
    fused, true = image(), torch.zeros(2, BANDS, dtype=torch.float64)
    true[0, 7] = 0.5
    scene, psf = pair(displaced(fused, true))
    assert not band_displacement(fused, scene, psf, everywhere(scene)).any()


def test_few_lr_pixels_tell_no_displacement():
    fused, true = image(20), torch.full((2, BANDS), 0.5, dtype=torch.float64)
    scene, psf = pair(displaced(fused, true))
    assert not band_displacement(fused, scene, psf, everywhere(scene)).any()
