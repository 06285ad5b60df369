"""Single pixels of fill that no file declares: one number in all bands of a pixel, or in many of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from udaln.io.fill import CANDIDATES, GAP, JUMP, STEPS, SURELY_MANY, TAIL, step
from udaln.io.image import Cause, Image, Pixels
from udaln.io.missing import IN_MEMORY, strips
from udaln.io.views import masked

LEAST_BANDS = 3  # of an image; the numbers of fewer bands agree by chance
PART = 0.25  # fraction of many bands that one number must fill
BELOW = 0.5  # fraction of few bands in which fill is below nearly all others
RARE = 0.01  # fraction of the pixels that may be single ones


@dataclass(frozen=True)
class LoneFill:
    """One number that stands for no data in single pixels.

    Attributes:
        number: In the image's unit.
        bands: How many bands of a pixel have it, at least.
    """

    number: float
    bands: int

    def flags(self, values: Pixels) -> NDArray[np.bool_]:
        """Which of h×w×B values are such fill."""
        same = values == self.number
        return np.asarray(same & (same.sum(2, keepdims=True) >= self.bands))

    def __str__(self) -> str:
        """The number."""
        return f"undeclared fill {self.number:g} in single pixels"


def without_lone_fill(image: Image) -> Image:
    """View of an image with NaN in place of single pixels of undeclared fill; the image itself if it has none.

    Such a pixel has one number in all of its bands or, of many bands, in a quarter of them, twelve at least. What was
    clipped, is dark or has few levels is no such fill: other pixels then have the number in some bands.
    """

    def flags(fill: LoneFill) -> Callable[[slice, slice], NDArray[np.bool_]]:
        before = image
        return lambda rows, cols: fill.flags(before.read(rows, cols))

    if image.shape[2] >= LEAST_BANDS:
        for fill in find_lone_fill([image.read(*window) for window in strips(image, IN_MEMORY)]):
            image = masked(image, Cause(str(fill), flags(fill)))
    return image


def find_lone_fill(windows: list[Pixels]) -> list[LoneFill]:
    """The numbers that fill single pixels in windows of an image.

    Args:
        windows: Each h×w×B, as wide as the image; NaN where there are no data.
    """
    pixels = np.concatenate([window.reshape(-1, window.shape[2]) for window in windows])
    known = np.isfinite(pixels)
    pixels = np.where(known, pixels, np.nan)[:, known.any(0)]
    varying = [band for band in range(pixels.shape[1]) if np.nanmax(pixels[:, band]) > np.nanmin(pixels[:, band])]
    if len(varying) < LEAST_BANDS:
        return []
    pixels = pixels[:, varying]
    bands = len(varying)
    need = bands if bands < SURELY_MANY else max(SURELY_MANY, round(PART * bands))
    equal = pixels[:, 1:] == pixels[:, :-1]
    several = equal.sum(1) >= need - 1
    numbers, counts = np.unique(pixels[several][:, 1:][equal[several]], return_counts=True)
    frequent = numbers[np.argsort(-counts)[:CANDIDATES]].tolist()
    fills = [LoneFill(number, need) for number in frequent]
    return [fill for fill in fills if _is_single(fill, windows) and _is_fill(fill, pixels, windows)]


def _is_single(fill: LoneFill, windows: list[Pixels]) -> bool:
    """Whether the pixels with a number are few, and no four of them are a block."""
    count = total = 0
    for window in windows:
        there = np.asarray(fill.flags(window).any(2))
        if (there[1:, 1:] & there[1:, :-1] & there[:-1, 1:] & there[:-1, :-1]).any():
            return False
        count, total = count + int(there.sum()), total + there.size
    return 0 < count <= RARE * total or count == 1


def _is_fill(fill: LoneFill, pixels: Pixels, windows: list[Pixels]) -> bool:
    """Whether a number in single pixels is no measurement.

    Args:
        fill: The number.
        pixels: N×(bands that vary).
        windows: See `find_lone_fill`.
    """
    same = pixels == fill.number
    count = same.sum(1)
    filled = count >= fill.bands
    others = pixels[~filled]
    if not len(others) or count[~filled].max() >= fill.bands / 2:
        return False  # values that are clipped, or of few levels, agree in some bands first
    whole = filled & (same | np.isnan(pixels)).all(1)
    if (filled & ~whole).any() and not _ends_abruptly(fill, pixels[filled & ~whole], others):
        return False
    if not whole.any():
        return True
    if pixels.shape[1] < SURELY_MANY:
        return _is_beyond(fill.number, others) and _amid_others(fill, others, windows)
    return not _is_near(fill.number, others)


def _is_near(number: float, others: Pixels) -> bool:
    """Whether the spectrum that is a number in all bands is near to that of any of the others."""
    low, high = np.nanpercentile(others, (TAIL, 100 - TAIL), axis=0)
    above = number > np.nanmedian(others)  # a grey panel or a glint is bright
    margin = (high - low) * (1 if above else GAP)
    return bool((np.abs(others - number) <= np.maximum(margin, _least(others))).all(1).any())


def _is_beyond(number: float, others: Pixels) -> bool:
    """Whether a number is far above the others in all bands, or below nearly all in most bands and unlike any."""
    low, high = np.nanpercentile(others, (TAIL, 100 - TAIL), axis=0)
    if number > np.nanmedian(others):
        return bool((number > 2 * high - low).all())  # a glint is saturated in all bands
    return bool((number <= low).mean() >= BELOW) and not _is_near(number, others)


def _least(others: Pixels) -> Pixels:
    """The least distance of fill from others that counts, B."""
    return STEPS * np.array([step(others[:, band]) for band in range(others.shape[1])], others.dtype)


def _ends_abruptly(fill: LoneFill, pixels: Pixels, others: Pixels) -> bool:
    """Whether the bands beside those with a number are as far from it as elsewhere; a spectrum is smooth."""
    same = pixels == fill.number
    beside = np.zeros_like(same)
    beside[:, 1:] |= same[:, :-1]
    beside[:, :-1] |= same[:, 1:]
    distance = np.abs(pixels - fill.number) / np.nanmedian(np.abs(others - fill.number), 0)
    return bool(np.nanmedian(distance[beside & ~same & np.isfinite(distance)]) >= JUMP)


def _amid_others(fill: LoneFill, others: Pixels, windows: list[Pixels]) -> bool:
    """Whether the pixels around those with a number are as far from it as elsewhere; those around a shadow are dark."""
    around = []
    for window in windows:
        there = np.asarray(fill.flags(window).any(2))
        for image, flagged in ((window, there), (window.transpose(1, 0, 2), there.T)):
            around += [image[1:][flagged[:-1] & ~flagged[1:]], image[:-1][flagged[1:] & ~flagged[:-1]]]
    near, far = (np.nansum(np.abs(part - fill.number), 1) for part in (np.concatenate(around), others))
    return bool(near.size) and float(np.median(near)) >= JUMP * float(np.median(far))
