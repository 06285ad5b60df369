"""What of an image is no measurement though no file declares it: fill, dead lines and hot values."""

from __future__ import annotations

from udaln.io.dead_lines import without_dead_lines
from udaln.io.fill import without_fill
from udaln.io.hot_values import without_hot_values
from udaln.io.image import Image
from udaln.io.lone_fill import without_lone_fill
from udaln.io.partial_fill import without_partial_fill

FINDERS = (without_fill, without_partial_fill, without_lone_fill, without_dead_lines, without_hot_values)


def without_undeclared(image: Image) -> Image:
    """View of an image with NaN in place of such values; its ``causes`` name them. Itself if it has none."""
    for find in FINDERS:
        image = find(image)
    return image
