"""Pairs whose images are displaced against each other by different amounts in different places."""

from dataclasses import replace

import numpy as np
import torch
from scipy.ndimage import gaussian_filter

from udaln.physics.simulation import gaussian_psf, simulate
from udaln.physics.warp import warped


def displacement(sides, slope=1.5, smooth=1.0, seed=0):
    """An affine field of random slopes and, beyond it, a smooth one, 2×H×W [pixels]; their largest values."""
    rng = np.random.default_rng(seed)
    at = np.stack(np.meshgrid(*(np.linspace(-1, 1, side) for side in sides), indexing="ij"))
    affine = np.einsum("ab,bij->aij", rng.uniform(-1, 1, (2, 2)), at)
    rough = gaussian_filter(rng.normal(size=(2, *sides)), (0, *(side / 8 for side in sides)), mode="reflect")
    field = sum(
        size * part / max(1e-12, np.abs(part).max())
        for size, part in ((slope, affine), (smooth, rough - rough.mean((1, 2), keepdims=True)))
    )
    return torch.from_numpy(field)


def displaced_pair(field=None, lr=(30, 28), scale=4, seed=0, **noise):
    """A textured pair of four materials, and the same with an LR-HSI that is displaced by a field; as of `simulate`."""
    rng = np.random.default_rng(seed)
    sides = [side * scale for side in lr]
    shares = np.stack([gaussian_filter(rng.normal(size=sides), rng.uniform(1, 4)) for _ in range(4)], -1)
    spectra = gaussian_filter(rng.normal(size=(4, 12)), (0, 2))
    image = 0.5 + 0.1 * shares / shares.std((0, 1)) @ spectra / np.abs(spectra).max()
    srf = torch.from_numpy(np.repeat(np.eye(4), 3, 0) + 0.1)
    psf = gaussian_psf(scale, scale, scale)

    def pair_of(seen):
        return simulate(seen.float(), srf, srf > 0, psf, scale, **noise)

    whole = pair_of(torch.from_numpy(image))
    displaced = whole if field is None else pair_of(warped(torch.from_numpy(image), field, order=3))
    return whole, replace(whole, lr_hsi=displaced.lr_hsi)
