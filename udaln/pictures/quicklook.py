"""Quicklook of a fused image that is larger than memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

WHITE = 0.99  # quantile of the values that is shown as white


def quicklook(colours: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Make a picture that is transparent where there are no data.

    Args:
        colours: H×W×3, the bands shown as red, green and blue; each is stretched from its 1st to its 99th percentile.

    Returns:
        Red, green, blue and opacity, H×W×4.
    """
    valid = np.isfinite(colours).all(2)
    if not valid.any():
        return np.zeros((*valid.shape, 4), np.uint8)
    low, high = np.quantile(colours[valid], (1 - WHITE, WHITE), axis=0)
    shown = np.clip((np.where(valid[..., None], colours, low) - low) / np.maximum(high - low, 1e-12), 0, 1)
    return np.dstack([(255 * shown).astype(np.uint8), (255 * valid).astype(np.uint8)])
