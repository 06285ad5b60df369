"""What every fusion method is: ``fit`` a model to a scene, and let the model ``fuse`` that scene or any part of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from udaln.physics.degradation import Degradation
from udaln.scene import Scene

CHUNK = 1 << 16  # pixels that are mapped at a time, to bound memory


class Estimate(NamedTuple):
    """A fused image and its uncertainty.

    Attributes:
        image: X̂, H×W×C float32, in the units of the LR-HSI.
        deviation: Standard deviation of its error, likewise; none where the method does not tell it.
    """

    image: Tensor
    deviation: Tensor | None = None


class Model(nn.Module, ABC):
    """A method fitted to a pair of sensors. Its ``state_dict`` is all that a fit changes.

    Args:
        degradation: PSF, SRF and radiometry of the two sensors, as they were estimated or given.

    Attributes:
        local: Whether the image of a part of a scene depends on nothing beyond ``margin``. If not, windows of a scene
            differ from those of the whole.
    """

    local: ClassVar[bool] = True

    def __init__(self, degradation: Degradation) -> None:
        super().__init__()
        self.degradation = degradation

    @property
    def margin(self) -> int:
        """LR pixels around a part of a scene that its fused image depends on."""
        return 0

    @property
    def pixel_bytes(self) -> int:
        """Memory that ``fuse`` takes for each HR pixel beyond the image and the pair [bytes]."""
        return 0

    @abstractmethod
    def fuse(self, scene: Scene) -> Estimate:
        """Fuse a scene of these sensors, on the device of the model.

        Args:
            scene: The pair, or a window of it.
        """


class SpectralMap(Model):
    """A model that maps MSI pixels to spectra, each by itself: once fitted, it needs no LR-HSI."""

    @abstractmethod
    def forward(self, pixels: Tensor) -> Tensor:
        """MSI pixels (N, c) to spectra (N, C) float32, both in network units."""

    @torch.no_grad()
    def map(self, hr_msi: Tensor) -> Tensor:
        """Map an HR-MSI, H×W×c, to spectra, H×W×C float32, in the units of the LR-HSI; in full precision."""
        pixels = hr_msi.float().reshape(-1, hr_msi.shape[-1])
        degradation = self.degradation
        msi_unit, unit = degradation.msi_unit.to(pixels), degradation.unit.to(pixels)
        with torch.autocast(pixels.device.type, enabled=False):
            spectra = pixels.new_empty(len(pixels), degradation.support.shape[0])
            for chunk, mapped in zip(torch.split(pixels, CHUNK), torch.split(spectra, CHUNK), strict=True):
                torch.mul(self(chunk / msi_unit), unit, out=mapped)
        return spectra.view(*hr_msi.shape[:2], -1)

    def fuse(self, scene: Scene) -> Estimate:
        """The map of the scene's HR-MSI."""
        return Estimate(self.map(scene.hr_msi))


class StageRecord(NamedTuple):
    """What a finished stage of a fit took.

    Attributes:
        name: Of the stage.
        steps: Optimisation steps; 0 where it is solved in closed form.
        seconds: Time.
    """

    name: str
    steps: int
    seconds: float


@dataclass(frozen=True)
class Training:
    """Where a method is fitted, and what it leaves on the way.

    Attributes:
        seed: Of first weights and of random draws.
        accelerator: Lightning's name of it: ``auto``, ``cpu`` or ``gpu``.
        precision: Lightning's name of it: ``32-true``, ``bf16-mixed`` or ``16-mixed``.
        devices: How many share the work of a step.
        every: Optimisation steps between two looks at the figures.
        checkpoint: The file that a stopped fit resumes from, if that is wanted; it may exist already.
        checkpoint_seconds: Least time between two checkpoints within a stage.
        callbacks: Lightning's, for methods that train by Lightning.
        logger: Lightning's, or false.
        trainer: Other arguments of Lightning's Trainer, for methods that train by Lightning.
        folder: Where callbacks and profilers of Lightning write.
    """

    seed: int = 2
    accelerator: str = "auto"
    precision: str = "32-true"
    devices: int = 1
    every: int = 100
    checkpoint: Path | None = None
    checkpoint_seconds: float = 10.0
    callbacks: Sequence[Any] = ()
    logger: Any = False
    trainer: Mapping[str, Any] = field(default_factory=dict)
    folder: Path | None = None


class Method(ABC):
    """A fusion method: how a model is made and fitted to a scene.

    Args:
        settings: An instance of ``Settings``.
        stages: An instance of ``Stages``, of a method that has some.

    Attributes:
        name: By which ``method=`` finds it.
        Settings: Dataclass of plain values: the keys of ``method`` in a configuration. The first is ``name``.
        Stages: Dataclass of the stages of a method that trains: the keys of ``stages``. The first is ``name``. If it is
            one of `udaln.methods.training.schedule.Schedules`, ``stages.share`` shortens its schedules.
        needs_degradation: Whether PSF, SRF and radiometry are estimated before ``fit``. If not, ``fit`` estimates what
            of them is unknown.
    """

    name: ClassVar[str]
    Settings: ClassVar[Any]
    Stages: ClassVar[Any] = None
    needs_degradation: ClassVar[bool] = True

    def __init__(self, settings: Any, stages: Any = None) -> None:
        self.settings = settings
        self.stages = stages

    @property
    def tells_instruments_apart(self) -> bool:
        """Whether gains, offsets and a wide PSF are estimated reliably, so that they are looked for in a real pair."""
        return self.needs_degradation

    def check(self, devices: int = 1) -> None:  # noqa: B027  # most have nothing to refuse
        """Refuse settings that cannot be carried out.

        Args:
            devices: How many devices are to share the work.

        Raises:
            InputError: Names the key.
        """

    @abstractmethod
    def model(self, degradation: Degradation) -> Model:
        """An unfitted model, of the same structure whenever the sizes of the degradation are the same."""

    @abstractmethod
    def fit(self, model: Model, scene: Scene, training: Training) -> Sequence[StageRecord]:
        """Fit a model to a scene, in place.

        Args:
            model: From ``model``.
            scene: The pair, on the CPU. ``scene.truth`` is for reports only.
            training: Where, and what is left on the way.

        Returns:
            The stages that a method reports of; none are taken for one stage named ``fit``.
        """
