"""The schema of ``conf/``: every key of a composed configuration, with its type."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from omegaconf import MISSING

from udaln.errors import InputError
from udaln.experiment.trainer_schema import TrainerConfig
from udaln.physics.instruments import Instruments


class Source(Enum):
    """Where the PSF or the SRF comes from.

    ``estimated`` from the pair, ``known`` beforehand, or the ``true`` one of a simulation, or of a pair whose truth is
    known.
    """

    estimated = "estimated"
    known = "known"
    true = "true"


class PsfShape(Enum):
    """Shape of an estimated PSF: ``gaussian``, or ``free``: a Gaussian plus the deviations that the data support."""

    free = "free"
    gaussian = "gaussian"


class Support(Enum):
    """The source of the support, the hyperspectral bands that each MSI band may cover.

    ``given``: the file of the SRF; ``sensor``: the sensor's band edges; ``full``: none, every band may be covered;
    ``auto``: the first of these that is available.
    """

    auto = "auto"
    given = "given"
    sensor = "sensor"
    full = "full"


class Refine(Enum):
    """The step after the method: ``none``, or the one that makes the image ``consistent`` with both input images."""

    none = "none"
    consistent = "consistent"


@dataclass
class ScaleConfig:
    """Scale factor and PSF.

    Attributes:
        name: Of the file.
        factor: Scale factor r; None if it follows from the pair.
        kernel_size: Side of the PSF's window [HR pixels]; if None, the data decide; in simulations r.
        fwhm: Full width at half maximum of the PSF in simulations [HR pixels]; None for r.
    """

    name: str = MISSING
    factor: int | None = None
    kernel_size: int | None = None
    fwhm: float | None = None


@dataclass
class SensorConfig:
    """A multispectral sensor: the edges of its bands at half power [nm], and the source of these numbers."""

    name: str = MISSING
    source: str = MISSING
    bands: dict[str, Any] = field(default_factory=dict)


@dataclass
class DegradationConfig:
    """Where PSF and SRF come from, and the shape of an estimated PSF. ``degradation=true`` stands for both true."""

    psf: Source = Source.estimated
    srf: Source = Source.estimated
    shape: PsfShape = PsfShape.free

    @property
    def given(self) -> str:
        """What is not estimated: ``none``, ``psf``, ``srf`` or ``psf+srf``."""
        return "+".join(name for name in ("psf", "srf") if getattr(self, name) is not Source.estimated) or "none"


@dataclass
class MonitorConfig:
    """What is monitored.

    Attributes:
        every: Optimisation steps between two computations of the figures.
        pictures: Optimisation steps after which the pictures are drawn anew within a stage; None for no pictures.
        points: [row, column] of the HR pixels whose spectra are drawn, counted from 0; None for the purest ones.
    """

    every: int = 100
    pictures: int | None = 2000
    points: list[list[int]] | None = None


@dataclass
class Trust:
    """Quality control of the result. By default it is done for real pairs.

    Attributes:
        check: Whether the reduced-resolution check is done.
        uncertainty: Whether the standard deviation of each value of the image is calculated. It takes as
            long again as the fusion, so that by default it is not done for pairs that are fused window by window.
    """

    check: bool | None = None
    uncertainty: bool | None = None

    def resolved(self, *, real: bool, streamed: bool) -> Trust:
        """A copy with the default values filled in.

        Args:
            real: Whether the pair is a real one.
            streamed: Whether it is fused window by window.
        """
        check = real if self.check is None else self.check
        uncertainty = real and not streamed if self.uncertainty is None else self.uncertainty
        return Trust(check, uncertainty)


@dataclass
class Memory:
    """Memory for large pairs.

    Attributes:
        limit: Memory that the process may take while it fuses, approximately, such as ``2GiB`` or ``500MB``.
        sample: A pair of more LR pixels than this is trained on about as many, in plots spread over it, and is fused
            window by window.
    """

    limit: str = "2GiB"
    sample: int = 3000

    @property
    def bytes(self) -> int:
        """The limit [bytes].

        Raises:
            InputError: If it is not a size.
        """
        match = re.fullmatch(r"(\d+(?:\.\d+)?) ?([kMGT]i?)?B?", self.limit)
        if not match:
            raise InputError(f"memory.limit: expected a size such as 2GiB or 500MB, got {self.limit!r}")
        unit = match[2] or ""
        return int(float(match[1]) * (1024 if unit.endswith("i") else 1000) ** " kMGT".index(unit[:1] or " "))


class Format(Enum):
    """Format of the fused image's file; ``auto``: a GeoTIFF if the pair is georeferenced, else ``mat``."""

    auto = "auto"
    tif = "tif"
    img = "img"
    mat = "mat"
    h5 = "h5"
    npy = "npy"


@dataclass
class Config:
    """The configuration of a run.

    Attributes:
        dataset: One of ``udaln.experiment.dataset_schema``.
        scale: Scale factor and PSF.
        sensor: The multispectral sensor, if it is known.
        support: The source of the support.
        degradation: Whether PSF and SRF are estimated or known.
        method: Settings of the method that ``method.name`` names.
        stages: Settings of its training stages, if it has any.
        refine: The step after the method.
        plugins: Modules to import, which register parts of the user's own.
        metrics: Metrics of the user's own by their names.
        instruments: The differences between the two sensors that are allowed for.
        trainer: Settings of Lightning's Trainer.
        callbacks: Lightning's callbacks by name, each with its arguments.
        logger: Where the run is recorded: ``tensorboard``, ``csv``, ``wandb``, ``mlflow``, ``none`` or one's own.
        logger_settings: Arguments of the logger.
        monitor: What is monitored.
        trust: Quality control of the result.
        memory: Memory for large pairs.
        optimize: The figure of ``metrics.json`` that a run returns to an optimizer; None for all of them.
        output: Format of the fused image's file.
        seed: Seed of initial weights and random draws.
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
    metrics: list[str] = field(default_factory=list)
    instruments: Instruments = field(default_factory=Instruments)
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    callbacks: dict[str, Any] = field(default_factory=dict)
    logger: str = "tensorboard"
    logger_settings: dict[str, Any] = field(default_factory=dict)
    monitor: MonitorConfig = field(default_factory=MonitorConfig)
    trust: Trust = field(default_factory=Trust)
    memory: Memory = field(default_factory=Memory)
    optimize: str | None = None
    output: Format = Format.auto
    seed: int = MISSING
