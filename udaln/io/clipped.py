"""Bands whose largest values are all the same: the sensor or the file could hold no larger ones."""

from __future__ import annotations

import numpy as np
import torch

from udaln.io.bad_bands import describe_bands
from udaln.io.image import Image
from udaln.io.missing import strips

MANY = 0.01  # fraction of a band's values that are never exactly the largest one by chance
LEAST = 10  # such values of a band, at least
LEVELS = 20  # different values of a band, at least, that is no mask or class
SAMPLE = 20_000  # values of a band that are looked at for these


def describe_clipped(image: Image) -> list[str]:
    """A line of text for each number that is the largest of a band, and that many of its values have."""
    bands = image.shape[2]
    largest, count, total = np.full(bands, -np.inf), np.zeros(bands), np.zeros(bands)
    levels = np.zeros(bands, int)
    for window in strips(image):
        values = image.read(*window).reshape(-1, bands)
        known = np.isfinite(values)
        values = np.where(known, values, -np.inf)
        highest = values.max(0)
        at_highest = ((values == highest) & known).sum(0)
        count = np.where(highest > largest, at_highest, count + np.where(highest == largest, at_highest, 0))
        largest, total = np.maximum(largest, highest), total + known.sum(0)
        step = max(1, len(values) // SAMPLE)
        levels = np.maximum(levels, [len(np.unique(values[::step, band])) for band in range(bands)])
    clipped = (count > MANY * total) & (count >= LEAST) & (levels > LEVELS)
    stored = image.packing.numbers(np.where(np.isfinite(largest), largest, np.nan)[None])[0]
    lines = []
    for number in np.unique(stored[clipped]).tolist():
        which = clipped & (stored == number)
        share = 100 * float((count[which] / total[which]).max())
        lines.append(
            f"{describe_bands(torch.from_numpy(which))}: up to {share:.2g} % of the values are the largest one, "
            f"{number:.6g}: clipped or saturated; dataset.saturation={number:.6g} leaves them out"
        )
    return lines
