"""The schema of ``conf/dataset``: what a pair is made of, or simulated from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from omegaconf import MISSING


class BadBands(Enum):
    """What becomes of bands without a signal, which are not used.

    ``fill``: the fused image has them, made of their neighbours; ``leave_out``: it does not; ``keep``: all are used.
    """

    fill = "fill"
    leave_out = "leave_out"
    keep = "keep"


@dataclass
class Simulated:
    """How the two instruments of a simulated pair differ from ideal ones.

    Signal-to-noise ratios [dB], none for no noise, and the seed; the range [lowest, highest] from which a gain of each
    MSI band is drawn, and likewise an offset; how far down and to the right the LR-HSI is shifted [HR pixels].
    """

    snr_hsi: float | None = None
    snr_msi: float | None = None
    noise_seed: int = 0
    gain: list[float] | None = None
    offset: list[float] | None = None
    shift: list[float] | None = None


@dataclass
class SyntheticDataset(Simulated):
    """The built-in scene, degraded by Wald's protocol."""

    kind: str = "synthetic"
    name: str = MISSING
    size: int = MISSING
    bands: int = MISSING
    scene_seed: int = MISSING


@dataclass
class ReferenceDataset(Simulated):
    """A reference cube on disk, degraded by Wald's protocol.

    ``crop`` is [first row, first column, rows, columns] and ``bands`` [first, past the last], both from 0.
    ``wavelengths`` is [first, last] for evenly spaced bands, one number a band, or a file [nm].
    """

    kind: str = "reference"
    name: str = MISSING
    reference: str = MISSING
    variable: str | None = None
    crop: list[int] | None = None
    bands: list[int] | None = None
    wavelengths: Any = None
    srf: str | None = None


@dataclass
class PairDataset:
    """A real pair. ``psf`` and ``srf``: what is known of the sensors; the ``true_`` ones are only reported against.

    Pixels where a mask is not zero, or that have in any band the value ``nodata``, or ``saturation`` or more (one
    number, or one for the LR-HSI and one for the HR-MSI), are not used.
    """

    kind: str = "pair"
    name: str = MISSING
    lr_hsi: str = MISSING
    lr_hsi_variable: str | None = None
    hr_msi: str = MISSING
    hr_msi_variable: str | None = None
    lr_hsi_mask: str | None = None
    hr_msi_mask: str | None = None
    nodata: float | None = None
    saturation: Any = None
    bad_bands: BadBands = BadBands.fill
    resample: bool = False
    wavelengths: Any = None
    psf: str | None = None
    srf: str | None = None
    true_psf: str | None = None
    true_srf: str | None = None


Dataset = SyntheticDataset | ReferenceDataset | PairDataset
DATASETS = {cls.kind: cls for cls in (SyntheticDataset, ReferenceDataset, PairDataset)}
