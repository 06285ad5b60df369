"""Hot values: single numbers far beyond all others of a band, as a defect or a cosmic ray leaves them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray

from udaln.io.bad_bands import describe_bands
from udaln.io.image import Cause, Image, Pixels
from udaln.io.missing import LOOKED_AT, strips
from udaln.io.views import masked

TAIL = 2.0  # percentile of a band's values that counts as their end
SAMPLE = 20_000  # values of a band that its percentiles are taken from, at least
REACH = 2  # the values around one: as far along rows and columns [pixels]
LIKE = 0.25  # fraction of these that may be like one that is alone
FAR = 1.0  # distance of a hot value from the others, in terms of their range, if it is one of few in its pixel
SURELY_FAR = 100.0  # the same in any number of a pixel's bands: no glint is as bright
FEW = 0.25  # fraction of a pixel's bands that are beyond the others, at most, where single values are hot


@dataclass(frozen=True)
class HotValues:
    """Between what numbers the values of each band lie, but for hot ones.

    Attributes:
        low: Smallest value that is not alone, B; NaN where nothing can be said.
        high: Largest one.
        whole: Whether all of the image was looked at. If not, some measurements may lie beyond.
        count: How many hot values were seen in each band, B.
    """

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    whole: bool
    count: NDArray[np.intp]

    def flags(self, values: Pixels) -> NDArray[np.bool_]:
        """Which of h×w×B values are hot."""
        known = np.where(np.isfinite(values), values, np.nan).astype(np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            distance = np.maximum(self.low - known, known - self.high) / (self.high - self.low)
        surely = distance > SURELY_FAR
        if not self.whole:
            return np.asarray(surely)
        far = distance > FAR
        few = (distance > 0).sum(2, keepdims=True) <= max(1, FEW * values.shape[2])  # a glint is bright in most bands
        # of one band, there are no others to tell a defect from a bright object
        return np.asarray(surely | (far & few & (values.shape[2] > 1)))

    def __str__(self) -> str:
        """How many, in which bands."""
        total = int(self.count.sum())
        bands = describe_bands(torch.from_numpy(self.count > 0))
        return f"{total} hot value{'s' * (total > 1)}, far beyond the others of {bands}"


def without_hot_values(image: Image) -> Image:
    """View of an image with NaN in place of hot values; the image itself if it has none.

    A value is hot if it is farther from the others of its band than their range, where the other bands of the pixel are
    as elsewhere; or farther than a hundred times this range. The others are those that are not alone: some of the
    pixels around them are like them.
    """
    windows = list(strips(image))
    hot = find_hot_values([image.read(*window) for window in windows], whole=math.prod(image.shape) <= LOOKED_AT)
    if hot is None:
        return image
    return masked(image, Cause(str(hot), lambda rows, cols: hot.flags(image.read(rows, cols))))


def find_hot_values(windows: Sequence[Pixels], *, whole: bool = True) -> HotValues | None:
    """The hot values in windows of an image.

    Args:
        windows: Each h×w×B; NaN where there are no data.
        whole: Whether they are all of the image.

    Returns:
        None if there are none.
    """
    middle, low, high = _usual(windows)
    for window in windows:
        values = np.where(np.isfinite(window), window, np.nan)
        beyond = np.argwhere((values < low) | (values > high))  # few: only these may be alone
        together = beyond[~_alone(values, beyond, middle)]
        bands = together[:, 2]
        numbers = values[tuple(together.T)].astype(np.float64)
        np.fmin.at(low, bands, numbers)
        np.fmax.at(high, bands, numbers)
    constant = ~(high > low)
    hot = HotValues(np.where(constant, np.nan, low), np.where(constant, np.nan, high), whole, np.zeros(len(low), int))
    hot = replace(hot, count=sum((hot.flags(window).sum((0, 1)) for window in windows), hot.count))
    return hot if hot.count.any() else None


def _usual(windows: Sequence[Pixels]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Median of each band, B, and the ends of what is no tail of its distribution: NaN of a band without data."""
    pixels = [window.reshape(-1, window.shape[2]) for window in windows]
    step = max(1, sum(map(len, pixels)) // SAMPLE)
    sample = np.concatenate([part[::step] for part in pixels]).astype(np.float64)
    result = np.full((3, sample.shape[1]), np.nan)
    for band, values in enumerate(sample.T):
        if len(known := values[np.isfinite(values)]):
            middle, low, high = np.percentile(known, (50, TAIL, 100 - TAIL))
            result[:, band] = middle, 2 * low - high, 2 * high - low
            if low == high:
                result[1:, band] = low
    return result[0], result[1], result[2]


def _alone(values: Pixels, places: NDArray[np.intp], middle: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which of N places, rows, columns and bands, have few values around that are nearer to theirs than the median."""
    rows, columns, bands = places.T
    own = values[rows, columns, bands]
    distance = np.abs(own - middle[bands]) / 2
    around, like = np.zeros(len(places)), np.zeros(len(places))
    for down, right in product(range(-REACH, REACH + 1), repeat=2):
        row, column = rows + down, columns + right
        inside = (0 <= row) & (row < values.shape[0]) & (0 <= column) & (column < values.shape[1])
        inside &= (down, right) != (0, 0)
        other = np.where(inside, values[np.where(inside, row, 0), np.where(inside, column, 0), bands], np.nan)
        around += np.isfinite(other)
        like += np.abs(other - own) < distance
    return np.asarray(like <= LIKE * around)
