"""What the pixels of one image see of another, sharper one: windows of pixels, and their mean through a PSF."""

from __future__ import annotations

import torch
from torch import Tensor

from udaln.errors import InputError


def windows(
    image: Tensor, kernel_size: int, scale: int, shift: tuple[int, int] = (0, 0), beyond: float | None = None
) -> Tensor:
    """The pixels that a PSF centred on each LR pixel sees.

    Windows wider than the scale factor overlap.

    Args:
        image: H×W×B.
        kernel_size: Side k of a window [HR pixels], at least ``scale``.
        scale: Distance r between windows [HR pixels].
        shift: How far all windows are moved down and to the right [HR pixels].
        beyond: What is seen beyond the image; its border pixels, repeated, if none.

    Returns:
        (H/r · W/r, k², B); in memory, pixel k of all windows comes before pixel k + 1 of any, for SpaDnet's sake.

    Raises:
        InputError: If ``kernel_size`` is smaller than ``scale``: some pixels would be in no window.
    """
    if kernel_size < scale:
        raise InputError(f"PSF kernel size: expected at least the scale factor {scale}, got {kernel_size}")
    before = (kernel_size - scale) // 2
    after = kernel_size - scale - before
    if after or shift != (0, 0):
        rows, columns = (
            torch.arange(moved - before, side + moved + after, device=image.device)
            for side, moved in zip(image.shape[:2], shift, strict=True)
        )
        seen = image[rows.clamp(0, image.shape[0] - 1)][:, columns.clamp(0, image.shape[1] - 1)]
        if beyond is not None:
            outside = [(at < 0) | (at >= side) for at, side in zip((rows, columns), image.shape[:2], strict=True)]
            seen[outside[0]] = beyond
            seen[:, outside[1]] = beyond
        image = seen
    cut = image.permute(2, 0, 1).unfold(1, kernel_size, scale).unfold(2, kernel_size, scale)  # B, h, w, k, k
    by_pixel = cut.permute(3, 4, 1, 2, 0).reshape(kernel_size**2, -1, image.shape[2]).contiguous()
    return by_pixel.transpose(0, 1)


def middle(kernel_size: int, scale: int) -> float:
    """Where, along a side of its window, the centre of an LR pixel lies [HR pixels]."""
    return (kernel_size - scale) // 2 + (scale - 1) / 2


def degrade(image: Tensor, psf: Tensor, scale: int, shift: tuple[int, int] = (0, 0)) -> Tensor:
    """Blur an image H×W×B by a PSF k×k and keep every ``scale``-th pixel, from ``shift`` on: H/r × W/r × B."""
    before = (len(psf) - scale) // 2
    starts = [torch.arange(0, side, scale, device=image.device) for side in image.shape[:2]]
    weights = psf.to(image)
    total = image.new_zeros(len(starts[0]), len(starts[1]), image.shape[2])
    for i in range(len(psf)):  # pixel by pixel of the PSF: all windows at once would take k²/r² of the image's memory
        lines = image.index_select(0, (starts[0] + shift[0] - before + i).clamp(0, image.shape[0] - 1))
        for j in range(len(psf)):
            columns = (starts[1] + shift[1] - before + j).clamp(0, image.shape[1] - 1)
            total.addcmul_(lines.index_select(1, columns), weights[i, j])
    return total
