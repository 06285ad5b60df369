"""The schema of ``conf/``: every key of a composed configuration, with its type."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from omegaconf import MISSING

from udaln.errors import InputError
from udaln.methods.training.stage import Schedule
from udaln.physics.instruments import Instruments


class Source(Enum):
    """Where the PSF or the SRF comes from: ``learned`` from the pair, or ``known`` beforehand."""

    learned = "learned"
    known = "known"


class Support(Enum):
    """What tells which hyperspectral bands an MSI band may cover.

    ``given``: the SRF's file; ``sensor``: the sensor's band edges; ``full``: nothing, all of them may be; ``auto``: the
    first of these that there is.
    """

    auto = "auto"
    given = "given"
    sensor = "sensor"
    full = "full"


class BadBands(Enum):
    """What becomes of bands without a signal, which are not used.

    ``fill``: the fused image has them, made of their neighbours; ``leave_out``: it does not; ``keep``: all are used.
    """

    fill = "fill"
    leave_out = "leave_out"
    keep = "keep"


class Refine(Enum):
    """What follows the stages: nothing, or the fused image made ``consistent`` with both images."""

    none = "none"
    consistent = "consistent"


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


@dataclass
class ScaleConfig:
    """Scale factor r; side of the PSF's window and, in simulations, its width [HR pixels]: r each if not given."""

    name: str = MISSING
    factor: int | None = None
    kernel_size: int | None = None
    fwhm: float | None = None


@dataclass
class SensorConfig:
    """A multispectral sensor: edges of its bands at half power [nm] and who published them."""

    name: str = MISSING
    source: str = MISSING
    bands: dict[str, Any] = field(default_factory=dict)


@dataclass
class StagesConfig:
    """Which stages are trained, for how long, and what they need not learn.

    ``weigh``: whether errors count the less the noisier a band is.
    """

    name: str = MISSING
    degradation: Schedule | None = None
    spectral: Schedule | None = None
    joint: Schedule | None = None
    psf: Source = Source.learned
    srf: Source = Source.learned
    weigh: bool = False


@dataclass
class Method:
    """How a pair is fused: a file of ``conf/stages``. ``network``: which SpeUnet."""

    network: str = MISSING
    refine: Refine = MISSING
    stages: StagesConfig = field(default_factory=StagesConfig)


@dataclass
class TrainerConfig:
    """What Lightning's Trainer runs on, and the least time between two checkpoints of a stage [s].

    ``devices``: how many share the blocks of each step, a process each, on one machine.
    """

    accelerator: str = MISSING
    devices: int = 1
    precision: str = MISSING
    checkpoint_seconds: float = MISSING


@dataclass
class MonitorConfig:
    """How many optimisation steps lie between two looks at the figures; whose spectra are shown.

    ``points``: [row, column] of HR pixels, counted from 0; the purest ones if not given.
    """

    every: int = 100
    points: list[list[int]] | None = None


@dataclass
class Trust:
    """What is done to tell how far to trust the result; where left open, it is done for a real pair.

    Of a pair that is fused window by window the uncertainty, which takes as long again, has to be asked for.
    ``check``: the reduced-resolution check; ``uncertainty``: how far off the image may be, pixel by pixel.
    """

    check: bool | None = None
    uncertainty: bool | None = None

    def settled(self, *, real: bool, streamed: bool) -> Trust:
        """The same with nothing left open."""
        check = real if self.check is None else self.check
        uncertainty = real and not streamed if self.uncertainty is None else self.uncertainty
        return Trust(check, uncertainty)


@dataclass
class Memory:
    """How much memory a large pair may take.

    ``limit``: about as much as the process takes while it fuses, as ``2GiB`` or ``500MB``; ``sample``: a pair of more
    LR pixels is trained on about as many, in plots all over it, and fused window by window.
    """

    limit: str = "2GiB"
    sample: int = 3000

    @property
    def bytes(self) -> int:
        """The limit as a number.

        Raises:
            InputError: If it is none.
        """
        match = re.fullmatch(r"(\d+(?:\.\d+)?) ?([kMGT]i?)?B?", self.limit)
        if not match:
            raise InputError(f"memory.limit: expected a size such as 2GiB or 500MB, got {self.limit!r}")
        unit = match[2] or ""
        return int(float(match[1]) * (1024 if unit.endswith("i") else 1000) ** " kMGT".index(unit[:1] or " "))


class Format(Enum):
    """Of the fused image's file; ``auto``: a GeoTIFF where the pair lies on a map, else ``mat``."""

    auto = "auto"
    tif = "tif"
    img = "img"
    mat = "mat"
    h5 = "h5"
    npy = "npy"


@dataclass
class Config(Method):
    """One run."""

    dataset: Any = MISSING
    scale: ScaleConfig = field(default_factory=ScaleConfig)
    sensor: SensorConfig | None = None
    support: Support = Support.auto
    instruments: Instruments = field(default_factory=Instruments)
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    monitor: MonitorConfig = field(default_factory=MonitorConfig)
    trust: Trust = field(default_factory=Trust)
    memory: Memory = field(default_factory=Memory)
    output: Format = Format.auto
    seed: int = MISSING
