"""What is fused: one LR-HSI and one HR-MSI of the same ground, and the same pair cut into blocks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from udaln.errors import InputError

T = TypeVar("T")


@dataclass(frozen=True)
class Truth:
    """What a simulation knows. Reported against, never trained on, never used to choose or to stop.

    Attributes:
        image: The reference, H×W×C, in the units of the pair.
        psf: Point spread function, k×k, sums to 1.
        srf: Spectral response, C×c, columns sum to 1.
    """

    image: Tensor | None = None
    psf: Tensor | None = None
    srf: Tensor | None = None


@dataclass(frozen=True)
class Known:
    """What is known of the two sensors, for use as it is where learning it is not asked for.

    Attributes:
        psf: Point spread function, k×k, sums to 1.
        srf: Spectral response, C×c, columns sum to 1.
    """

    psf: Tensor | None = None
    srf: Tensor | None = None


@dataclass(frozen=True)
class Blocks:
    """A scene as N = h·w independent samples, channels last.

    Attributes:
        lr: LR-HSI pixels, (N, C).
        windows: The K = k² HR-MSI pixels that the PSF of each of them sees, (N, K, c).
    """

    lr: Tensor
    windows: Tensor

    def to(self, device: torch.device) -> Blocks:
        """The same blocks on another device."""
        return _moved(self, device)

    def by_block(self) -> Blocks:
        """The same with each block's window in one piece of memory, from which some are drawn at little cost."""
        return Blocks(self.lr, self.windows.contiguous())

    def sample(self, index: Tensor) -> Blocks:
        """Some of the blocks of ``by_block``, laid out as `windows` lays them out."""
        drawn = self.windows.flatten(1).index_select(0, index).view(len(index), *self.windows.shape[1:])
        return Blocks(self.lr.index_select(0, index), drawn.transpose(0, 1).contiguous().transpose(0, 1))


@dataclass(frozen=True)
class Scene:
    """A pair to fuse.

    Attributes:
        lr_hsi: Y, low-resolution hyperspectral image, h×w×C, float32 or float64.
        hr_msi: Z, high-resolution multispectral image, rh×rw×c, likewise, in the same units.
        support: C×c bool: which hyperspectral bands each MSI band may cover.
        wavelengths: Band centres of the LR-HSI [nm], C, if known.
        known: What is known of the sensors.
        truth: What is known of the answer, for reporting only.

    Raises:
        InputError: If the images do not make a pair: sizes that do not divide, a scale factor that differs between
            rows and columns, more MSI than HSI bands, an MSI band that covers nothing, values that cannot be used.
    """

    lr_hsi: Tensor
    hr_msi: Tensor
    support: Tensor
    wavelengths: Tensor | None = None
    known: Known = field(default_factory=Known)
    truth: Truth = field(default_factory=Truth)

    def __post_init__(self) -> None:
        check_image(self.lr_hsi, "LR-HSI")
        check_image(self.hr_msi, "HR-MSI")
        bands, msi_bands = self.lr_hsi.shape[2], self.hr_msi.shape[2]
        scale_factor(self.lr_hsi, self.hr_msi)
        if msi_bands > bands:
            raise InputError(f"HR-MSI: expected no more bands than the LR-HSI's {bands}, got {msi_bands}")
        _check_shape("support", self.support, (bands, msi_bands))
        if empty := [str(j) for j in range(msi_bands) if not self.support[:, j].any()]:
            raise InputError(f"SRF: MSI band {', '.join(empty)} covers none of the {bands} hyperspectral bands")
        if self.wavelengths is not None:
            _check_shape("wavelengths", self.wavelengths, (bands,))
        if self.truth.image is not None:
            _check_shape("reference", self.truth.image, (*self.hr_msi.shape[:2], bands))
        for name, psf in (("PSF", self.known.psf), ("true PSF", self.truth.psf)):
            if psf is not None:
                _check_shape(name, psf, (len(psf), len(psf)))
        for name, srf in (("SRF", self.known.srf), ("true SRF", self.truth.srf)):
            if srf is not None:
                _check_shape(name, srf, (bands, msi_bands))

    def to(self, device: torch.device) -> Scene:
        """The same scene on another device."""
        return _moved(self, device)

    @property
    def scale(self) -> int:
        """Scale factor r: HR pixels per LR pixel along each side."""
        return self.hr_msi.shape[0] // self.lr_hsi.shape[0]

    @property
    def unit(self) -> float:
        """The value that the networks see as 1.

        1 where the images are reflectance-like already (largest value from 0.1 to 2), else their largest value:
        learning rates are absolute, so digital numbers have to be scaled.
        """
        peak = max(self.lr_hsi.max().item(), self.hr_msi.max().item())
        return 1.0 if 0.1 <= peak <= 2.0 else peak

    def blocks(self, kernel_size: int, dtype: torch.dtype = torch.float32) -> Blocks:
        """The scene in blocks, in network units, for a PSF of ``kernel_size`` HR pixels a side."""
        lr, hr_msi = ((image.to(dtype) / self.unit) for image in (self.lr_hsi, self.hr_msi))
        return Blocks(lr.flatten(0, 1).contiguous(), windows(hr_msi, kernel_size, self.scale))


