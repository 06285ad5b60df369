"""A stack of bands of unequal sharpness: those whose pixels are repeated are brought back to them, and sharpened."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from udaln.io.bad_bands import describe_bands
from udaln.io.coarse_bands import coarse_factors
from udaln.io.image import Image, Pixels
from udaln.io.sharpened import sharpened
from udaln.io.views import every_nth, select_bands

LOOKED_AT = 480  # rows and columns that are looked at


def with_sharpened_bands(image: Image) -> Image:
    """View of an HR-MSI in which bands whose pixels are repeated are sharpened by the others.

    The image itself if it has no such bands beside sharp ones, or if they are not repeated the same number of times
    from the first pixel on.
    """
    rows, columns = (slice(0, min(side, LOOKED_AT)) for side in image.shape[:2])
    values = image.read(rows, columns)
    tensor = torch.from_numpy(values)
    factors = coarse_factors(tensor, torch.isfinite(tensor)).numpy()
    coarse, sharp = np.flatnonzero(factors > 1), np.flatnonzero(factors == 1)
    if not (len(coarse) and len(sharp)) or len(set(factors[coarse].tolist())) > 1:
        return image
    factor = int(factors[coarse[0]])
    if any(side % factor for side in image.shape[:2]) or not _repeated(values[..., coarse], factor):
        return image
    order = np.argsort(np.concatenate([sharp, coarse]))
    found = sharpened(
        select_bands(image, sharp.tolist()), every_nth(select_bands(image, coarse.tolist()), factor), order.tolist()
    )
    bands = describe_bands(torch.from_numpy(factors > 1))
    note = f"{bands}: their pixels are repeated {factor}×{factor} times; sharpened by the others"
    return replace(found, notes=(*found.notes, note))


def _repeated(values: Pixels, factor: int) -> bool:
    """Whether all blocks of pixels, from the first one on, have one value."""
    rows, columns = (side // factor * factor for side in values.shape[:2])
    blocks = values[:rows, :columns].reshape(rows // factor, factor, columns // factor, factor, -1)
    first = blocks[:, :1, :, :1]
    return bool(((blocks == first) | np.isnan(blocks) & np.isnan(first)).all())
