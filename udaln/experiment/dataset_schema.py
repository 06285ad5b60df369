"""The schema of ``conf/dataset``: the files of a pair, or the reference that it is simulated from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar

from omegaconf import MISSING

from udaln.parts import Registry
from udaln.scene import Scene


class BadBands(Enum):
    """What is done with bands of the LR-HSI without a signal.

    ``fill``: they are not used, and the fused image has them interpolated from their neighbours; ``leave_out``: they
    are not used, and the fused image does not have them; ``keep``: all bands are used.
    """

    fill = "fill"
    leave_out = "leave_out"
    keep = "keep"


@dataclass
class Simulated:
    """Noise, radiometry and shift of a simulated pair.

    Attributes:
        snr_hsi: Signal-to-noise ratio of the LR-HSI [dB]; None for no noise.
        snr_msi: The same of the HR-MSI.
        noise_seed: Seed of the noise, the gains and the offsets.
        gain: [lowest, highest] of the random gain of each MSI band; None for 1.
        offset: The same of the offset; None for 0.
        shift: Shift of the LR-HSI, [down, right] [HR pixels].
    """

    snr_hsi: float | None = None
    snr_msi: float | None = None
    noise_seed: int = 0
    gain: list[float] | None = None
    offset: list[float] | None = None
    shift: list[float] | None = None


@dataclass
class SyntheticDataset(Simulated):
    """A synthetic reference of ``size``×``size`` pixels and ``bands`` bands, degraded by Wald's protocol."""

    kind: str = "synthetic"
    name: str = MISSING
    size: int = MISSING
    bands: int = MISSING
    scene_seed: int = MISSING


@dataclass
class ReferenceDataset(Simulated):
    """A reference cube on disk, degraded by Wald's protocol.

    Attributes:
        reference: The file.
        variable: The variable in a file of several.
        crop: [first row, first column, rows, columns], counted from 0.
        bands: [first, one past the last], counted from 0.
        wavelengths: [first, last] for evenly spaced bands, one number per band, or a file [nm].
        srf: File of the SRF.
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
    """A real pair.

    Attributes:
        lr_hsi: File of the LR-HSI.
        lr_hsi_variable: The variable in a file of several.
        hr_msi: File of the HR-MSI.
        hr_msi_variable: The variable in a file of several.
        lr_hsi_mask: File of a mask; pixels where it is not zero are invalid.
        hr_msi_mask: The same of the HR-MSI.
        nodata: The stored number, or numbers, that mean no data; under ``lr_hsi`` and ``hr_msi`` if they differ.
        saturation: Stored numbers from this one on are invalid: one number, or one for each image.
        bad_bands: What is done with bands without a signal.
        resample: Whether an LR-HSI whose pixels do not nest in those of the HR-MSI is resampled.
        wavelengths: Of the LR-HSI, as in ``ReferenceDataset``.
        psf: File of the known PSF.
        srf: File of the known SRF.
        true_psf: File of the true PSF, used for reporting only.
        true_srf: File of the true SRF, used for reporting only.
    """

    kind: str = "pair"
    name: str = MISSING
    lr_hsi: str = MISSING
    lr_hsi_variable: str | None = None
    hr_msi: str = MISSING
    hr_msi_variable: str | None = None
    lr_hsi_mask: str | None = None
    hr_msi_mask: str | None = None
    nodata: Any = None
    saturation: Any = None
    bad_bands: BadBands = BadBands.fill
    resample: bool = False
    wavelengths: Any = None
    psf: str | None = None
    srf: str | None = None
    true_psf: str | None = None
    true_srf: str | None = None


@dataclass
class OwnDataset(ABC):
    """A kind of dataset of one's own: a dataclass of its settings, with the function that makes a scene of them.

    Attributes:
        kind: The name under which it is registered.
        name: Of the dataset, for folders and tables; the kind if the configuration does not set it.
        real: Whether two instruments took its images, so that the differences between them are looked for.
    """

    kind: str = MISSING
    name: str = MISSING
    real: ClassVar[bool] = False

    @abstractmethod
    def scene(self, factor: int | None) -> Scene:
        """The pair, with its truth if there is one.

        Args:
            factor: The scale factor that ``scale`` asks for; None if it follows from the pair.
        """


Dataset = SyntheticDataset | ReferenceDataset | PairDataset | OwnDataset
DATASETS: Registry[type[Any]] = Registry("datasets", "dataset.kind")
BUILT_IN = (SyntheticDataset, ReferenceDataset, PairDataset)
for _dataset in BUILT_IN:
    DATASETS.add(_dataset.kind, _dataset)
