"""How the two sensors of a pair may differ beyond blur and spectral response."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from udaln.errors import InputError


class OutputGrid(Enum):
    """The pixel grid of the fused image, where the images are shifted against each other by fractions of a pixel.

    Attributes:
        auto: ``lr_hsi`` if the images differ by more than their noise, since resampling then costs less than the
            shift does; otherwise ``hr_msi``.
        hr_msi: The grid of the HR-MSI, which is not resampled.
        lr_hsi: The grid on which r×r pixels make up one pixel of the LR-HSI; the HR-MSI is resampled to it.
    """

    auto = "auto"
    hr_msi = "hr_msi"
    lr_hsi = "lr_hsi"


@dataclass
class Instruments:
    """Which differences between the two sensors are estimated; with None, the data decide.

    Attributes:
        name: Name of the file in ``conf/instruments``.
        gain: Whether each MSI band has a gain of its own.
        offset: Whether each MSI band has an offset of its own.
        shift: Whether the images are shifted against each other.
        wide_psf: Whether the PSF extends beyond its LR pixel.
        grid: The pixel grid of the fused image.
        change: Whether the ground may have changed between the images.
        warp: Whether the shift varies over the images. If there is none, or they are fused window by window, it does
            not.
    """

    name: str = ""
    gain: bool | None = None
    offset: bool | None = None
    shift: bool | None = None
    wide_psf: bool | None = None
    grid: OutputGrid = OutputGrid.auto
    warp: bool | None = None
    change: bool | None = None

    def without_open(self) -> Instruments:
        """A copy in which no difference that was left open is estimated."""
        keys = "gain", "offset", "shift", "wide_psf", "warp", "change"
        return replace(self, **{key: False for key in keys if getattr(self, key) is None})  # type: ignore[arg-type]


def on_grid(instruments: Instruments, *, georeferenced: bool, streamed: bool) -> Instruments:
    """A copy with the output grid fixed where there is no choice: the HR-MSI's, on a map or window by window.

    Args:
        instruments: The settings.
        georeferenced: Whether the HR-MSI has map coordinates.
        streamed: Whether the pair is fused window by window.

    Raises:
        InputError: If the HR-MSI is to be resampled although it is read window by window.
    """
    if streamed and instruments.warp:
        raise InputError("instruments.warp: expected false or null for a pair fused window by window, got true")
    if streamed:
        instruments = replace(instruments, warp=False)
    if streamed and instruments.grid is OutputGrid.lr_hsi:
        raise InputError("instruments.grid: expected hr_msi or auto for a pair fused window by window, got lr_hsi")
    fixed = instruments.grid is OutputGrid.auto and (georeferenced or streamed)
    return replace(instruments, grid=OutputGrid.hr_msi) if fixed else instruments
