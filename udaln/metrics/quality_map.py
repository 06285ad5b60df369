"""Map of Wang and Bovik's quality index Q over the positions of a sliding window."""

from collections.abc import Iterator

import torch
from torch import Tensor

_MIN_VALID = 0.5  # fraction of a window's pixels that must hold data
_ROUNDING = 1e-14  # a variance below this fraction of the mean square is rounding error
_VALUES_AT_ONCE = 2**18  # values in a block of bands: in float64 it stays in a CPU's cache


def band_blocks(cube: Tensor) -> Iterator[slice]:
    """Consecutive blocks of bands of an H×W×C cube, so few at a time that they are quick to process."""
    count = max(1, _VALUES_AT_ONCE // (cube.shape[0] * cube.shape[1]))
    return (slice(first, first + count) for first in range(0, cube.shape[2], count))


def quality_map(x: Tensor, y: Tensor, window: int) -> Tensor:
    """The index Q of every window of every band; `udaln.metrics.uiqi` defines it, also for constant windows.

    Args:
        x: Bands of one image in float64, C×H×W.
        y: The same bands of the other image.
        window: Side of the window in pixels; along a side that is shorter, that of the image.

    Returns:
        Q of the pixels that are NaN in neither image, C×(H − window + 1)×(W − window + 1); NaN where fewer than half
        of a window's pixels remain.
    """
    # only the sum of the two variances is needed: four moments instead of five
    moments = torch.stack([x, y, x.square() + y.square(), x * y])
    invalid = moments[3].isnan()
    if gaps := bool(invalid.any()):
        moments = torch.cat([moments.masked_fill(invalid, 0), (~invalid).to(moments)[None]])
    for dim in (2, 3):
        moments = _window_means(moments, min(window, moments.shape[dim]), dim)
    if gaps:
        moments = moments[:4] / torch.where(moments[4] >= _MIN_VALID, moments[4], torch.nan)
    mean_x, mean_y, square, product = moments
    means = mean_x * mean_y
    squared_means = mean_x.square() + mean_y.square()
    covariance, variance = product - means, square - squared_means
    zero, constant = squared_means == 0, variance <= _ROUNDING * square
    luminance: Tensor = torch.where(zero, 1.0, 2 * means) / torch.where(zero, 1.0, squared_means)
    structure: Tensor = torch.where(constant, 1.0, 2 * covariance) / torch.where(constant, 1.0, variance)
    return luminance * structure


def _window_means(values: Tensor, size: int, dim: int) -> Tensor:
    """Moving averages of `size` neighbours along `dim`, in about 2·log2(size) additions.

    Sums of 2m neighbours are formed from two sums of m. Unlike differences of cumulative sums, they contain no values
    from outside the window: errors do not grow with the image, and the variance of a constant window stays at rounding
    level.
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
