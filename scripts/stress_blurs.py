"""The PSFs of the battery: a kernel on the HR pixels, then the average over the r×r HR pixels of an LR pixel.

The kernels follow HyperBench (https://pypi.org/project/hyperbench): the same ten functions, sampled at the pixels, plus
a box, a disk, motion along a line and cubic convolution. A shift moves the area of the LR pixel.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.signal import convolve2d
from scipy.special import kv
from torch import Tensor

from udaln.physics.interpolation import keys_weight

Array = NDArray[np.float64]

AIRY_ZERO = 2.33811  # HyperBench's factor on the distance in units of the size
MOFFAT_BETA = 3.5
MOTION_ANGLE = np.radians(30)
SUBPIXELS = 15  # per side of a pixel, for kernels with sharp edges
SHARP = ("box", "disk", "motion")


def airy(distance: Array) -> Array:
    """HyperBench's Airy kernel: the modified Bessel function K1 for J1, and 1 at the centre. It is a ring."""
    z = AIRY_ZERO * np.where(distance == 0, 1, distance)
    return np.where(distance == 0, 1, (2 * kv(1, z) / z) ** 2)


KERNELS: dict[str, Callable[[Array, Array], Array]] = {  # of the distances down and to the right in units of the size
    "gaussian": lambda v, u: np.exp(-(v**2 + u**2) / 2),
    "kolmogorov": lambda v, u: np.exp(-(np.hypot(v, u) ** (5 / 3))),
    "airy": lambda v, u: airy(np.hypot(v, u)),
    "moffat": lambda v, u: (1 + v**2 + u**2) ** -MOFFAT_BETA,
    "sinc": lambda v, u: np.sinc(np.hypot(v, u)),
    "lorentzian2": lambda v, u: 1 / (1 + (v**2 + u**2) ** 2),
    "hermite": lambda v, u: np.hypot(v, u) * np.exp(-(v**2 + u**2) / 2),
    "parabolic": lambda v, u: np.maximum(0, 1 - v**2 - u**2),
    "gabor": lambda v, u: np.exp(-((v / 2) ** 2 + u**2) / 2),  # its wave has a period of one pixel: 1 at every pixel
    "delta": lambda v, u: (np.hypot(v, u) == 0).astype(np.float64),
    "box": lambda v, u: (np.maximum(abs(v), abs(u)) < np.sqrt(3)).astype(np.float64),
    "disk": lambda v, u: (np.hypot(v, u) < 2).astype(np.float64),
    "motion": lambda v, u: (abs(u * np.cos(MOTION_ANGLE) + v * np.sin(MOTION_ANGLE)) < np.sqrt(3)).astype(np.float64),
    "cubic": lambda v, u: keys_weight(abs(v).clip(max=2)) * keys_weight(abs(u).clip(max=2)),
}


def kernel(name: str, size: float) -> Array:
    """Sample a kernel and normalise it to sum 1. Box, disk and motion have the standard deviation ``size``.

    Args:
        name: One of `KERNELS`.
        size: Its parameter σ [HR pixels].

    Returns:
        k×k with k = 2·⌈2·size⌉ + 1.
    """
    radius = int(np.ceil(2 * size))
    points = SUBPIXELS if name in SHARP else 1
    offsets = np.arange(-radius, radius + 1)[:, None] + ((np.arange(points) + 0.5) / points - 0.5)
    v, u = np.meshgrid(offsets.ravel() / size, offsets.ravel() / size, indexing="ij")
    values = KERNELS[name](v, u)
    if name == "motion":  # a line one pixel wide
        values = values * (abs(v * np.cos(MOTION_ANGLE) - u * np.sin(MOTION_ANGLE)) * size < 0.5)
    side = 2 * radius + 1
    sampled = values.reshape(side, points, side, points).sum((1, 3))
    return np.asarray(sampled / sampled.sum())


def lr_pixel(scale: int, shift: tuple[float, float]) -> Array:
    """The share of each HR pixel in the area of an LR pixel.

    Args:
        scale: Scale factor r.
        shift: Of the area, down and to the right, by less than one HR pixel.

    Returns:
        (r+2)×(r+2), or r×r without a shift; sums to 1.
    """
    if shift == (0.0, 0.0):
        return np.full((scale, scale), 1 / scale**2)
    edges = np.arange(-1, scale + 2)
    covered = [np.diff((edges - offset).clip(0, scale)) for offset in shift]
    return np.outer(*covered) / scale**2


def point_spread(name: str, size: float, scale: int, shift: tuple[float, float] = (0.0, 0.0)) -> Tensor:
    """The PSF of the LR pixels.

    Args:
        name: One of `KERNELS`.
        size: Its size in units of the scale factor.
        scale: Scale factor r.
        shift: Of the LR pixels, down and to the right [HR pixels], less than one.

    Returns:
        k×k, float64, sums to 1, negative in places for ``sinc`` and ``cubic``; k − r is even.
    """
    return torch.from_numpy(convolve2d(kernel(name, size * scale), lr_pixel(scale, shift)))
