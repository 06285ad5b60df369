"""A low-resolution image at the pixels of a high-resolution one, by interpolation alone."""

from __future__ import annotations

import torch
from torch import Tensor

TAPS = 2  # pixels on each side that a value depends on


def interpolate(image: Tensor, scale: int, shift: tuple[float, float] = (0.0, 0.0)) -> Tensor:
    """Bicubic convolution (Keys, 1981, a = −1/2); beyond the outermost centres the border is repeated.

    Args:
        image: h×w×B.
        scale: Scale factor r.
        shift: How far down and to the right of their places by the sizes its pixels lie [HR pixels].

    Returns:
        rh×rw×B, in the dtype of the image.
    """
    for axis, moved in enumerate(shift):
        side = image.shape[axis]
        place = (torch.arange(side * scale, dtype=torch.float64, device=image.device) + 0.5 - moved) / scale - 0.5
        taps = [place.floor() + i for i in (-1, 0, 1, 2)]
        finer = image.new_zeros(*image.shape[:axis], side * scale, *image.shape[axis + 1 :])
        for tap in taps:
            weight = keys_weight((place - tap).abs()).to(image).view(-1, *[1] * (2 - axis))
            finer.addcmul_(image.index_select(axis, tap.clamp(0, side - 1).long()), weight)
        image = finer
    return image


def keys_weight(distance: Tensor) -> Tensor:
    """Weights of the cubic convolution kernel of Keys (1981, eq. 15, a = −1/2).

    Other cubic kernels, such as PyTorch's with a = −3/4, do not reproduce linear ramps.

    Args:
        distance: Absolute distances from the point to the pixels' centres [pixels], from 0 to 2.

    Returns:
        One weight for each distance, in its dtype.
    """
    near = 1 - distance**2 * (2.5 - 1.5 * distance)
    far = 2 - distance * (4 - distance * (2.5 - 0.5 * distance))
    return torch.where(distance < 1, near, far)
