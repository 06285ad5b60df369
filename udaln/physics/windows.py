"""The PSF on the pixel grid: the window of HR pixels under each LR pixel, and blur with downsampling."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from udaln.errors import InputError


def windows(
    image: Tensor,
    kernel_size: int,
    scale: int,
    shift: tuple[int, int] = (0, 0),
    beyond: float | None = None,
    at: Tensor | None = None,
    binning: int = 1,
) -> Tensor:
    """Extract the window of HR pixels that the PSF of each LR pixel covers.

    Windows wider than the scale factor overlap.

    Args:
        image: H×W×B.
        kernel_size: Side k of a window [HR pixels], at least ``scale``.
        scale: Stride r between windows [HR pixels].
        shift: Displacement of all windows down and to the right [HR pixels].
        beyond: Value of pixels outside the image; if none, that of the nearest border pixel.
        at: The LR pixels whose windows are wanted, H/r · W/r bool; all if None.
        binning: Side b of the squares of HR pixels whose mean is one pixel of a window, a divisor of k.

    Returns:
        (N, (k/b)², B), N = H/r · W/r or the number of those wanted. In memory the window axis comes first: pixel k of
        all windows precedes pixel k + 1 of any, the layout that SpaDnet's weighted sum reads fastest.

    Raises:
        InputError: If ``kernel_size`` is smaller than ``scale``: some pixels would be in no window.
    """
    if kernel_size < scale:
        raise InputError(f"PSF kernel size: expected at least the scale factor {scale}, got {kernel_size}")
    before = (kernel_size - scale) // 2
    after = kernel_size - scale - before
    if after or shift != (0, 0):
        rows, columns = (
            torch.arange(offset - before, side + offset + after, device=image.device)
            for side, offset in zip(image.shape[:2], shift, strict=True)
        )
        padded = image[rows.clamp(0, image.shape[0] - 1)][:, columns.clamp(0, image.shape[1] - 1)]
        if beyond is not None:
            padded[(rows < 0) | (rows >= image.shape[0])] = beyond
            padded[:, (columns < 0) | (columns >= image.shape[1])] = beyond
        image = padded
    image = image.permute(2, 0, 1)
    if binning > 1:
        image = avg_pool2d(image, binning, stride=1)
    span = kernel_size - binning + 1
    cut = image.unfold(1, span, scale).unfold(2, span, scale)[..., ::binning, ::binning]  # B, h, w, k/b, k/b
    by_window = cut.permute(3, 4, 1, 2, 0)  # k, k, h, w, B
    if at is None:
        chosen = by_window.reshape((kernel_size // binning) ** 2, -1, len(image)).contiguous()
    else:
        rows, columns = at.view(cut.shape[1:3]).nonzero(as_tuple=True)
        chosen = by_window[:, :, rows, columns].flatten(0, 1).contiguous()
    return chosen.transpose(0, 1)


def middle(kernel_size: int, scale: int) -> float:
    """Coordinate of an LR pixel's centre along a side of its window, from the centre of the first HR pixel."""
    return (kernel_size - scale) // 2 + (scale - 1) / 2


def degrade(image: Tensor, psf: Tensor, scale: int, shift: tuple[int, int] = (0, 0)) -> Tensor:
    """Blur an image by a PSF and downsample it; beyond the image its border pixels are repeated.

    Args:
        image: H×W×B.
        psf: k×k.
        scale: Scale factor r.
        shift: Displacement of all windows down and to the right [HR pixels].

    Returns:
        H/r × W/r × B, in the dtype of the image.
    """
    before = (len(psf) - scale) // 2
    starts = [torch.arange(0, side, scale, device=image.device) for side in image.shape[:2]]
    weights = psf.to(image)
    total = image.new_zeros(len(starts[0]), len(starts[1]), image.shape[2])
    for i in range(len(psf)):  # one PSF pixel at a time: all windows at once would take k²/r² of the image's memory
        rows = image.index_select(0, (starts[0] + shift[0] - before + i).clamp(0, image.shape[0] - 1))
        for j in range(len(psf)):
            columns = (starts[1] + shift[1] - before + j).clamp(0, image.shape[1] - 1)
            total.addcmul_(rows.index_select(1, columns), weights[i, j])
    return total
