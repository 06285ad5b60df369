"""How the lines of an image, its rows or its columns, differ from those beside them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

LEAST_LINES = 12  # along each axis; with fewer, nothing can be said of what is usual
ONE_SIGN = 0.9  # fraction of the pixels of a striped line whose difference from its neighbours has one sign
DEVIATES = 6.0  # robust standard deviations from what is usual of lines; twice as many for one at the border
MAD = 1.4826  # standard deviation of the normal distribution [median absolute deviation]
UNUSUAL = 2.0  # least size of the differences along a striped line, relative to other lines
NEAR = 3  # distance of the two neighbours of a line: at most two lines beside each other are striped


class Steps(NamedTuple):
    """How the lines of an image differ from their neighbours.

    Attributes:
        median: Along each line, n×B.
        distance: Its size, relative to what is usual of lines [robust standard deviations], n×B.
        unusual: Whether the differences along the line are larger than those along others, n×B.
        deviates: Whether this is so, the median is far from what is usual, and nearly all differences have its sign.
        far: Which lines have no neighbours near enough to tell, n.
    """

    median: Tensor
    distance: Tensor
    unusual: Tensor
    deviates: Tensor
    far: Tensor

    @classmethod
    def of(cls, residual: Tensor, excluded: Tensor) -> Steps:
        """Those of lines of residuals, n×m×B; n bool: the lines that are no neighbours."""
        steps, alone = _beside(residual, excluded)
        median, size = steps.nanmedian(1).values, steps.abs().nanmean(1)
        usual, usual_size = (part[~excluded].nanmedian(0).values for part in (median.abs(), size))
        distance = (median.abs() / (MAD * usual)).nan_to_num(0, 0, 0)
        unusual = size > UNUSUAL * usual_size
        deviates = distance > torch.where(alone[:, None], 2 * DEVIATES, DEVIATES)
        before, after, _ = neighbours(excluded)
        return cls(median, distance, unusual, unusual & deviates & _one_sign(steps, median), after - before > NEAR)


def contrast_of(regressors: Tensor) -> Tensor:
    """How far each line or one beside it differs from its neighbours, along nearly all of it, n: a line or an edge."""
    steps, _ = _beside(regressors, torch.zeros(len(regressors), dtype=torch.bool))
    median = steps.nanmedian(1).values
    contrast = torch.where(_one_sign(steps, median), median.abs(), 0).amax(1)
    near: Tensor = torch.nn.functional.max_pool1d(contrast[None], 3, 1, 1)[0]
    return near


def _one_sign(steps: Tensor, median: Tensor) -> Tensor:
    """Which lines of n×m×B differences have one sign nearly all along, n×B."""
    count = steps.isfinite().sum(1)
    return ((steps * median[:, None] > 0).sum(1) >= ONE_SIGN * count) & (count >= LEAST_LINES)


def _beside(image: Tensor, excluded: Tensor) -> tuple[Tensor, Tensor]:
    """Difference of each line from the mean of its neighbours, n×m×B, and which have one neighbour only, n bool."""
    before, after, alone = neighbours(excluded)
    return image - (image[before] + image[after]) / 2, alone


def neighbours(excluded: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The nearest line that is not excluded on each side of each of n lines, and which have one on one side only.

    At the border, both are the only one.
    """
    number = torch.arange(len(excluded))
    kept = number[~excluded]
    before = torch.searchsorted(kept, number) - 1
    after = torch.searchsorted(kept, number, right=True)
    first, last = before < 0, after >= len(kept)
    before, after = torch.where(first, after, before), torch.where(last, before, after)
    return kept[before.clamp(0, len(kept) - 1)], kept[after.clamp(0, len(kept) - 1)], first | last
