"""The schema of ``conf/``: every key of a composed configuration, with its type."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from omegaconf import MISSING

from udaln.errors import InputError
from udaln.physics.instruments import Instruments


class Source(Enum):
    """Where the PSF or the SRF comes from: ``estimated`` from the pair, or ``known`` beforehand."""

    estimated = "estimated"
    known = "known"


class PsfShape(Enum):
    """Of an estimated PSF: a ``gaussian``, or ``free``: a Gaussian and as much beyond it as the data support."""

    free = "free"
    gaussian = "gaussian"


class Support(Enum):
    """What tells which hyperspectral bands an MSI band may cover.

    ``given``: the SRF's file; ``sensor``: the sensor's band edges; ``full``: nothing, all of them may be; ``auto``: the
    first of these that there is.
    """

    auto = "auto"
    given = "given"
    sensor = "sensor"
    full = "full"


class Refine(Enum):
    """What follows the method: nothing, or the step that makes its image ``consistent`` with both images."""

    none = "none"
    consistent = "consistent"


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
class DegradationConfig:
    """Where PSF and SRF come from, and, of a PSF that is estimated, what is assumed of its shape."""

    psf: Source = Source.estimated
    srf: Source = Source.estimated
    shape: PsfShape = PsfShape.free


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
class Config:
    """One run.

    ``method`` holds the settings of the method that ``method.name`` names, and ``stages`` those of its training, where
    it trains. ``plugins``: modules to import, which register methods.
    """

    dataset: Any = MISSING
    scale: ScaleConfig = field(default_factory=ScaleConfig)
    sensor: SensorConfig | None = None
    support: Support = Support.auto
    degradation: DegradationConfig = field(default_factory=DegradationConfig)
    method: Any = MISSING
    stages: Any = None
    refine: Refine = Refine.consistent
    plugins: list[str] = field(default_factory=list)
    instruments: Instruments = field(default_factory=Instruments)
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    monitor: MonitorConfig = field(default_factory=MonitorConfig)
    trust: Trust = field(default_factory=Trust)
    memory: Memory = field(default_factory=Memory)
    output: Format = Format.auto
    seed: int = MISSING
