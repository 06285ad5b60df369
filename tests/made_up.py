"""Small made-up scenes that several tests share."""

import numpy as np
import torch

from udaln.data.simulate import gaussian_psf, simulate
from udaln.networks import FusionNetworks
from udaln.scene import Known, Scene


def scene(size=24, bands=12, msi_bands=3, scale=4, kernel_size=None, seed=0) -> Scene:
    """A smooth random reference, degraded by Wald's protocol, with overlapping box responses."""
    rng = np.random.default_rng(seed)
    abundances = rng.dirichlet(np.ones(4), size=(size, size))
    spectra = np.cumsum(rng.normal(0, 0.05, (4, bands)), 1) + rng.uniform(0.3, 0.6, (4, 1))
    srf = torch.zeros(bands, msi_bands, dtype=torch.float64)
    width = bands // msi_bands + 1
    for j in range(msi_bands):
        first = j * (bands - width) // max(1, msi_bands - 1)
        srf[first : first + width, j] = torch.from_numpy(rng.uniform(0.5, 1.0, width))
    psf = gaussian_psf(kernel_size or scale, scale, scale)
    return simulate(
        torch.from_numpy(np.clip(abundances @ spectra, 0.02, 1).astype(np.float32)), srf, srf > 0, psf, scale
    )


def networks(pair: Scene, kernel_size=None, known=None, seed=0, network="paper") -> FusionNetworks:
    """Untrained networks for it."""
    torch.manual_seed(seed)
    return FusionNetworks(
        scale=pair.scale,
        kernel_size=kernel_size or pair.scale,
        support=pair.support,
        unit=pair.unit,
        known=known or Known(),
        network=network,
    )
