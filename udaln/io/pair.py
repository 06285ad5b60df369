"""A real pair on disk, read part by part."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from udaln.consistency.tiles import Box, Part
from udaln.io.bad_bands import LeftOut
from udaln.io.gaps import without_gaps
from udaln.io.grid import Grid
from udaln.io.image import Image
from udaln.io.overlap import Overlap, cropped
from udaln.scene import Scene, Truth


@dataclass(frozen=True)
class Pair:
    """Two images on disk, open, that fit.

    Attributes:
        lr_hsi: h×w×C; NaN stands for values that are no measurements.
        hr_msi: rh×rw×c, likewise.
        scale: Scale factor r.
        notes: How they were brought to fit, in words.
    """

    lr_hsi: Image
    hr_msi: Image
    scale: int
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, overlap: Overlap) -> Pair:
        """The pair that two images overlap in."""
        return cls(overlap.lr_hsi, overlap.hr_msi, overlap.scale, tuple(overlap.notes))

    @property
    def sides(self) -> tuple[int, int]:
        """Rows and columns [LR pixels]."""
        return self.lr_hsi.shape[:2]

    @property
    def grid(self) -> Grid | None:
        """Where the fused image lies on the ground: on the HR-MSI's pixels."""
        return self.hr_msi.grid

    def read(self, box: Box) -> tuple[Tensor, Tensor]:
        """A rectangle of LR pixels, h×w×C, and the HR pixels on the same ground, rh×rw×c."""
        hr_box = tuple(slice(span.start * self.scale, span.stop * self.scale) for span in box)
        lr_hsi, hr_msi = self.lr_hsi.read(*box), self.hr_msi.read(hr_box[0], hr_box[1])
        return torch.from_numpy(lr_hsi), torch.from_numpy(hr_msi)

    def scene(self, part: Part, like: Scene) -> Scene | None:
        """A part of the pair, with all that another scene of it says of the sensors and of its bands.

        Returns:
            None if the part holds no data.
        """
        lr_hsi, lr_valid, hr_msi, hr_valid = gapless(*self.read(part.read), like.left_out)
        if not all(valid is None or valid.any() for valid in (lr_valid, hr_valid)):
            return None
        return replace(
            like, lr_hsi=lr_hsi, hr_msi=hr_msi, lr_valid=lr_valid, hr_valid=hr_valid, truth=Truth(), partial=True
        )

    def moved(self, down: int, right: int) -> Pair:
        """The same with the LR-HSI lying so many HR pixels below and to the right of where it lay; cropped to fit."""
        lr_cut, hr_cut = [], []
        for by, side in zip((down, right), self.sides, strict=True):
            first = max(0, -(by // self.scale))  # the LR pixels before it would lie beyond the HR-MSI
            last = min(side, (side * self.scale - by) // self.scale)
            lr_cut.append(slice(first, last))
            hr_cut.append(slice(first * self.scale + by, last * self.scale + by))
        return replace(
            self,
            lr_hsi=cropped(self.lr_hsi, lr_cut[0], lr_cut[1]),
            hr_msi=cropped(self.hr_msi, hr_cut[0], hr_cut[1]),
        )


def gapless(
    lr_hsi: Tensor, hr_msi: Tensor, left_out: LeftOut | None
) -> tuple[Tensor, Tensor | None, Tensor, Tensor | None]:
    """Both images in the bands that are used and with every pixel finite.

    Returns:
        The LR-HSI and which of its pixels hold data, all if none; then the same of the HR-MSI.
    """
    if left_out is not None:
        lr_hsi, hr_msi = lr_hsi[..., left_out.kept], hr_msi[..., ~left_out.msi_dead]
    return *without_gaps(lr_hsi), *without_gaps(hr_msi)


def usable(
    image: Image, *, mask: Image | None = None, nodata: float | None = None, saturation: float | None = None
) -> Image:
    """A view of an image with NaN for what is not to be used.

    Args:
        image: H×W×B.
        mask: H×W×1, not zero where a pixel is not to be used.
        nodata: The value that stands for none.
        saturation: The value from which on one is no measurement either.
    """
    if mask is None and nodata is None and saturation is None:
        return image

    def read(rows: slice, cols: slice) -> np.ndarray:
        values = image.read(rows, cols)
        unusable = np.zeros(values.shape, dtype=bool)
        if mask is not None:
            told = mask.read(rows, cols)
            unusable |= np.where(np.isnan(told), mask.nodata != 0, told != 0)  # zeros may be called no data
        if nodata is not None:
            unusable |= values == nodata
        if saturation is not None:
            unusable |= values >= saturation
        return np.where(unusable, np.nan, values).astype(image.dtype, copy=False)

    return replace(image, read=read)
