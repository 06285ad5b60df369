"""What is said of two images that are to become a pair, or do not."""

from __future__ import annotations

import torch

from udaln.io.coarse_bands import coarse_factors
from udaln.io.image import Image, grid_of

LOOKED_AT = 200  # rows and columns that are looked at for repeated pixels


def crs_note(lr_hsi: Image, hr_msi: Image) -> str:
    """Which images name no CRS, as text."""
    without = [name for name, image in (("LR-HSI", lr_hsi), ("HR-MSI", hr_msi)) if not (image.grid and image.grid.crs)]
    return f"none of the {' and of the '.join(without)}" if without else ""


def crs_remedy(lr_hsi: Image, hr_msi: Image) -> str:
    """What can be done where an image has a geotransform without a CRS, as text; empty if both have one."""
    without = [image.path for image in (lr_hsi, hr_msi) if not grid_of(image).crs]
    return "".join(
        f"; {path} has a geotransform without a CRS: name it by gdal_edit.py -a_srs or, if both images show the same "
        "ground, remove the geotransform by gdal_edit.py -unsetgt"
        for path in without
    )


def extent(image: Image) -> str:
    """Pixel size, extent and CRS of an image, as text."""
    height, width, _ = image.shape
    grid = grid_of(image)
    corners = [grid.xy(float(row), float(column)) for row in (0, height) for column in (0, width)]
    x, y = (f"{min(part):.10g} to {max(part):.10g}" for part in zip(*corners, strict=True))
    return f"pixels of {grid.pixel_size} at x {x}, y {y}, {grid.crs_name}"


def own_pixels(image: Image) -> str:
    """How large the own pixels of an image are that are repeated in it, as text; empty if it does not tell."""
    rows, columns = (slice(0, min(side, LOOKED_AT)) for side in image.shape[:2])
    values = torch.from_numpy(image.read(rows, columns))
    factors = coarse_factors(values, torch.isfinite(values))
    factor = int(factors.median())
    return f": they are {factor} times as large, every one repeated {factor}×{factor} times" if factor > 1 else ""
