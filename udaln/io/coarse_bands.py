"""Bands whose pixels are repeated or interpolated from larger ones."""

from __future__ import annotations

import torch
from torch import Tensor

FACTORS = (2, 3, 4, 5, 6, 8, 10, 12)  # pixels of coarse bands per pixel, along each side
REPEATED = 0.05  # ratio of the second largest to the largest mean square difference, where pixels are repeated
SIDES = 8  # large pixels that are needed along each side of the image
INTERPOLATED = 0.75  # the same where they are linearly interpolated between pixels twice as large


def coarse_factors(image: Tensor, valid: Tensor) -> Tensor:
    """How many times larger than the image's the pixels are that each band was made of.

    The mean square difference of adjacent pixels depends on their position if pixels are repeated, or linearly
    interpolated: within a large pixel it is smaller than across its border (Gallagher, 2005).

    Args:
        image: H×W×B; values that do not count may be NaN.
        valid: H×W×B bool, which values count.

    Returns:
        B, whole numbers; 1 for bands without a sign of larger pixels.
    """
    image = torch.where(valid, image, 0)
    factors = torch.ones(image.shape[2], dtype=torch.long)
    for factor in FACTORS:  # the largest that fits: pixels that are repeated four times are so twice, too
        if min(image.shape[:2]) < SIDES * factor:
            continue
        ratio = torch.maximum(
            _periodicity(image, valid, factor), _periodicity(image.transpose(0, 1), valid.transpose(0, 1), factor)
        )
        factors[ratio < (INTERPOLATED if factor == 2 else REPEATED)] = factor
    return factors


def _periodicity(image: Tensor, valid: Tensor, period: int) -> Tensor:
    """Of the mean square differences of rows by their position in a period, the second largest by the largest, B.

    It is 1 for a band without differences.
    """
    difference = (image[1:] - image[:-1]).double().square()
    counts = (valid[1:] & valid[:-1]).double()
    means = []
    for position in range(period):
        used = counts[position::period]
        means.append((difference[position::period] * used).sum((0, 1)) / used.sum((0, 1)).clamp(min=1))
    second, largest = torch.stack(means).topk(2, 0).values.flip(0)
    return torch.where(largest > 0, second / largest, 1)
