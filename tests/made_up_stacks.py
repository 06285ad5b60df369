"""Made-up stacks of bands that share most of their detail, some of them upsampled from larger pixels."""

import numpy as np
import torch
from scipy.ndimage import zoom
from torch.nn.functional import interpolate


def textured(side=120, bands=5, seed=0):
    """Bands whose power falls with the spatial frequency as that of scenes does."""
    rng = np.random.default_rng(seed)
    down, right = np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None]
    amplitude = 1 / np.maximum(np.hypot(down, right), 1 / side) ** 1.3
    parts = [np.fft.irfft2(np.fft.rfft2(rng.normal(size=(side, side))) * amplitude, (side, side)) for _ in range(3)]
    return np.stack(parts, -1) @ rng.uniform(0.2, 1, (3, bands))


def upsampled(bands, factor, way):
    """Bands averaged over larger pixels and brought back, by ``nearest``, ``spline`` or a mode of PyTorch."""
    rows, columns = (side // factor for side in bands.shape[:2])
    means = bands.reshape(rows, factor, columns, factor, -1).mean((1, 3))
    if way == "nearest":
        return means.repeat(factor, 0).repeat(factor, 1)
    if way == "spline":
        return zoom(means, (factor, factor, 1), order=3, grid_mode=True, mode="nearest")
    channels = torch.from_numpy(means).movedim(-1, 0)[None]
    return interpolate(channels, scale_factor=factor, mode=way)[0].movedim(0, -1).numpy()
