"""A made-up scene at low resolution, seen by two sensors of which one may have striped lines."""

import torch
from scipy.ndimage import gaussian_filter

BANDS = 16


def ground(side, seed=0):
    """Mixtures of four spectra, side×side×16, with structure and texture."""
    rng = torch.Generator().manual_seed(seed)
    abundances = torch.rand(side, side, 4, generator=rng, dtype=torch.float64)
    smooth = torch.from_numpy(gaussian_filter(abundances.numpy(), (1, 1, 0)))
    spectra = torch.rand(4, BANDS, generator=rng, dtype=torch.float64) + 0.2
    return (smooth + 0.1 * abundances) @ spectra


def observed(scene, seed=1):
    """The scene in all bands, and in four mixtures of them, both with noise."""
    rng = torch.Generator().manual_seed(seed)
    images = [scene, scene.unflatten(2, (4, 4)).mean(3)]
    return [image + 0.003 * torch.randn(image.shape, generator=rng, dtype=torch.float64) for image in images]


def stripe(image, axis, lines, factor, bands=slice(None)):
    """Multiply lines of an image by a factor, in place."""
    part = image.transpose(0, 1) if axis else image
    part[lines, :, bands] = part[lines, :, bands] * factor
