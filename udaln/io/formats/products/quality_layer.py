"""Quality layers of a product: rasters of their own that mark what is not to be used."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from udaln.io.formats.stored import Stored
from udaln.io.image import Cause

SAMPLE = 64  # side of the windows of a layer that are looked at
Flags = Callable[[NDArray[Any]], NDArray[np.bool_]]


@dataclass(frozen=True)
class Layer:
    """A quality layer.

    Attributes:
        suffixes: Its file name after that of the product. A file with an alternative name is used only if it has the
            expected number of bands.
        description: What the layer marks, as text.
        bands: Number of its bands; None if as many as the image has.
        flags: From the layer's values in a window, h×w×(its bands), what is marked: h×w×1 or h×w×(the image's bands)
            bool.
        ambiguous: Whether what is not marked may be what is meant. It is then, if most values are marked.
    """

    suffixes: Sequence[str]
    description: str
    bands: int | None = 1
    flags: Flags = lambda values: values != 0
    ambiguous: bool = False


def layer_mask(layer: Layer, quality: Stored, image: Stored) -> tuple[Cause, list[str]]:
    """A quality layer as a cause, and a note if it is taken otherwise than usual."""
    flags, notes = layer.flags, []
    if layer.ambiguous and _mostly(flags, quality, image):
        flags = _not(layer.flags)
        notes.append(f"{layer.suffixes[0]}: marks most values of most bands, so that those not marked are taken out")
    return Cause(f"{layer.description} (quality layer)", lambda rows, cols: flags(quality.read(rows, cols))), notes


def _not(flags: Flags) -> Flags:
    return lambda values: ~flags(values)


def _mostly(flags: Flags, quality: Stored, image: Stored) -> bool:
    """Whether most values of most bands are marked, of some windows and of the bands that have data in them."""
    marked, there = np.zeros(image.shape[2]), np.zeros(image.shape[2])
    spans = [
        sorted({min(max(0, side - SAMPLE), place * side // 4) for place in (0, 1, 2, 3)}) for side in image.shape[:2]
    ]
    for top in spans[0]:
        for left in spans[1]:
            window = (
                slice(top, min(top + SAMPLE, image.shape[0])),
                slice(left, min(left + SAMPLE, image.shape[1])),
            )
            data = np.ones((1, 1, image.shape[2]), bool)
            numbers = image.read(*window)
            for number in image.nodata:
                data = data & (numbers != number)
            marked += (flags(quality.read(*window)) & data).sum((0, 1))
            there += np.broadcast_to(data, numbers.shape).sum((0, 1))
    return bool(np.median(marked[there > 0] / there[there > 0]) > 0.5) if there.any() else False
