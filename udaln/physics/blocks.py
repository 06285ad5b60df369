"""A scene in blocks: each LR-HSI pixel with the HR-MSI pixels that its PSF covers."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from udaln.errors import InputError
from udaln.physics.observation import usable_lr_pixels
from udaln.physics.windows import windows
from udaln.scene import Scene


@dataclass(frozen=True)
class Blocks:
    """A scene as N = h·w independent samples, channels last.

    Attributes:
        lr: LR-HSI pixels, (N, C).
        windows: The K = k² HR-MSI pixels that the PSF of each of them sees, (N, K, c).
        lr_weight: How much an error in each band of the LR-HSI counts, C, 1 on average; all alike if none.
        msi_weight: The same of the HR-MSI, c.
    """

    lr: Tensor
    windows: Tensor
    lr_weight: Tensor | None = None
    msi_weight: Tensor | None = None

    def to(self, device: torch.device) -> Blocks:
        """The same blocks on another device."""
        tensors = {k: v.to(device) if isinstance(v, Tensor) else v for k, v in vars(self).items()}
        return Blocks(**tensors)

    def spectral_pairs(self, psf: Tensor) -> tuple[Tensor, Tensor]:
        """The LR-MSI pixels that a PSF, k×k, makes of the windows, (N, c), and the LR-HSI's spectra, (N, C)."""
        psf = psf.to(self.windows.device)
        return torch.einsum("nkc,k->nc", self.windows.to(psf), psf.flatten()), self.lr.to(psf)

    def by_block(self) -> Blocks:
        """The same with each block's window in one piece of memory, from which some are drawn at little cost."""
        return replace(self, windows=self.windows.contiguous())

    def sample(self, index: Tensor) -> Blocks:
        """Some of the blocks of ``by_block``, laid out as `windows` lays them out."""
        drawn = self.windows.flatten(1).index_select(0, index).view(len(index), *self.windows.shape[1:])
        windows = drawn.transpose(0, 1).contiguous().transpose(0, 1)
        return replace(self, lr=self.lr.index_select(0, index), windows=windows)


def blocks_of(
    scene: Scene,
    kernel_size: int,
    dtype: torch.dtype = torch.float32,
    *,
    used: Tensor | None = None,
    binning: int = 1,
) -> Blocks:
    """A scene in blocks, in network units.

    Args:
        scene: The pair.
        kernel_size: Side of the PSF's window [HR pixels].
        dtype: Of the blocks.
        used: The LR pixels to use, N bool; if None, those whose window holds data everywhere, see `usable_lr_pixels`.
        binning: Side of the squares of HR pixels that are one pixel of a window; see `windows`.

    Raises:
        InputError: If no block is left.
    """
    lr, hr_msi = scene.lr_hsi.to(dtype) / scene.unit, scene.hr_msi.to(dtype) / scene.msi_unit
    if used is None:
        used = usable_lr_pixels(scene, torch.ones(kernel_size, kernel_size, device=lr.device))
    if not used.any():
        raise InputError("masks: expected LR-HSI pixels with all of their HR-MSI pixels valid, got none")
    at = None if used.all() else used
    lr = lr.flatten(0, 1)
    cut = windows(hr_msi, kernel_size, scene.scale, scene.shift, at=at, binning=binning)
    return Blocks(lr.contiguous() if at is None else lr[at], cut)
