"""From a scene to its fused image: the instruments told apart, a method fitted, the consistency step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from time import monotonic

import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_lightning import seed_everything
from torch import Tensor

from udaln.consistency.fuser import Fuser
from udaln.consistency.refinement import fit_refinement
from udaln.errors import InputError
from udaln.estimation.alignment import aligned
from udaln.estimation.psf import centre_shift
from udaln.estimation.sensors import estimate_sensors
from udaln.io.bad_bands import fill_bad_bands
from udaln.methods.base import Estimate, Method, Model, StageRecord, Training
from udaln.methods.training.trainer import root_device
from udaln.metrics.figures import figures, without_reference
from udaln.monitor.progress import progress_bar
from udaln.physics.blocks import blocks_of
from udaln.physics.degradation import Degradation
from udaln.physics.instruments import Instruments
from udaln.scene import DroppedBands, Known, Scene

OnStage = Callable[[StageRecord, Model, bool], None]


@dataclass(frozen=True)
class Fusion:
    """A fused pair.

    Attributes:
        scene: The pair, with the shift between its images.
        fuser: What makes the fused image of it, of any part of it, and of other pairs of the same sensors.
        estimate: The image and its deviation in the bands of the scene; NaN where either image holds no data.
        complete: The image likewise, with values where there are no data, too, made of the pixels around.
        figures: What can be known without a reference.
        bad_bands: The bands that the scene is made without and that are filled in, if there are such.
    """

    scene: Scene
    fuser: Fuser
    estimate: Estimate
    complete: Tensor
    figures: dict[str, float] = field(default_factory=dict)
    bad_bands: DroppedBands | None = None

    @property
    def model(self) -> Model:
        """The fitted method; a `SpectralMap` maps another HR-MSI of the same sensors by its ``map``."""
        return self.fuser.model

    @cached_property
    def image(self) -> NDArray[np.float32]:
        """The fused image X̂, H×W×C, in the units of the LR-HSI; NaN where either image holds no data."""
        return np.asarray(fill_bad_bands(self.estimate.image, self.bad_bands).numpy())

    @cached_property
    def deviation(self) -> NDArray[np.float32] | None:
        """Standard deviation of the image's error, H×W×C; none unless it was asked for."""
        deviation = self.estimate.deviation
        return None if deviation is None else np.asarray(fill_bad_bands(deviation, self.bad_bands).numpy())

    @property
    def psf(self) -> NDArray[np.float64]:
        """The PSF, k×k."""
        return np.asarray(self.model.degradation.psf.numpy())

    @property
    def shift(self) -> tuple[float, float]:
        """How far down and to the right of its place by the sizes the LR-HSI lies [HR pixels]."""
        return centre_shift(self.psf, self.scene.scale, self.scene.total_shift)

    @property
    def srf(self) -> NDArray[np.float64]:
        """The SRF, C×c, columns sum to 1."""
        return np.asarray(self.model.degradation.srf.numpy())

    @property
    def gain(self) -> NDArray[np.float64]:
        """What the LR-HSI seen through each MSI band is multiplied with to give the HR-MSI, c."""
        return np.asarray(self.model.degradation.gain.numpy())

    @property
    def offset(self) -> NDArray[np.float64]:
        """What is then added to it, in the units of the HR-MSI, c."""
        return np.asarray(self.model.degradation.offset.numpy())

    @property
    def noise(self) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """Standard deviation of the noise of the LR-HSI, C, and the HR-MSI, c; none without the consistency step.

        Both are in the units of the LR-HSI.
        """
        if self.fuser.refinement is None:
            return None
        noise = self.fuser.refinement.noise
        return noise.lr_hsi.numpy(), noise.hr_msi.numpy()


@dataclass(frozen=True)
class FusionOptions:
    """How a scene is fused.

    Attributes:
        method: The method.
        refine: Whether the consistency step follows it.
        instruments: What may differ between the two sensors; nothing is left open.
        known_psf: Whether the scene's known PSF is used; else it is estimated.
        known_srf: Whether the scene's known SRF is used; else it is estimated.
        gaussian: Whether an estimated PSF is taken for a Gaussian.
        kernel_size: Side of the PSF's window [HR pixels], if not as the instruments have it.
        uncertainty: Whether the deviation is calculated.
        progress: Whether progress bars are shown on a terminal.
    """

    method: Method
    refine: bool
    instruments: Instruments
    known_psf: bool = False
    known_srf: bool = False
    gaussian: bool = False
    kernel_size: int | None = None
    uncertainty: bool = False
    progress: bool = True