def windows(image: Tensor, kernel_size: int, scale: int) -> Tensor:
    """The pixels that a PSF centred on each LR pixel sees.

    Windows wider than the scale factor overlap; beyond the image its border pixels are repeated.

    Args:
        image: H×W×B.
        kernel_size: Side k of a window [HR pixels], at least ``scale``.
        scale: Distance r between windows [HR pixels].

    Returns:
        (H/r · W/r, k², B); in memory, pixel k of all windows comes before pixel k + 1 of any, for SpaDnet's sake.

    Raises:
        InputError: If ``kernel_size`` is smaller than ``scale``: some pixels would be in no window.
    """
    if kernel_size < scale:
        raise InputError(f"PSF kernel size: expected at least the scale factor {scale}, got {kernel_size}")
    before = (kernel_size - scale) // 2
    after = kernel_size - scale - before
    channels_first = image.permute(2, 0, 1)
    if after:
        channels_first = F.pad(channels_first, (before, after, before, after), mode="replicate")
    cut = channels_first.unfold(1, kernel_size, scale).unfold(2, kernel_size, scale)  # B, h, w, k, k
    by_pixel = cut.permute(3, 4, 1, 2, 0).reshape(kernel_size**2, -1, image.shape[2]).contiguous()
    return by_pixel.transpose(0, 1)


def scale_factor(lr_hsi: Tensor, hr_msi: Tensor) -> int:
    """The scale factor that the sizes of a pair imply.

    Raises:
        InputError: If it is not one whole number of at least 2 for both rows and columns.
    """
    (h, w), (rows, columns) = lr_hsi.shape[:2], hr_msi.shape[:2]
    scale = rows // h
    if scale < 2 or (rows, columns) != (scale * h, scale * w):
        raise InputError(
            f"sizes: expected an HR-MSI of r·{h}×r·{w} pixels for a whole scale factor r ≥ 2, got {rows}×{columns}"
        )
    return scale


def check_image(image: Tensor, name: str) -> None:
    """Refuse an image that cannot be fused.

    Raises:
        InputError: If it is not H×W×B, holds NaN or infinity, or has a band without any signal.
    """
    if image.ndim != 3 or 0 in image.shape:
        raise InputError(f"{name}: expected a cube of rows×columns×bands, got shape {tuple(image.shape)}")
    if bad := int((~torch.isfinite(image.float())).sum()):  # the networks calculate in float32
        raise InputError(f"{name}: expected finite values, got {bad} NaN or infinite ones")
    if dead := (image == 0).flatten(0, 1).all(0).nonzero().flatten().tolist():
        listed = ", ".join(map(str, dead[:8])) + (", …" if len(dead) > 8 else "")
        raise InputError(f"{name}: expected a signal in every band, got only zeros in band {listed} (counted from 0)")


def _moved(part: T, device: torch.device) -> T:
    """A dataclass of tensors, of dataclasses, or of nothing, on another device."""
    tensors = {k: v.to(device) if isinstance(v, Tensor) else v for k, v in vars(part).items()}
    inner = {k: _moved(v, device) if isinstance(v, Known | Truth) else v for k, v in tensors.items()}
    return type(part)(**inner)


def _check_shape(name: str, value: Tensor, expected: tuple[int, ...]) -> None:
    if tuple(value.shape) != expected:
        raise InputError(
            f"{name}: expected shape {'×'.join(map(str, expected))}, got {'×'.join(map(str, value.shape))}"
        )
