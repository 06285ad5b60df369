"""The pair to fuse: one LR-HSI and one HR-MSI of the same ground, and what is known of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

import torch
from torch import Tensor

from udaln.errors import InputError, check_image, check_shape, scale_factor

T = TypeVar("T")


@dataclass(frozen=True)
class Truth:
    """The answer, known in a simulation. It is used for reports only, never to train, to choose or to stop.

    The exception is a run that is told to take PSF and SRF from it: there, they are `Known`.

    Attributes:
        image: The reference, H×W×C, in the units of the pair.
        psf: Point spread function, k×k, sums to 1.
        srf: Spectral response, C×c, columns sum to 1.
        gain: Gain of each band of the HR-MSI relative to the LR-HSI, c.
        offset: Offset of each band of the HR-MSI, in its units, c.
    """

    image: Tensor | None = None
    psf: Tensor | None = None
    srf: Tensor | None = None
    gain: Tensor | None = None
    offset: Tensor | None = None


@dataclass(frozen=True)
class Known:
    """What is known of the two sensors beforehand. A method uses it only where it is asked not to estimate it.

    Attributes:
        psf: Point spread function, k×k, sums to 1.
        srf: Spectral response, C×c, columns sum to 1.
    """

    psf: Tensor | None = None
    srf: Tensor | None = None


@dataclass(frozen=True)
class DroppedBands:
    """The bands of a pair that its scene does not contain. All on the CPU.

    Attributes:
        dead: C bool, the bands of the LR-HSI that are constant or hold no data.
        noise: C bool, those that contain only noise.
        msi_dead: c bool, the bands of the HR-MSI that are constant or hold no data.
        wavelengths: Centres of all C bands [nm], if known.
        msi_unexplained: c bool, those of the HR-MSI that show what the LR-HSI does not; None if there are none.
        msi_coarse: c bool, those of the HR-MSI that were made of larger pixels than others; None if there are none.
        flagged: C bool, those of the LR-HSI that its file calls bad; None if there are none.
    """

    dead: Tensor
    noise: Tensor
    msi_dead: Tensor
    wavelengths: Tensor | None = None
    msi_unexplained: Tensor | None = None
    msi_coarse: Tensor | None = None
    flagged: Tensor | None = None

    @property
    def kept(self) -> Tensor:
        """The bands of the LR-HSI that the scene contains, C bool."""
        kept = ~(self.dead | self.noise)
        return kept if self.flagged is None else kept & ~self.flagged

    @property
    def msi_kept(self) -> Tensor:
        """The bands of the HR-MSI that the scene contains, c bool."""
        kept = ~self.msi_dead
        for other in (self.msi_unexplained, self.msi_coarse):
            kept = kept if other is None else kept & ~other
        return kept


@dataclass(frozen=True)
class Scene:
    """A pair to fuse.

    Attributes:
        lr_hsi: Y, low-resolution hyperspectral image, h×w×C, float32 or float64.
        hr_msi: Z, high-resolution multispectral image, rh×rw×c, likewise.
        support: C×c bool: which hyperspectral bands each MSI band may cover.
        wavelengths: Band centres of the LR-HSI [nm], C, if known.
        known: What is known of the sensors.
        truth: The answer, as far as it is known; for reports only.
        lr_valid: h×w bool, the LR-HSI pixels that hold data; all of them if none.
        hr_valid: rh×rw bool, the same of the HR-MSI. The values of the other pixels must be finite; they are not used.
        lr_gaps: h×w×C bool, the values of valid LR-HSI pixels that were not measured and are estimated from the pixel's
            other bands; none if all were measured.
        lr_changed: h×w bool, the LR-HSI pixels that show other ground than the HR-MSI and are not used; none if None.
        shift: Shift of the LR-HSI, down and to the right of its nominal position on the HR-MSI [HR pixels].
        resampling_shift: Additional shift that was removed by resampling the HR-MSI [HR pixels].
        dropped_bands: The bands of the input images that this scene does not contain, if there are any.
        partial: Whether it is a window of a pair: then a band may have no signal and all pixels may be invalid.

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
    lr_gaps: Tensor | None = None
    lr_changed: Tensor | None = None
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
        check_shape("support", self.support, (bands, msi_bands))
        if empty := [str(j) for j in range(msi_bands) if not self.support[:, j].any()]:
            raise InputError(f"SRF: MSI band {', '.join(empty)} covers none of the {bands} hyperspectral bands")
        if self.wavelengths is not None:
            check_shape("wavelengths", self.wavelengths, (bands,))
        for name, valid, image in (("LR-HSI", self.lr_valid, self.lr_hsi), ("HR-MSI", self.hr_valid, self.hr_msi)):
            if valid is not None:
                check_shape(f"{name} mask", valid, tuple(image.shape[:2]))
                if not valid.any():
                    raise InputError(f"{name} mask: expected some valid pixels, got none")
        if self.lr_gaps is not None:
            check_shape("LR-HSI gaps", self.lr_gaps, tuple(self.lr_hsi.shape))
        if self.truth.image is not None:
            check_shape("reference", self.truth.image, (*self.hr_msi.shape[:2], bands))
        for name, psf in (("PSF", self.known.psf), ("true PSF", self.truth.psf)):
            if psf is not None:
                check_shape(name, psf, (len(psf), len(psf)))
        for name, srf in (("SRF", self.known.srf), ("true SRF", self.truth.srf)):
            if srf is not None:
                check_shape(name, srf, (bands, msi_bands))

    def to(self, device: torch.device) -> Scene:
        """The same scene on another device."""
        return _on_device(self, device)

    @property
    def scale(self) -> int:
        """Scale factor r: HR pixels per LR pixel along each side."""
        return self.hr_msi.shape[0] // self.lr_hsi.shape[0]

    @property
    def unit(self) -> float:
        """The value of the LR-HSI that is 1 in network units, since learning rates do not scale with digital numbers.

        1 where the images are reflectance-like already (largest value from 0.1 to 2), else their largest value.
        """
        return self._units[0]

    @property
    def msi_unit(self) -> float:
        """The same of the HR-MSI. It differs only where the largest values differ by more than a factor of ten."""
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
        """Shift of the LR-HSI against the HR-MSI as it was before resampling: rows, columns [HR pixels]."""
        return self.shift[0] + self.resampling_shift[0], self.shift[1] + self.resampling_shift[1]

    @property
    def valid(self) -> Tensor:
        """The HR pixels that hold data in both images, rh×rw bool."""
        hr_msi = self.hr_msi
        valid = torch.ones(hr_msi.shape[:2], dtype=torch.bool, device=hr_msi.device)
        if self.hr_valid is not None:
            valid = valid & self.hr_valid
        if self.lr_valid is not None:
            rows, columns = self._lr_pixels
            valid = valid & self.lr_valid[rows][:, columns]
        return valid

    def masked(self, image: Tensor, rows: slice = slice(None), columns: slice = slice(None)) -> Tensor:
        """A window of an image on the HR pixels with NaN for what was not measured.

        These are the pixels that are not valid, and the values that the LR pixel around them lacks.

        Args:
            image: H×W×C, the window.
            rows: Of the window.
            columns: Likewise.

        Returns:
            H×W×C; the image itself if nothing is missing.
        """
        valid = self.valid[rows, columns].to(image.device)
        if not valid.all():
            image = torch.where(valid[..., None], image, torch.nan)
        if self.lr_gaps is not None:
            lr_rows, lr_columns = (pixels[part] for pixels, part in zip(self._lr_pixels, (rows, columns), strict=True))
            image = torch.where(self.lr_gaps[lr_rows][:, lr_columns].to(image.device), torch.nan, image)
        return image

    @property
    def _lr_pixels(self) -> tuple[Tensor, Tensor]:
        """Row and column of the LR pixel that each row and column of HR pixels lies in."""
        rows, columns = (
            ((torch.arange(side, device=self.hr_msi.device) - shift) // self.scale).clamp(0, count - 1)
            for side, shift, count in zip(self.hr_msi.shape[:2], self.shift, self.lr_hsi.shape[:2], strict=True)
        )
        return rows, columns


def _on_device(part: T, device: torch.device) -> T:
    """A dataclass of tensors, of dataclasses, or of nothing, on another device."""
    tensors = {k: v.to(device) if isinstance(v, Tensor) else v for k, v in vars(part).items()}
    inner = {k: _on_device(v, device) if isinstance(v, Known | Truth) else v for k, v in tensors.items()}
    return type(part)(**inner)
