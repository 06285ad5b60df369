"""Two more measures against a reference, in the definitions that other publications use."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d
from torchmetrics.functional.image import structural_similarity_index_measure

from udaln.metrics.checks import checked_pair, valid_pixels, without_data
from udaln.metrics.functional import psnr

WINDOW = 11  # side of the Gaussian window of SSIM [pixels]; its standard deviation is 1.5


def psnr_cube(reference: Tensor, fused: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of the whole cube: 10·log10(max(reference)² / MSE), with one peak for all bands.

    It is higher than `psnr`, the mean of the bands, where bright bands have the same error as dark ones.

    Args:
        reference: The true image, H×W×C.
        fused: The fused image, of the same shape; pixels that are NaN in any band are excluded.

    Returns:
        The ratio in dB; +∞ without an error.

    Raises:
        InputError: If the two are not floating-point cubes of one shape, with at least one value.

    Example:
        >>> reference = torch.tensor([[[1.0, 2.0], [0.5, 1.0]]])
        >>> round(psnr_cube(reference, 0.9 * reference).item(), 3)
        24.082
    """
    reference, fused = valid_pixels(reference, fused)
    return psnr(reference.reshape(-1, 1, 1), fused.reshape(-1, 1, 1))


def ssim(reference: Tensor, fused: Tensor) -> Tensor:
    """Structural similarity of torchmetrics, with a Gaussian window of 11×11 pixels, mean over pixels and bands.

    Wang, Bovik, Sheikh and Simoncelli, "Image quality assessment: from error visibility to structural similarity",
    IEEE Transactions on Image Processing 13(4), 2004. The dynamic range is the maximum of the reference, one for all
    bands. The image is reflected at its borders. Windows that contain pixels without data are excluded.

    Args:
        reference: The true image, H×W×C.
        fused: The fused image, of the same shape; a pixel without data is NaN.

    Returns:
        The similarity, at most 1; higher is better. NaN if no window is complete or the image is smaller than one.

    Raises:
        InputError: If the two are not floating-point cubes of one shape, with at least one value.
    """
    reference, fused = checked_pair(reference, fused)
    gaps = without_data(fused)
    if min(gaps.shape) < WINDOW:
        return reference.new_full((), torch.nan)
    complete = max_pool2d(gaps[None].double(), WINDOW, 1, WINDOW // 2)[0] == 0
    peak = float(reference[~gaps].max()) if not gaps.all() else math.nan
    if not complete.any() or not peak > 0:
        return reference.new_full((), torch.nan)
    total = reference.new_zeros(())
    for band in range(reference.shape[2]):  # one at a time, to bound memory
        target = reference[..., band].masked_fill(gaps, 0)
        image = fused[..., band].masked_fill(gaps, 0)
        _, similarity = structural_similarity_index_measure(
            image[None, None], target[None, None], data_range=peak, return_full_image=True
        )
        total += similarity[0, 0][complete].mean()
    return total / reference.shape[2]
