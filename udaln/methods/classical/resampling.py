"""From one resolution to the other as in pan-sharpening: interpolated LR images, and low-pass versions of HR images.

Pan-sharpening commonly interpolates with 23 taps; bicubic convolution, which has 4, differs little from it.
"""

from __future__ import annotations

from math import ceil

from torch import Tensor

from udaln.estimation.psf import centre_shift, lr_offset
from udaln.physics.degradation import Degradation
from udaln.physics.interpolation import KERNEL_RADIUS, interpolate
from udaln.physics.windows import degrade
from udaln.scene import Scene


def upsampled(image: Tensor, scene: Scene, degradation: Degradation) -> Tensor:
    """An image on the pixels of a scene's LR-HSI, h×w×B, interpolated to those of its HR-MSI: rh×rw×B float32.

    Its pixels lie where the PSF puts them.
    """
    return interpolate(image.float(), scene.scale, lr_offset(degradation.psf, scene))


def low_passed(image: Tensor, kernel: Tensor, scene: Scene, degradation: Degradation) -> Tensor:
    """What the pixels of a scene's LR-HSI would show of an image, interpolated.

    Args:
        image: On the pixels of the HR-MSI, rh×rw×B.
        kernel: The low-pass filter, k×k, in the place of the PSF.
        scene: The pair.
        degradation: Of the pair.

    Returns:
        rh×rw×B float32.
    """
    return upsampled(degrade(image, kernel, scene.scale, scene.shift), scene, degradation)


def interpolation_margin(degradation: Degradation) -> int:
    """LR pixels beyond a part of an image that its interpolation needs.

    One of them is for the shift of a pair by whole HR pixels, of which little is left in a pair that is fused in parts.
    """
    psf, scale = degradation.psf, degradation.scale
    offset = centre_shift(psf.cpu().numpy(), scale, (0.0, 0.0))
    return KERNEL_RADIUS + 1 + ceil(max(map(abs, offset)) / scale)


def low_pass_margin(degradation: Degradation, kernel: Tensor) -> int:
    """The same of a low-pass version by a k×k filter: that of the interpolation, and half of the filter."""
    beyond = (len(kernel) - degradation.scale + 1) // 2
    return interpolation_margin(degradation) + ceil(beyond / degradation.scale)