def align(scene: Scene, options: FusionOptions) -> tuple[Scene, Degradation]:
    """Find the shift between the images of a pair; what is left to estimate is its degradation.

    Args:
        scene: The pair, on the CPU.
        options: How it is fused.

    Raises:
        InputError: If PSF or SRF are to be known and the scene knows none, or the PSF's window is smaller than r.
    """
    known = Known(
        psf=_known("psf", scene.known.psf) if options.known_psf else None,
        srf=_known("srf", scene.known.srf) if options.known_srf else None,
    )
    scene, kernel_size = aligned(scene, options.instruments, options.kernel_size)
    return scene, Degradation(
        scale=scene.scale,
        kernel_size=kernel_size,
        support=scene.support,
        unit=scene.unit,
        msi_unit=scene.msi_unit,
        known=known,
        gain=bool(options.instruments.gain),
        offset=bool(options.instruments.offset),
    )


def _known(name: str, value: Tensor | None) -> Tensor:
    if value is None:
        raise InputError(f"degradation.{name}: expected one to be given for degradation.{name}=known, got none")
    return value


def fit(
    scene: Scene,
    degradation: Degradation,
    options: FusionOptions,
    training: Training,
    on_stage: OnStage = lambda record, model, gives_image: None,
) -> Model:
    """Fit the method to an aligned scene.

    Args:
        scene: The pair, on the CPU.
        degradation: What is unknown of it gets estimated.
        options: How it is fused.
        training: Where the method is fitted.
        on_stage: Called at the end of each stage, with whether the model fuses by then.
    """
    method = options.method
    seed_everything(training.seed, verbose=False)
    model = method.model(degradation)
    if method.needs_degradation and degradation.unknown:
        began = monotonic()
        blocks = blocks_of(scene, degradation.kernel_size, scene.hr_msi.dtype)
        estimate_sensors(degradation, blocks, gaussian=options.gaussian)
        on_stage(StageRecord("degradation", 0, monotonic() - began), model, False)
    began = monotonic()
    records = method.fit(model, scene, training) or [StageRecord("fit", 0, monotonic() - began)]
    for record in records:
        on_stage(record, model, True)
    return model


def fused(scene: Scene, model: Model, options: FusionOptions, device: torch.device) -> Fusion:
    """The fused image of a scene by a fitted method.

    Args:
        scene: The pair, on the CPU.
        model: Fitted; on the CPU afterwards.
        options: How it is fused.
        device: Where to calculate.
    """
    model.to(device)
    on_device, cpu = scene.to(device), torch.device("cpu")
    if options.refine:
        with progress_bar("refine", shown=options.progress) as progress:
            fuser = Fuser(model, fit_refinement(model, on_device))
            estimate = fuser.fuse(on_device, progress=progress, with_deviation=options.uncertainty)
    else:
        fuser = Fuser(model)
        estimate = fuser.fuse(on_device)
    complete = estimate.image.cpu()
    deviation = None if estimate.deviation is None else _masked(estimate.deviation.cpu(), scene.valid)
    return Fusion(scene, fuser.to(cpu), Estimate(_masked(complete, scene.valid), deviation), complete)


def fuse_scene(scene: Scene, options: FusionOptions, training: Training) -> Fusion:
    """Align, fit and fuse a scene, without a trace on disk."""
    device = root_device(training.accelerator, training.precision)
    scene, degradation = align(scene, options)
    return fused(scene, fit(scene, degradation, options, training), options, device)


def with_figures(fusion: Fusion) -> Fusion:
    """The same with every figure that its scene allows."""
    degradation, scene = fusion.model.degradation, fusion.scene
    taken = figures(degradation, scene, fusion.estimate.image)
    return replace(fusion, figures=taken | without_reference(degradation, scene, fusion.complete))


def _masked(image: Tensor, covered: Tensor) -> Tensor:
    """An image with NaN where it holds no data; the same one where it does everywhere."""
    return image if covered.all() else torch.where(covered[..., None], image, torch.nan)
