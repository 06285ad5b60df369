"""What is fused: one LR-HSI and one HR-MSI of the same ground, and the same pair cut into blocks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

import torch
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
        gain: What each band of the HR-MSI is multiplied with beside the LR-HSI, c.
        offset: What is then added to it, in its units, c.
    """

    image: Tensor | None = None
    psf: Tensor | None = None
    srf: Tensor | None = None
    gain: Tensor | None = None
    offset: Tensor | None = None


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
class DroppedBands:
    """The bands of a pair that its scene is made without. All on the CPU.

    Attributes:
        dead: C bool, the bands of the LR-HSI that are constant or hold no data.
        noise: C bool, those that hold nothing but noise.
        msi_dead: c bool, the bands of the HR-MSI that are constant or hold no data.
        wavelengths: Centres of all C bands [nm], if known.
    """

    dead: Tensor
    noise: Tensor
    msi_dead: Tensor
    wavelengths: Tensor | None = None

    @property
    def kept(self) -> Tensor:
        """C bool, the bands of the LR-HSI that the scene has."""
        return ~(self.dead | self.noise)


@dataclass(frozen=True)
class Scene:
    """A pair to fuse.

    Attributes:
        lr_hsi: Y, low-resolution hyperspectral image, h×w×C, float32 or float64.
        hr_msi: Z, high-resolution multispectral image, rh×rw×c, likewise.
        support: C×c bool: which hyperspectral bands each MSI band may cover.
        wavelengths: Band centres of the LR-HSI [nm], C, if known.
        known: What is known of the sensors.
        truth: What is known of the answer, for reporting only.
        lr_valid: h×w bool, the LR-HSI pixels that hold data; all of them if none.
        hr_valid: rh×rw bool, the same of the HR-MSI. Whatever lies in the others must be finite; no loss sees it.
        shift: How far down and to the right of its place by the sizes the LR-HSI lies on the HR-MSI [HR pixels].
        resampling_shift: How much further it lay on the HR-MSI that this one was resampled from.
        dropped_bands: The bands of the images given that this scene is made without, if there are such.
        partial: Whether it is a window of a pair, in which a band may have no signal and no pixel be valid.

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
    lr_valid: Tensor | None = None
    hr_valid: Tensor | None = None
    shift: tuple[int, int] = (0, 0)
    resampling_shift: tuple[float, float] = (0.0, 0.0)
    dropped_bands: DroppedBands | None = None
    partial: bool = False

    def __post_init__(self) -> None:
        if self.partial:
            return
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
        for name, valid, image in (("LR-HSI", self.lr_valid, self.lr_hsi), ("HR-MSI", self.hr_valid, self.hr_msi)):
            if valid is not None:
                _check_shape(f"{name} mask", valid, tuple(image.shape[:2]))
                if not valid.any():
                    raise InputError(f"{name} mask: expected some valid pixels, got none")
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
        """The value of the LR-HSI that the networks see as 1: learning rates are absolute, digital numbers are scaled.

        1 where the images are reflectance-like already (largest value from 0.1 to 2), else their largest value.
        """
        return self._units[0]

    @property
    def msi_unit(self) -> float:
        """The same of the HR-MSI; another one only where the images differ by more than tenfold."""
        return self._units[1]

    @property
    def _units(self) -> tuple[float, float]:
        peaks = [self.lr_hsi.max().item(), self.hr_msi.max().item()]
        if max(peaks) <= 10 * min(peaks):
            peaks = [max(peaks)] * 2
        first, second = (1.0 if 0.1 <= peak <= 2.0 else abs(peak) for peak in peaks)
        return first, second

    @property
    def total_shift(self) -> tuple[float, float]:
        """All of the shift that the scene has been freed of, windows and resampling together [HR pixels]."""
        return self.shift[0] + self.resampling_shift[0], self.shift[1] + self.resampling_shift[1]

    @property
    def valid(self) -> Tensor:
        """The HR pixels, rh×rw bool, that hold data in both images."""
        lr_hsi, hr_msi = self.lr_hsi, self.hr_msi
        covered = torch.ones(hr_msi.shape[:2], dtype=torch.bool, device=hr_msi.device)
        if self.hr_valid is not None:
            covered = covered & self.hr_valid
        if self.lr_valid is not None:
            rows, columns = (
                ((torch.arange(side, device=hr_msi.device) - moved) // self.scale).clamp(0, last - 1)
                for side, moved, last in zip(hr_msi.shape[:2], self.shift, lr_hsi.shape[:2], strict=True)
            )
            covered = covered & self.lr_valid[rows][:, columns]
        return covered


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
