"""A picture of image files before a run: what they show, and where they have no data."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from udaln.pictures.quicklook import quicklook

PANEL = 4.2  # side of a panel [inch]


def picture_of_files(files: Mapping[str, tuple[NDArray[np.floating], NDArray[np.floating]]]) -> Figure:
    """Draw each file in colour and, beside it, the fraction of the bands that each pixel lacks.

    Args:
        files: By name, three bands as red, green and blue, H×W×3 with NaN for no data, and the fraction, H×W.
    """
    figure = Figure(figsize=(2 * PANEL + 0.8, PANEL * len(files)), layout="constrained")
    axes = figure.subplots(len(files), 2, squeeze=False)
    for (name, (colours, missing)), (left, right) in zip(files.items(), axes, strict=True):
        left.imshow(quicklook(colours))
        left.set_title(name, fontsize=9)
        left.set_facecolor("0.85")
        shown = right.imshow(missing, cmap="magma", vmin=0, vmax=1)
        share = 100 * float(missing.mean())
        right.set_title(f"bands without data: {share:.2g} % in all", fontsize=9)
        figure.colorbar(shown, ax=right, label="fraction of the bands")
        for axis in (left, right):
            axis.set_xticks([])
            axis.set_yticks([])
    return figure
