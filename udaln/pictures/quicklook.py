"""A fused image that is larger than memory, seen whole."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import numpy as np
from numpy.typing import NDArray

LARGEST = 1200  # pixels of the picture's longer side
BRIGHTEST = 0.99  # share of the values below white


def quicklook(pixels: NDArray[np.floating], bands: Sequence[int]) -> NDArray[np.uint8]:
    """Every so many pixels of an image in colour, transparent where there are no data.

    Args:
        pixels: H×W×C; rows are looked at one after the other, so it may lie on disk.
        bands: Those shown as red, green and blue; each is stretched from its 1st to its 99th percentile.

    Returns:
        h×w×4, at most 1200 pixels a side.
    """
    step = ceil(max(pixels.shape[:2]) / LARGEST)
    colours = np.stack([np.asarray(line[::step][:, list(bands)]) for line in pixels[::step]])
    holds = np.isfinite(colours).all(2)
    if not holds.any():
        return np.zeros((*holds.shape, 4), np.uint8)
    low, high = np.quantile(colours[holds], (1 - BRIGHTEST, BRIGHTEST), axis=0)
    shown = np.clip((np.where(holds[..., None], colours, low) - low) / np.maximum(high - low, 1e-12), 0, 1)
    return np.dstack([(255 * shown).astype(np.uint8), (255 * holds).astype(np.uint8)])
