"""A low-resolution image at the pixels of a high-resolution one, by interpolation alone."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import grid_sample


def interpolate(image: Tensor, scale: int, shift: tuple[float, float] = (0.0, 0.0)) -> Tensor:
    """Bicubic convolution (Keys, 1981); beyond the outermost centres the border is repeated.

    Args:
        image: h×w×B.
        scale: Scale factor r.
        shift: How far down and to the right of their places by the sizes its pixels lie [HR pixels].

    Returns:
        rh×rw×B, in the dtype of the image.
    """
    sides = image.shape[:2]
    places = [
        (2 * (torch.arange(side * scale, device=image.device) + 0.5 - moved) / (side * scale) - 1).to(image)
        for side, moved in zip(sides, shift, strict=True)
    ]
    grid = torch.stack(torch.meshgrid(*places, indexing="ij")[::-1], -1)
    bands_first = image.permute(2, 0, 1)[None]
    out = grid_sample(bands_first, grid[None], mode="bicubic", padding_mode="border", align_corners=False)
    return out[0].permute(1, 2, 0)
