"""ENVI's map info: the text that ties a pixel of an image to map coordinates."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from udaln.io.formats.crs import utm_on_wgs84
from udaln.io.formats.spectral_axis import as_numbers

Transform = tuple[float, float, float, float, float, float]


def parts_of(text: str) -> list[str]:
    """The parts of a map info, without braces."""
    return [part.strip() for part in text.strip().strip("{}").split(",")]


def numbers_of(parts: Sequence[str]) -> tuple[float, float, float, float, float, float]:
    """The numbers of a map info: column and row of the tie point, its x and y, width and height of a pixel.

    Column and row are 1 at the outer edge of the first pixel.

    Raises:
        ValueError: If numbers are missing, or pixels have no area.
    """
    if len(parts) < 7:
        raise ValueError(f"expected 7 parts or more, got {len(parts)}")
    column, row, x, y, width, height = as_numbers(parts[1:7]).tolist()
    if not all(map(math.isfinite, (column, row, x, y, width, height))):
        raise ValueError(f"expected six numbers after {parts[0]}")
    if not (width and height):
        raise ValueError(f"expected pixels with an area, got {width:g}×{height:g}")
    return column, row, x, y, width, height


def transform_of(parts: Sequence[str]) -> Transform:
    """The transform of a map info, as of `Grid`.

    The parts are: projection, the numbers of `numbers_of`, and others, of which ``rotation=`` is the angle by which the
    image is turned counter-clockwise about the tie point [°]. It has the sign that GDAL gives it.

    Raises:
        ValueError: If numbers are missing, the place is arbitrary, or pixels have no area.

    Example:
        >>> transform_of(["UTM", "1", "1", "600000", "5000000", "30", "30", "32", "North"])
        (30.0, 0.0, 600000.0, 0.0, -30.0, 5000000.0)
    """
    *_, width, height = numbers_of(parts)
    if parts[0].lower().startswith(("arbitrary", "pixel")):
        raise ValueError(f"expected a map projection, got {parts[0]}")
    turned = math.radians(rotation_of(parts))
    cosine, sine = math.cos(turned), math.sin(turned)
    if not turned:
        cosine, sine = 1.0, 0.0
    return tied(parts, (cosine * width, sine * height, sine * width, -cosine * height))


def tied(parts: Sequence[str], steps: tuple[float, float, float, float]) -> Transform:
    """The transform with some steps of x by column and by row, and of y likewise, through the tie point."""
    column, row, x, y, _, _ = numbers_of(parts)
    a, b, d, e = steps
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
    return utm_on_wgs84(int(words[0]), north=words[1].startswith("n"))
