"""The PSF as a circular convolution on the HR pixels, in the Fourier domain."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from udaln.methods.classical.observed import Observed


@dataclass(frozen=True)
class Blur:
    """Convolution with a PSF; beyond the image it begins anew at the other side. Images are …×H×W.

    Attributes:
        transfer: Transfer function, H×(W/2+1) complex, as `torch.fft.rfft2` orders it.
        sides: H and W.
        scale: Scale factor r.
    """

    transfer: Tensor
    sides: tuple[int, int]
    scale: int

    @classmethod
    def of(cls, pair: Observed) -> Blur:
        """That of a pair: pixel (r·i, r·j) of the blurred image is LR pixel (i, j), as `degrade` has it."""
        height, width = pair.hr_msi.shape[:2]
        before = (len(pair.psf) - pair.scale) // 2
        offsets = torch.arange(len(pair.psf), device=pair.psf.device) - before
        rows, columns = (-(offsets + shift) for shift in pair.shift)
        kernel = pair.psf.new_zeros(height, width)
        kernel.index_put_(((rows % height)[:, None], columns % width), pair.psf, accumulate=True)
        return cls(torch.fft.rfft2(kernel), (height, width), pair.scale)

    def spectrum(self, image: Tensor) -> Tensor:
        """The Fourier transform of an image."""
        transformed: Tensor = torch.fft.rfft2(image)
        return transformed

    def image(self, spectrum: Tensor) -> Tensor:
        """The image of a Fourier transform."""
        image: Tensor = torch.fft.irfft2(spectrum, s=self.sides)
        return image

    def degraded(self, image: Tensor) -> Tensor:
        """Blurred and sampled, …×H/r×W/r."""
        return self.image(self.transfer * self.spectrum(image))[..., :: self.scale, :: self.scale]

    def adjoint(self, samples: Tensor) -> Tensor:
        """The adjoint of ``degraded``: from …×H/r×W/r to …×H×W."""
        spread = samples.new_zeros(*samples.shape[:-2], *self.sides)
        spread[..., :: self.scale, :: self.scale] = samples
        return self.image(self.transfer.conj() * self.spectrum(spread))
