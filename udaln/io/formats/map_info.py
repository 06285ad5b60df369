"""ENVI's map info: the text that ties a pixel of an image to map coordinates."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

Transform = tuple[float, float, float, float, float, float]


def parts_of(text: str) -> list[str]:
    """The parts of a map info, without braces."""
    return [part.strip() for part in text.strip().strip("{}").split(",")]


def transform_of(parts: Sequence[str]) -> Transform:
    """The transform of a map info, as of `Grid`.

    The parts are: projection, column and row of the tie point (1 is the outer edge of the first pixel), its x and y,
    width and height of a pixel, and others, of which ``rotation=`` is the angle by which the image is turned
    counter-clockwise about the tie point [°]. It has the sign that GDAL gives it.

    Raises:
        ValueError: If numbers are missing, the place is arbitrary, or pixels have no area.

    Example:
        >>> transform_of(["UTM", "1", "1", "600000", "5000000", "30", "30", "32", "North"])
        (30.0, 0.0, 600000.0, 0.0, -30.0, 5000000.0)
    """
    if len(parts) < 7:
        raise ValueError(f"expected 7 parts or more, got {len(parts)}")
    if parts[0].lower().startswith(("arbitrary", "pixel")):
        raise ValueError(f"expected a map projection, got {parts[0]}")
    column, row, x, y, width, height = map(float, parts[1:7])
    if not (all(map(math.isfinite, (column, row, x, y))) and width > 0 and height > 0):
        raise ValueError(f"expected pixels with an area, got {width:g}×{height:g}")
    turned = math.radians(rotation_of(parts))
    cosine, sine = math.cos(turned), math.sin(turned)
    if not turned:
        cosine, sine = 1.0, 0.0
    a, b, d, e = cosine * width, sine * height, sine * width, -cosine * height
    return a, b, x - a * (column - 1) - b * (row - 1), d, e, y - d * (column - 1) - e * (row - 1)


def rotation_of(parts: Sequence[str]) -> float:
    """The angle by which the image is turned counter-clockwise [°].

    Raises:
        ValueError: If it is no number.
    """
    for part in parts[7:]:
        found = re.fullmatch(r"rotation\s*=\s*(.+)", part, re.IGNORECASE)
        if found:
            return float(found[1])
    return 0.0


def utm_epsg(parts: Sequence[str]) -> int | None:
    """The EPSG code of a map info in UTM on WGS 84; None if it is in another CRS."""
    words = [part.lower() for part in parts[7:]]
    datum = any(word.replace(" ", "").replace("-", "") == "wgs84" for word in words)
    if parts[0].lower() != "utm" or len(words) < 2 or not datum or not words[0].isdigit():
        return None
    return (32600 if words[1].startswith("n") else 32700) + int(words[0])
