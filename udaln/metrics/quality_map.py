"""Wang and Bovik's quality index in every position of a sliding window."""

import torch
from torch import Tensor

_HELD = 0.5  # share of a window's pixels that have to hold data
_ROUNDING = 1e-14  # a window's variance below this part of its mean square is rounding error


def quality_map(x: Tensor, y: Tensor, window: int) -> Tensor:
    """The index Q of every window of every band; `udaln.metrics.uiqi` defines it and says what flat windows do.

    Args:
        x: bands of one image in float64, C×H×W.
        y: the same bands of the other image.
        window: side of the window in pixels; in a direction in which the image is smaller, its size is taken instead.

    Returns:
        Q, C×(H − window + 1)×(W − window + 1): of the pixels that are NaN in neither; NaN where more than half are.
    """
    # the two variances are needed as a sum only: four moments do instead of five
    moments = torch.stack([x, y, x.square() + y.square(), x * y])
    empty = moments[3].isnan()
    if gaps := bool(empty.any()):
        moments = torch.cat([moments.masked_fill(empty, 0), (~empty).to(moments)[None]])
    for dim in (2, 3):
        moments = _window_means(moments, min(window, moments.shape[dim]), dim)
    if gaps:
        moments = moments[:4] / torch.where(moments[4] >= _HELD, moments[4], torch.nan)
    mean_x, mean_y, square, product = moments
    means = mean_x * mean_y
    squared_means = mean_x.square() + mean_y.square()
    covariance, variance = product - means, square - squared_means
    dark, flat = squared_means == 0, variance <= _ROUNDING * square
    luminance: Tensor = torch.where(dark, 1.0, 2 * means) / torch.where(dark, 1.0, squared_means)
    structure: Tensor = torch.where(flat, 1.0, 2 * covariance) / torch.where(flat, 1.0, variance)
    return luminance * structure


def _window_means(values: Tensor, size: int, dim: int) -> Tensor:
    """Means of all runs of `size` neighbours along `dim`, in about 2·log2(size) additions.

    Sums of 2m neighbours are made of two sums of m. Unlike differences of cumulative sums these hold nothing from
    outside the window, so no error grows with the image, and the variance of a flat window stays at rounding level.
    """
    sums, length = values, 1
    for bit in bin(size)[3:]:  # the binary digits of `size` after the first
        runs = sums.shape[dim] - length
        sums = sums.narrow(dim, 0, runs) + sums.narrow(dim, length, runs)
        length *= 2
        if bit == "1":
            runs = sums.shape[dim] - 1
            sums = sums.narrow(dim, 0, runs) + values.narrow(dim, length, runs)
            length += 1
    return sums / size
