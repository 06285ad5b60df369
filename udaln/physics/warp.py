"""A displacement that varies over the pair: the HR-MSI is resampled by it, and an image is moved back."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from scipy.ndimage import map_coordinates
from torch import Tensor

INVERSIONS = 5  # of a displacement that changes by a small part of a pixel from one pixel to the next


@dataclass(frozen=True)
class Warp:
    """A displacement of the LR-HSI against the HR-MSI that was taken out by resampling the HR-MSI.

    Attributes:
        displacement: Down and to the right, at each HR pixel of the LR-HSI's grid, 2×H×W [HR pixels].
        hr_msi: The HR-MSI as it was, H×W×c.
        hr_valid: Its pixels with data, H×W bool; all if None.
        returns: Whether the fused image is to be moved back to the pixels of the HR-MSI.
    """

    displacement: Tensor
    hr_msi: Tensor
    hr_valid: Tensor | None
    returns: bool

    @property
    def mean(self) -> tuple[float, float]:
        """The mean displacement, down and to the right [HR pixels]."""
        down, right = self.displacement.mean((1, 2)).tolist()
        return down, right

    @property
    def spread(self) -> float:
        """Root mean square of what the displacement differs from its mean by [HR pixels]."""
        differing = self.displacement - self.displacement.mean((1, 2), keepdim=True)
        return float(differing.square().sum(0).mean().sqrt())

    @cached_property
    def inverse(self) -> Tensor:
        """The distance from each pixel of the HR-MSI to its place on the LR-HSI's grid, 2×H×W."""
        inverse = -self.displacement
        for _ in range(INVERSIONS):
            inverse = -warped(self.displacement.movedim(0, -1), inverse, order=1).movedim(-1, 0)
        return inverse

    def back(self, image: Tensor, hr_msi: Tensor, original: Tensor) -> Tensor:
        """An image on the LR-HSI's grid moved to the pixels of the HR-MSI.

        Interpolation would blur it. So that part of it which is linear in the HR-MSI is not interpolated.

        Args:
            image: H×W×C.
            hr_msi: The HR-MSI on the same grid, H×W×c.
            original: The HR-MSI on its own pixels, H×W×c.
        """
        pixels = hr_msi.flatten(0, 1).double()
        pixels = pixels - pixels.mean(0)
        slope = torch.linalg.lstsq(pixels, image.flatten(0, 1).double(), driver="gelsd").solution
        detail = (original - warped(hr_msi, self.inverse, order=1)) @ slope.to(original)
        moved: Tensor = warped(image, self.inverse, order=1) + detail
        return moved


def warped(image: Tensor, displacement: Tensor, order: int) -> Tensor:
    """What an image shows at a distance from each of its pixels; beyond it the border is repeated.

    Args:
        image: H×W×B, on the CPU.
        displacement: The distance, down and to the right [pixels], 2×H×W, or 2×1×1 if it is the same for all.
        order: Of the splines.
    """
    places = np.indices(image.shape[:2]) + displacement.numpy()
    planes = [map_coordinates(plane, places, order=order, mode="nearest") for plane in image.movedim(2, 0).numpy()]
    return torch.from_numpy(np.stack(planes, -1))
