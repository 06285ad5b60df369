"""A pair as the classical methods see it: both images in network units, of one radiometry."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from udaln.physics.degradation import Degradation
from udaln.scene import Scene


@dataclass(frozen=True)
class Observed:
    """A pair in network units, float64, and how the two sensors degrade the image wanted, X.

    Attributes:
        lr_hsi: Y, h×w×C.
        hr_msi: Z, H×W×c, in the radiometry of the LR-HSI: Z is close to X · SRF.
        psf: k×k.
        srf: C×c, columns sum to 1.
        scale: Scale factor r.
        shift: Displacement of the windows of the PSF, down and to the right [HR pixels].
    """

    lr_hsi: Tensor
    hr_msi: Tensor
    psf: Tensor
    srf: Tensor
    scale: int
    shift: tuple[int, int] = (0, 0)

    @classmethod
    def of(cls, scene: Scene, degradation: Degradation) -> Observed:
        """Both images of a scene, on its device."""
        unit, lr_hsi = degradation.unit.item(), scene.lr_hsi.double()
        hr_msi = degradation.matched(scene.hr_msi.double()) / unit
        psf, srf = degradation.psf.to(lr_hsi), degradation.srf.to(lr_hsi)
        return cls(lr_hsi / unit, hr_msi, psf, srf, degradation.scale, scene.shift)

    @property
    def reaches_beyond(self) -> bool:
        """Whether the windows of the PSF reach beyond the image."""
        return len(self.psf) > self.scale or self.shift != (0, 0)

    def mirrored(self, lr_pixels: int) -> Observed:
        """The pair with some LR pixels more on all sides, in which it is mirrored."""
        lr_hsi, hr_msi = (
            _mirrored(image, width)
            for image, width in ((self.lr_hsi, lr_pixels), (self.hr_msi, self.scale * lr_pixels))
        )
        return replace(self, lr_hsi=lr_hsi, hr_msi=hr_msi)


def _mirrored(image: Tensor, width: int) -> Tensor:
    """An image, H×W×B, with its mirror image around it, of which the outermost pixel is the first."""
    for axis, side in enumerate(image.shape[:2]):
        place = torch.arange(-width, side + width, device=image.device) % (2 * side)
        image = image.index_select(axis, torch.where(place < side, place, 2 * side - 1 - place))
    return image
