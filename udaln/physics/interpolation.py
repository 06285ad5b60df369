"""Bicubic interpolation of a low-resolution image onto the pixels of a high-resolution one."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad

KERNEL_RADIUS = 2  # half-width of the interpolation kernel [LR pixels]

Distance = TypeVar("Distance", Tensor, NDArray[np.floating[Any]])


def interpolate(image: Tensor, scale: int, shift: tuple[float, float] = (0.0, 0.0)) -> Tensor:
    """Interpolate by bicubic convolution (Keys, 1981, a = −1/2); beyond the outermost centres the border is repeated.

    Args:
        image: h×w×B.
        scale: Scale factor r.
        shift: Displacement of the image, down and to the right, from the place that the sizes imply [HR pixels].

    Returns:
        rh×rw×B, in the dtype of the image.
    """
    for axis, offset in enumerate(shift):
        side = image.shape[axis]
        position = (torch.arange(side * scale, dtype=torch.float64, device=image.device) + 0.5 - offset) / scale - 0.5
        neighbours = [position.floor() + i for i in (-1, 0, 1, 2)]
        interpolated = image.new_zeros(*image.shape[:axis], side * scale, *image.shape[axis + 1 :])
        for neighbour in neighbours:
            weight = keys_weight((position - neighbour).abs()).to(image).view(-1, *[1] * (2 - axis))
            interpolated.addcmul_(image.index_select(axis, neighbour.clamp(0, side - 1).long()), weight)
        image = interpolated
    return image


def displaced(image: Tensor, displacement: Tensor) -> Tensor:
    """Move each band of an image by bicubic convolution (Keys, 1981, a = −1/2); beyond it the border is repeated.

    Args:
        image: H×W×C.
        displacement: Down and to the right [pixels], 2×C.

    Returns:
        H×W×C; the bands whose displacement is 0 are unchanged. The image itself if all are.
    """
    moved = displacement.any(0)
    if not moved.any():
        return image
    bands = image[..., moved]
    for axis, offset in enumerate(displacement[:, moved]):
        position = torch.arange(bands.shape[axis], device=image.device)
        result = torch.zeros_like(bands)
        for tap in range(int(offset.min().floor()) - 1, int(offset.max().floor()) + 3):
            pixels = bands.index_select(axis, (position - tap).clamp(0, bands.shape[axis] - 1))
            result.addcmul_(pixels, keys_weight((offset - tap).abs().clamp(max=KERNEL_RADIUS)).to(image))
        bands = result
    image = image.clone()
    image[..., moved] = bands
    return image


def mean_of_neighbours(image: Tensor, valid: Tensor) -> Tensor:
    """The mean of the valid ones of the four neighbours of each pixel, h×w×B; NaN where there are none."""
    weight = pad(valid.to(image), (1, 1, 1, 1))[..., None]
    padded = pad(image, (0, 0, 1, 1, 1, 1)) * weight
    inner, before, after = slice(1, -1), slice(None, -2), slice(2, None)
    places = (inner, before), (inner, after), (before, inner), (after, inner)
    total = torch.stack([padded[place] for place in places]).sum(0)
    return total / torch.stack([weight[place] for place in places]).sum(0)


def keys_weight(distance: Distance) -> Distance:
    """Weight of a pixel in cubic convolution (Keys, 1981, eq. 15: a = −1/2).

    Other cubic kernels, such as PyTorch's with a = −3/4, do not reproduce linear ramps.

    Args:
        distance: Absolute distance between the pixel and the interpolated point, 0 to 2 [pixels]; any shape.

    Returns:
        The weights, of the shape and type of ``distance``.

    >>> keys_weight(np.array([0.0, 0.5, 1.0, 1.5])).tolist()
    [1.0, 0.5625, 0.0, -0.0625]
    """
    near = 1 - distance**2 * (2.5 - 1.5 * distance)
    far = 2 - distance * (4 - distance * (2.5 - 0.5 * distance))
    # instead of `where`, which NumPy and PyTorch each have for their own arrays only
    weight: Distance = near * (distance < 1) + far * (distance >= 1)
    return weight
