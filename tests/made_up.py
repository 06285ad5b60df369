"""Small made-up scenes that several tests share."""

from dataclasses import replace

import numpy as np
import torch
from scipy.ndimage import gaussian_filter

from udaln.methods.udaln.model import UdalnModel
from udaln.physics.degradation import Degradation
from udaln.physics.simulation import gaussian_psf, simulate
from udaln.scene import Scene


def scene(size=24, bands=12, msi_bands=3, scale=4, kernel_size=None, seed=0, materials=4, **noise) -> Scene:
    """A random reference, degraded by Wald's protocol, with overlapping box responses; ``noise``: of ``simulate``."""
    rng = np.random.default_rng(seed)
    abundances = rng.dirichlet(np.ones(materials), size=(size, size))
    spectra = np.cumsum(rng.normal(0, 0.05, (materials, bands)), 1) + rng.uniform(0.3, 0.6, (materials, 1))
    srf = torch.zeros(bands, msi_bands, dtype=torch.float64)
    width = bands // msi_bands + 1
    for j in range(msi_bands):
        first = j * (bands - width) // max(1, msi_bands - 1)
        srf[first : first + width, j] = torch.from_numpy(rng.uniform(0.5, 1.0, width))
    psf = gaussian_psf(kernel_size or scale, scale, scale)
    return simulate(
        torch.from_numpy(np.clip(abundances @ spectra, 0.02, 1).astype(np.float32)), srf, srf > 0, psf, scale, **noise
    )


def unlike(
    lr=(20, 18), scale=4, shift=(0.0, 0.0), fwhm=None, psf=None, bands=12, msi_bands=3, seed=0, **differing
) -> Scene:
    """The pair of two instruments: a textured scene of as many materials as bands, with ``simulate``'s differences.

    Beyond its border the scene goes on: the LR-HSI sees what lies there, the HR-MSI does not. The PSF is a Gaussian
    unless another one is given.
    """
    rng = np.random.default_rng(seed)
    fwhm, reach = fwhm or 0.7 * scale, np.abs(shift).max() + (0 if psf is None else len(psf) / 4)
    margin = 2 * scale * int(np.ceil(fwhm / scale) + np.ceil(reach / scale))
    sides = [side * scale + 2 * margin for side in lr]
    fields = np.stack([gaussian_filter(rng.normal(size=sides), rng.uniform(1, 4)) for _ in range(bands)], -1)
    image = 0.4 + 0.1 * fields / fields.std((0, 1)) @ rng.normal(size=(bands, bands)) / bands**0.5
    srf = torch.from_numpy(rng.uniform(0.2, 1.0, (bands, msi_bands)))
    near = torch.arange(bands)[:, None] - torch.linspace(2, bands - 3, msi_bands)
    srf[near.abs() > bands / msi_bands / 1.5] = 0
    psf = gaussian_psf(scale + margin, scale, fwhm, shift) if psf is None else psf
    whole = simulate(torch.from_numpy(image.clip(0.02)), srf, srf > 0, psf, scale, **differing)
    low, high = (slice(part, -part) for part in (margin // scale, margin))
    assert whole.truth.image is not None
    return replace(
        whole,
        lr_hsi=whole.lr_hsi[low, low].contiguous(),
        hr_msi=whole.hr_msi[high, high].contiguous(),
        truth=replace(whole.truth, image=whole.truth.image[high, high].contiguous()),
    )


def learned(model) -> list[tuple[str, torch.nn.Parameter]]:
    """The parameters that training may change, by name."""
    return [(name, p) for name, p in model.named_parameters() if p.requires_grad]


def networks(pair: Scene, kernel_size=None, known=None, seed=0, network="paper", **differing) -> UdalnModel:
    """Untrained networks for it; ``differing``: whether a gain and an offset are estimated."""
    torch.manual_seed(seed)
    degradation = Degradation(
        scale=pair.scale,
        kernel_size=kernel_size or pair.scale,
        support=pair.support,
        unit=pair.unit,
        msi_unit=pair.msi_unit,
        known=known,
        **differing,
    )
    return UdalnModel(degradation, network)


def smooth_mixtures(side=20, bands=60, seed=0):
    """Mixtures of five smooth spectra that differ in brightness, side×side×bands."""
    rng = np.random.default_rng(seed)
    at = np.linspace(0, 1, bands)
    spectra = 0.3 + 0.25 * np.sin(rng.uniform(2, 8, (5, 1)) * at + rng.uniform(0, 6, (5, 1)))
    return torch.from_numpy(rng.dirichlet(np.full(5, 0.5), (side, side)) @ (spectra * rng.uniform(0.3, 1.5, (5, 1))))


def random_pair(lr=(3, 4, 6), hr=(6, 8, 2), covered=None):
    generator = torch.Generator().manual_seed(0)
    covered = torch.ones(lr[2], hr[2], dtype=torch.bool) if covered is None else covered
    return torch.rand(lr, generator=generator) + 0.1, torch.rand(hr, generator=generator) + 0.1, covered


def masked_scene(shift=(0, 0)):
    """6×5 LR pixels of 4×4, of which one has no data, and some HR pixels beside."""
    generator = torch.Generator().manual_seed(0)
    lr, hr = torch.rand(6, 5, 4, generator=generator), torch.rand(24, 20, 2, generator=generator)
    lr_valid, hr_valid = torch.ones(6, 5, dtype=torch.bool), torch.ones(24, 20, dtype=torch.bool)
    lr_valid[1, 3] = hr_valid[17, 6:11] = False
    covered = torch.ones(4, 2, dtype=torch.bool)
    return Scene(lr, hr, covered, lr_valid=lr_valid, hr_valid=hr_valid, shift=shift)
