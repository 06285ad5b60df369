"""A pair of images on disk, read window by window."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from udaln.io.gaps import Filled, fill_gaps, means_in_lr_pixels
from udaln.io.grid import Grid
from udaln.io.image import Image
from udaln.io.views import cropped
from udaln.physics.part import Box, Part
from udaln.scene import DroppedBands, Scene, Truth


@dataclass(frozen=True)
class Pair:
    """An LR-HSI and an HR-MSI of the same ground, open on disk.

    Attributes:
        lr_hsi: h×w×C; NaN stands for missing values.
        hr_msi: rh×rw×c, likewise.
        scale: Scale factor r, HR pixels per LR pixel along each side.
        notes: How the two were matched, as lines of text ``topic: …``.
    """

    lr_hsi: Image
    hr_msi: Image
    scale: int
    notes: tuple[str, ...] = ()

    @property
    def sides(self) -> tuple[int, int]:
        """Rows and columns of the LR-HSI."""
        return self.lr_hsi.shape[:2]

    @property
    def grid(self) -> Grid | None:
        """Georeferencing of the fused image: that of the HR-MSI."""
        return self.hr_msi.grid

    def read(self, box: Box) -> tuple[Tensor, Tensor]:
        """Read a rectangle of LR pixels, h×w×C, and the HR pixels on the same ground, rh×rw×c."""
        hr_box = tuple(slice(span.start * self.scale, span.stop * self.scale) for span in box)
        lr_hsi, hr_msi = self.lr_hsi.read(*box), self.hr_msi.read(hr_box[0], hr_box[1])
        return torch.from_numpy(lr_hsi), torch.from_numpy(hr_msi)

    def scene(self, part: Part, template: Scene) -> Scene | None:
        """Read a part of the pair as a scene.

        Args:
            part: The part.
            template: A scene of this pair. Its sensors and its choice of bands are taken over.

        Returns:
            None if the part holds no data.
        """
        lr_hsi, hr_msi = select_bands_and_fill_gaps(*self.read(part.read), template.dropped_bands)
        if not all(filled.valid is None or filled.valid.any() for filled in (lr_hsi, hr_msi)):
            return None
        return replace(
            template,
            lr_hsi=lr_hsi.image,
            hr_msi=hr_msi.image,
            lr_valid=lr_hsi.valid,
            hr_valid=hr_msi.valid,
            lr_gaps=lr_hsi.gaps,
            lr_changed=None,
            truth=Truth(),
            partial=True,
        )

    def shifted(self, down: int, right: int) -> Pair:
        """The pair with the LR-HSI shifted by whole HR pixels against the HR-MSI, both cropped to fit.

        Args:
            down: Shift along the rows [HR pixels].
            right: Shift along the columns [HR pixels].
        """
        lr_window, hr_window = [], []
        for shift, side in zip((down, right), self.sides, strict=True):
            first = max(0, -(shift // self.scale))  # earlier LR pixels would lie beyond the HR-MSI
            last = min(side, (side * self.scale - shift) // self.scale)
            lr_window.append(slice(first, last))
            hr_window.append(slice(first * self.scale + shift, last * self.scale + shift))
        return replace(
            self,
            lr_hsi=cropped(self.lr_hsi, lr_window[0], lr_window[1]),
            hr_msi=cropped(self.hr_msi, hr_window[0], hr_window[1]),
        )


def select_bands_and_fill_gaps(
    lr_hsi: Tensor, hr_msi: Tensor, dropped_bands: DroppedBands | None
) -> tuple[Filled, Filled]:
    """Select the bands in use of both images, and fill their gaps so that every value is finite.

    Args:
        lr_hsi: h×w×C.
        hr_msi: rh×rw×c.
        dropped_bands: The bands not in use; None if all are.

    Returns:
        The LR-HSI and the HR-MSI.
    """
    if dropped_bands is not None:
        lr_hsi, hr_msi = lr_hsi[..., dropped_bands.kept], hr_msi[..., dropped_bands.msi_kept]
    z = fill_gaps(hr_msi, predictable=True)
    return fill_gaps(lr_hsi, beside=means_in_lr_pixels(lr_hsi, z)), z
