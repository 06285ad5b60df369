"""Images degraded to the LR pixels and HR-MSI windows that stage 1 is estimated from."""

import numpy as np
import pytest
import scipy.io
import torch
from places import SHARED

from udaln.physics.simulation import gaussian_psf
from udaln.physics.windows import windows

SCENES = {
    "muufl": ("muufl_gulfport", "srf_worldview2.csv"),
    "jasper": ("jasper_ridge", "srf_sentinel2.csv"),
    "samson, PAN": ("samson", "srf_pan.csv"),
}
OFFSET = torch.tensor([0.03, -0.02, -0.03], dtype=torch.float64)


def degraded(image, psf, srf, scale, noise=None):
    """LR pixels and windows of an image H×W×C, float64, with noise of (Y, Z) [dB] in each band."""
    rng = np.random.default_rng(0)

    def noisy(values, snr):
        level = (values**2).flatten(0, -2).mean(0).sqrt() * 10 ** (-snr / 20)
        return values + torch.from_numpy(rng.normal(size=tuple(values.shape))) * level

    lr = torch.einsum("nkb,k->nb", windows(image, len(psf), scale), psf.flatten())
    hr = image @ srf
    if noise:
        lr, hr = noisy(lr, noise[0]), noisy(hr, noise[1])
    return lr, windows(hr, len(psf), scale)


def random_scene(kernel_size, scale=4, sides=(12, 13)):
    """An image of rough spectra, a PSF and an SRF of random weights, and the support."""
    rng = np.random.default_rng(0)
    image = torch.from_numpy(rng.random((sides[0] * scale, sides[1] * scale, 14)))
    psf = torch.from_numpy(rng.random((kernel_size, kernel_size)) ** 2)
    support = torch.zeros(14, 3, dtype=torch.bool)
    support[0:5, 0] = support[4:10, 1] = support[[8, 9, 13], 2] = True
    srf = torch.from_numpy(rng.random((14, 3))) * support
    return image, psf / psf.sum(), srf / srf.sum(0), support


def differing_sensors(shift=(0.6, -1.1), noise=None, fwhm=3.5, sides=(14, 13)):
    """A pair as of `random_scene`, with a displaced Gaussian PSF and a gain and an offset of each MSI band."""
    image, _, srf, support = random_scene(4, sides=sides)
    psf = gaussian_psf(9, 4, fwhm, shift)
    lr, hr_windows = degraded(image, psf, srf, 4, noise)
    gain = torch.from_numpy(np.random.default_rng(5).uniform(0.8, 1.3, 3))
    return lr, hr_windows * gain + OFFSET, psf, srf, support, gain


def shared_scene(name, scale=5, noise=None):
    """A pair simulated from a real image, with its PSF and SRF."""
    folder, table = SCENES[name]
    if not (SHARED / folder).exists():
        pytest.skip(f"needs shared/data/{folder} beside the repository")
    image = torch.from_numpy(scipy.io.loadmat(SHARED / folder / "REF.mat")["REF"].astype(float))
    srf = torch.from_numpy(np.loadtxt(SHARED / folder / table, delimiter=",", skiprows=1, ndmin=2)[:, 1:])
    psf, srf = gaussian_psf(scale, scale, scale), srf / srf.sum(0)
    side = len(image) // scale * scale
    return *degraded(image[:side, :side], psf, srf, scale, noise), psf, srf
