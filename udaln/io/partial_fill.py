"""Fill that no file declares in a part of the bands, as of one of two detectors whose footprints differ."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from udaln.io.fill import GAP, MANY, TAIL, at_rim, jump
from udaln.io.image import Cause, Image, Pixels
from udaln.io.missing import strips
from udaln.io.views import masked

CANDIDATES = 4  # most frequent numbers, and sets of bands for each, that are examined
LEAST_PIXELS = 16  # with one number in the same bands
MOST = 0.8  # fraction of these bands in which it is beyond nearly all measurements
APART = 0.8  # distance of the pixels beside fill from it, relative to that of others; less along the shore of a lake


@dataclass(frozen=True)
class PartialFill:
    """One number that stands for no data in some bands.

    Attributes:
        number: In the image's unit.
        bands: B bool.
    """

    number: float
    bands: NDArray[np.bool_]

    def flags(self, values: Pixels) -> NDArray[np.bool_]:
        """Which of h×w×B values are such fill: where all of these bands have the number."""
        return np.asarray((values[..., self.bands] == self.number).all(2, keepdims=True) & self.bands)

    def __str__(self) -> str:
        """The number, and in how many bands."""
        return f"undeclared fill {self.number:g} in {self.bands.sum()} of {len(self.bands)} bands"


def without_partial_fill(image: Image) -> Image:
    """View of an image with NaN in place of undeclared fill in a part of its bands; itself if it has none.

    Such fill is one number that many pixels have in the same five or more bands. It is beyond the measurements; or it
    is the smallest or largest number, lies along the border, and fills whole rows or columns or ends abruptly, other
    than what was clipped.
    """
    if image.shape[2] < MANY:
        return image

    def flags(fill: PartialFill) -> Callable[[slice, slice], NDArray[np.bool_]]:
        before = image
        return lambda rows, cols: fill.flags(before.read(rows, cols))

    for fill in find_partial_fill([image.read(*window) for window in strips(image)]):
        image = masked(image, Cause(str(fill), flags(fill)))
    return image


def find_partial_fill(windows: list[Pixels]) -> list[PartialFill]:
    """The fill of parts of the bands in windows of an image.

    Args:
        windows: Each h×w×B, as wide as the image; NaN where there are no data.
    """
    pixels = np.concatenate([window.reshape(-1, window.shape[2]) for window in windows])
    equal = pixels[:, 1:] == pixels[:, :-1]
    several = equal.sum(1) >= MANY - 1
    numbers, counts = np.unique(pixels[several][:, 1:][equal[several]], return_counts=True)
    found: list[PartialFill] = []
    for number in numbers[np.argsort(-counts)[:CANDIDATES]].tolist():
        holds = pixels[several] == number
        sets, counts = np.unique(holds, axis=0, return_counts=True)
        for index in np.argsort(-counts)[:CANDIDATES]:
            bands = sets[index] & np.isfinite(pixels).any(0)
            if counts[index] >= LEAST_PIXELS and bands.sum() >= MANY and _is_fill(number, bands, pixels, windows):
                found.append(PartialFill(number, bands))
    return found


def _is_fill(number: float, bands: NDArray[np.bool_], pixels: Pixels, windows: list[Pixels]) -> bool:
    values = pixels[:, bands]
    filled = (values == number).all(1)
    others = values[~filled & np.isfinite(values).all(1)]
    if len(others) < LEAST_PIXELS or not (np.nanmax(others, 0) > np.nanmin(others, 0)).all():
        return False
    low, high = np.percentile(others, (TAIL, 100 - TAIL), axis=0)
    if (number < low - GAP * (high - low)).all() or (number > 2 * high - low).all():
        return True
    if max((number <= low).mean(), (number >= high).mean()) < MOST:
        return False
    spectrum = np.full(int(bands.sum()), number, values.dtype)
    if not at_rim(spectrum, windows, bands):
        return False
    return _is_margin(number, bands, windows) or jump(spectrum, others, windows, bands) >= APART


def _is_margin(number: float, bands: NDArray[np.bool_], windows: list[Pixels]) -> bool:
    """Whether the pixels with a number are whole rows and columns, as beside the footprint of a detector."""
    filled = np.concatenate([np.asarray((window[..., bands] == number).all(2)) for window in windows])
    return bool(np.array_equal(filled, filled.all(1, keepdims=True) | filled.all(0, keepdims=True)))
