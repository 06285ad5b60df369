"""A picture of a displacement that varies over the pair."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

ARROWS = 20  # along the longer side
SIDE = 6.0  # of the map [inch]


def displacement_map(displacement: NDArray[np.floating]) -> Figure:
    """Draw by how much, and where to, the LR-HSI is displaced against the HR-MSI: lengths in colour, and arrows.

    Args:
        displacement: Down and to the right, 2×h×w [HR pixels].
    """
    down, right = displacement
    height, width = down.shape
    figure = Figure(figsize=(SIDE + 1.2, SIDE * min(2.0, max(0.5, height / width)) + 0.4), layout="constrained")
    axis = figure.subplots()
    shown = axis.imshow(np.hypot(down, right), cmap="viridis")
    figure.colorbar(shown, ax=axis, label="displacement [HR pixels]")
    step = max(1, max(height, width) // ARROWS)
    rows, columns = (np.arange(step // 2, side, step) for side in (height, width))
    at = np.ix_(rows, columns)
    axis.quiver(columns, rows, right[at], down[at], color="white", angles="xy")
    axis.set_title("the LR-HSI against the HR-MSI", fontsize=10)
    axis.set_xticks([])
    axis.set_yticks([])
    return figure
