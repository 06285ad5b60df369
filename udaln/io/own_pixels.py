"""Bands that were upsampled, brought back to the pixels that they were made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import avg_pool2d
from torch.nn.functional import interpolate as resized

from udaln.io.image import Image, Pixels
from udaln.io.views import averaged
from udaln.physics.interpolation import interpolate

ROUNDS = 16  # of the correction of means: what is left of them fell to 1e-5 under linear interpolation
CLEARLY = 0.25  # ratio of squared differences
FAR_BETTER = (
    0.1  # the same, of pixels a size too small: they were at least 0.25 where the size was right, else at most 0.06
)
LOOKED_AT = 96  # rows and columns that tell where the pixels begin
MARGIN = 8  # around a window, what its values depend on [large pixels]

Kernel = Callable[[Tensor, int], Tensor]


def own_pixels(image: Image, factor: int, kernels: NDArray[np.int64]) -> Image:
    """View of bands on the pixels that they were made of.

    The means over these pixels are corrected until, upsampled again, they have the same means (Van Cittert, 1931).

    Args:
        image: fH×fW×B, of pixels that begin with the first one.
        factor: f.
        kernels: Of `KERNELS`, the one by which each band was upsampled, from `kernels_of`.
    """
    means = averaged(image, factor)

    def read(rows: slice, cols: slice) -> Pixels:
        outer = [
            slice(max(0, part.start - MARGIN), min(side, part.stop + MARGIN))
            for part, side in zip((rows, cols), means.shape[:2], strict=True)
        ]
        window = tuple(
            slice(part.start - wide.start, part.stop - wide.start)
            for part, wide in zip((rows, cols), outer, strict=True)
        )
        values = means.read(outer[0], outer[1])
        for kernel in set(kernels.tolist()):
            same = kernels == kernel
            values[..., same] = _corrected(values[..., same], factor, KERNELS[kernel])
        return values[window]

    return replace(means, read=read)


def kernels_of(windows: Sequence[Pixels], factor: int) -> NDArray[np.int64]:
    """Of `KERNELS`, the one by which each band was upsampled: whose result differs least from it, B.

    It is the last one unless another's result differs clearly less: bands by twice as many pixels, upsampled by other
    kinds of cubic convolution, differ from linear interpolation hardly more than from this one, and undoing it instead
    made errors four times as large.

    Args:
        windows: Parts of the image, each H×W×B, that begin with a large pixel; NaN where there are no data.
        factor: Pixels along the side of a large one.
    """
    errors = _errors(windows, factor)
    errors[:-1] /= CLEARLY
    best: NDArray[np.int64] = errors.argmin(0)
    return best


def first_pixel(window: Pixels, factor: int) -> tuple[int, int]:
    """The row and the column at which the first whole one of the pixels begins that bands were made of.

    It is that of the image, unless upsampling from another place on differs clearly less from the bands.

    Args:
        window: Of the image, H×W×B, that begins with its first pixel or whole large ones away; NaN for no data.
        factor: Pixels along the side of a large one.
    """
    errors = _errors_from(window, factor).mean(2)
    best = np.unravel_index(int(errors.argmin()), errors.shape)
    return (int(best[0]), int(best[1])) if errors[best] < CLEARLY * errors[0, 0] else (0, 0)


def own_factor(window: Pixels, factor: int) -> int:
    """How many times larger the pixels are that a band was made of: so many as told, or fewer.

    Where bands are displaced from each other, the others tell too many. Then pixels that are one less times as large
    explain the band far better.

    Args:
        window: As for `first_pixel`, of one band.
        factor: So many as told.
    """
    error = float(_errors_from(window, factor).min())
    while factor > 2 and (finer := float(_errors_from(window, factor - 1).min())) < FAR_BETTER * error:
        factor, error = factor - 1, finer
    return factor


def _errors_from(window: Pixels, factor: int) -> NDArray[np.float64]:
    """The least of `_errors` of each band, by the row and the column at which the first large pixel begins, f×f×B."""
    top, left = (max(0, side - LOOKED_AT) // 2 // factor * factor for side in window.shape[:2])
    part = window[top : top + LOOKED_AT, left : left + LOOKED_AT]
    rows, columns = (side - factor + 1 for side in part.shape[:2])
    starts = range(factor)
    return np.array([[_errors([part[i : rows + i, j : columns + j]], factor).min(0) for j in starts] for i in starts])


def _errors(windows: Sequence[Pixels], factor: int) -> NDArray[np.float64]:
    """The sum of squared differences of bands from what each of `KERNELS` makes of their own pixels, 3×B."""
    errors = np.zeros((len(KERNELS), windows[0].shape[2]))
    for window in windows:
        rows, columns = (side // factor * factor for side in window.shape[:2])
        values = window[:rows, :columns].astype(np.float64)
        there = np.isfinite(values)
        sums = np.where(there, values, 0).sum((0, 1))
        filled = torch.from_numpy(np.where(there, values, sums / np.maximum(there.sum((0, 1)), 1)))
        for index, kernel in enumerate(KERNELS):
            own = _corrected(_averaged(filled, factor).numpy(), factor, kernel)
            again = kernel(torch.from_numpy(own), factor).numpy()
            errors[index] += np.square(np.where(there, again - values, 0)).sum((0, 1))
    return errors


def _corrected(means: Pixels, factor: int, kernel: Kernel) -> Pixels:
    """The values whose upsampled image has these means, h×w×B; NaN stays."""
    if kernel is _repeated:
        return means
    there = np.isfinite(means)
    mean = np.where(there, means, 0).sum((0, 1), dtype=np.float64) / np.maximum(there.sum((0, 1)), 1)
    wanted = torch.from_numpy(np.where(there, means, mean))
    values = wanted
    for _ in range(ROUNDS):
        values = values + wanted - _averaged(kernel(values, factor), factor)
    result: Pixels = np.where(there, values.numpy(), np.nan).astype(means.dtype)
    return result


def _averaged(image: Tensor, factor: int) -> Tensor:
    return avg_pool2d(image.movedim(-1, 0), factor).movedim(0, -1)


def _repeated(image: Tensor, factor: int) -> Tensor:
    return image.repeat_interleave(factor, 0).repeat_interleave(factor, 1)


def _linear(image: Tensor, factor: int) -> Tensor:
    channels = resized(image.movedim(-1, 0)[None], scale_factor=factor, mode="bilinear", align_corners=False)
    return channels[0].movedim(0, -1)


KERNELS: tuple[Kernel, ...] = (_repeated, _linear, interpolate)
