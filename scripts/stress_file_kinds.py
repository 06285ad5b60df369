"""The kinds of files that `stress_files.py` draws from."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

FORMATS = ("GeoTIFF", "ENVI", "PCIDSK", "NumPy", "MATLAB 5", "MATLAB 7.3", "HDF5", "NetCDF-3")
DTYPES = ("uint8", "int16", "uint16", "float32", "float64", "big-endian float32")
FILLS = ("none", "declared", "undeclared", "named by the user", "NaN")
MASKS = ("none", "file", "internal", "alpha")
ORDERS = ("bands last", "bands first", "by line")
ENCODINGS = ("UTF-8", "Windows-1252", "GBK")


@dataclass(frozen=True)
class FileKind:
    """A kind of file: one level of each factor."""

    format: str
    dtype: str
    fill: str
    mask: str
    order: str
    encoding: str

    @property
    def has_hole(self) -> bool:
        """Whether some pixels have no data."""
        return self.fill != "none" or self.mask != "none"

    def __str__(self) -> str:
        """The levels that are not the plain ones."""
        plain = ("none", "bands last", "UTF-8")
        levels = (self.dtype, f"fill {self.fill}", f"mask {self.mask}", self.order, self.encoding)
        return ", ".join([self.format, *(level for level in levels if level.split(" ", 1)[-1] not in plain)])


def _exists(kind: FileKind, lr_hsi: bool) -> bool:
    """Whether there are such files."""
    arrays = kind.format in ("NumPy", "MATLAB 5", "MATLAB 7.3")
    return not (
        (kind.dtype == "uint8" and lr_hsi)  # too coarse for a hyperspectral image
        or (kind.dtype.startswith("big") and kind.format not in ("ENVI", "NumPy", "HDF5"))
        or (kind.dtype == "float64" and kind.format == "PCIDSK")
        or (kind.fill == "declared" and (arrays or kind.format == "PCIDSK"))
        or (kind.fill == "NaN" and "float" not in kind.dtype)
        or (kind.fill == "undeclared" and kind.dtype == "uint8")  # 0 and 255 are measured, too
        or (kind.mask == "internal" and kind.format != "GeoTIFF")
        or (kind.mask == "alpha" and (kind.format != "GeoTIFF" or kind.fill != "none"))
        or (kind.mask != "none" and kind.fill != "none")
        or (kind.order == "bands first" and kind.format in ("PCIDSK", "NumPy", "MATLAB 5", "MATLAB 7.3"))
        or (kind.order == "by line" and kind.format != "ENVI")
        or (kind.encoding != "UTF-8" and kind.format != "ENVI")
    )


KINDS = {
    lr_hsi: [
        kind
        for levels in product(FORMATS, DTYPES, FILLS, MASKS, ORDERS, ENCODINGS)
        if _exists(kind := FileKind(*levels), lr_hsi)
    ]
    for lr_hsi in (True, False)
}
