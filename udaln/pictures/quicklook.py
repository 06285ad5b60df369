"""A fused image that is larger than memory, seen whole."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BRIGHTEST = 0.99  # share of the values below white


def quicklook(colours: NDArray[np.floating]) -> NDArray[np.uint8]:
    """An image in colour, transparent where there are no data.

    Args:
        colours: H×W×3, what is shown as red, green and blue; each is stretched from its 1st to its 99th percentile.

    Returns:
        H×W×4.
    """
    holds = np.isfinite(colours).all(2)
    if not holds.any():
        return np.zeros((*holds.shape, 4), np.uint8)
    low, high = np.quantile(colours[holds], (1 - BRIGHTEST, BRIGHTEST), axis=0)
    shown = np.clip((np.where(holds[..., None], colours, low) - low) / np.maximum(high - low, 1e-12), 0, 1)
    return np.dstack([(255 * shown).astype(np.uint8), (255 * holds).astype(np.uint8)])
