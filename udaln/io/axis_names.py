"""What an axis of an image is, by the names that files and libraries give it."""

from __future__ import annotations

import re

_ROWS = (
    *("y", "lat", "latitude", "row", "line", "northing", "ydim", "downtrack", "alongtrack", "height", "nrow"),
    "nline",
)
_COLUMNS = (
    *("x", "lon", "longitude", "col", "column", "sample", "easting", "xdim", "crosstrack", "acrosstrack", "width"),
    *("ncol", "nsample", "pixel"),
)
_BANDS = ("band", "wavelength", "channel", "lambda", "spectral", "wvl")  # an axis of bands has one in its name


def is_rows(name: str) -> bool:
    """Whether an axis of this name counts rows."""
    return _is_one_of(name, _ROWS)


def is_columns(name: str) -> bool:
    """Whether an axis of this name counts columns."""
    return _is_one_of(name, _COLUMNS)


def is_bands(name: str) -> bool:
    """Whether an axis of this name counts bands.

    Example:
        >>> [is_bands(name) for name in ("Bands", "/data/wavelength_nm", "wl", "y")]
        [True, True, True, False]
    """
    short = _short(name)
    return short == "wl" or any(part in short for part in _BANDS)


def _is_one_of(name: str, known: tuple[str, ...]) -> bool:
    """Whether a name is one of some, or its plural."""
    short = _short(name)
    return short in known or (short.endswith("s") and short[:-1] in known)


def _short(name: str) -> str:
    """The last part of a path, in lower case, without what joins its words."""
    return re.sub(r"[^a-z0-9]", "", name.rsplit("/", 1)[-1].lower())
