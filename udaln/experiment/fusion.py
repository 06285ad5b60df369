"""From a scene to its fused image: alignment, fit of the method, consistency step."""

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

from udaln.consistency.calibration import HeldOut
from udaln.consistency.fuser import Fuser
from udaln.estimation.psf import centre_shift
from udaln.experiment.error_keys import solver_errors
from udaln.experiment.preparation import Aligned, FusionOptions, align
from udaln.io.bad_bands import fill_bad_bands
from udaln.methods.base import Estimate, Model, StageRecord, Training
from udaln.methods.classical.solver import Solver
from udaln.methods.training.trainer import root_device
from udaln.metrics.figures import figures, without_reference
from udaln.monitor.progress import progress_bar
from udaln.physics.warp import Warp, warped
from udaln.physics.windows import degrade
from udaln.scene import DroppedBands, Scene
from udaln.trust.assessment import assess
from udaln.trust.verdict import Verdict

OnStage = Callable[[StageRecord, Model, bool], None]


@dataclass(frozen=True)
class Fusion:
    """A fused pair.

    Attributes:
        scene: The pair, aligned.
        fuser: Fuses this pair, any part of it, and other pairs of the same sensors.
        estimate: The image and its deviation in the bands of the scene; NaN for pixels without data in either image.
        complete: The image in the bands of the scene, with values interpolated for pixels without data.
        held_out: How well the fused image predicts LR pixels that were held out; None if the consistency step was not
            done, or there are too few.
        verdict: Whether the image is fit to use, by what the pair shows; None before it is judged.
        figures: The figures that the scene allows.
        bad_bands: The bands that are not in use in the scene and are filled in in the image; None if there are none.
        warp: The displacement that varies over the pair and was taken out; None if there was none.
    """

    scene: Scene
    fuser: Fuser
    estimate: Estimate
    complete: Tensor
    held_out: HeldOut | None = None
    verdict: Verdict | None = None
    figures: dict[str, float] = field(default_factory=dict)
    bad_bands: DroppedBands | None = None
    warp: Warp | None = None

    @property
    def model(self) -> Model:
        """The fitted method; a `SpectralMap` maps another HR-MSI of the same sensors by its ``map``."""
        return self.fuser.model

    @cached_property
    def image(self) -> NDArray[np.float32]:
        """The fused image X̂, H×W×C, in the units of the LR-HSI; NaN for pixels without data in either image."""
        return np.asarray(fill_bad_bands(self.estimate.image, self.bad_bands).numpy())

    @cached_property
    def deviation(self) -> NDArray[np.float32] | None:
        """Standard deviation of the image's error, H×W×C; None if it was not asked for."""
        deviation = self.estimate.deviation
        return None if deviation is None else np.asarray(fill_bad_bands(deviation, self.bad_bands).numpy())

    @property
    def psf(self) -> NDArray[np.float64]:
        """The PSF, k×k."""
        return np.asarray(self.model.degradation.psf.numpy())

    @property
    def shift(self) -> tuple[float, float]:
        """Estimated shift of the LR-HSI against the HR-MSI, down and to the right, or its mean [HR pixels]."""
        windows, removed = self.scene.shift, self.scene.resampling_shift if self.warp is None else self.warp.mean
        return centre_shift(self.psf, self.scene.scale, (windows[0] + removed[0], windows[1] + removed[1]))

    @property
    def displacement(self) -> NDArray[np.float64] | None:
        """Displacement of each LR pixel against the HR-MSI, down and to the right, 2×h×w [HR pixels].

        None if it is the same everywhere: then it is ``shift``.
        """
        if self.warp is None:
            return None
        scale = self.scene.scale
        pixel = torch.full((scale, scale), 1 / scale**2)
        at_lr = degrade(self.warp.displacement.movedim(0, -1), pixel, scale, self.scene.shift).movedim(-1, 0).numpy()
        return np.asarray(at_lr + np.subtract(self.shift, self.warp.mean)[:, None, None])

    @property
    def changed(self) -> NDArray[np.bool_] | None:
        """The LR pixels that show other ground than the HR-MSI, h×w; None if there are none. They were not used."""
        return None if self.scene.lr_changed is None else np.asarray(self.scene.lr_changed.numpy())

    @property
    def srf(self) -> NDArray[np.float64]:
        """The SRF, C×c, columns sum to 1."""
        return np.asarray(self.model.degradation.srf.numpy())

    @property
    def gain(self) -> NDArray[np.float64]:
        """Gain of each MSI band, c: the HR-MSI is gain · (spectra through the SRF) + offset."""
        return np.asarray(self.model.degradation.gain.numpy())

    @property
    def offset(self) -> NDArray[np.float64]:
        """Offset of each MSI band, c, in the units of the HR-MSI."""
        return np.asarray(self.model.degradation.offset.numpy())

    @property
    def noise(self) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """Standard deviation of the noise of the LR-HSI, C, and the HR-MSI, c; None without the consistency step.

        Both are in the units of the LR-HSI.
        """
        if self.fuser.refinement is None:
            return None
        noise = self.fuser.refinement.noise
        return noise.lr_hsi.numpy(), noise.hr_msi.numpy()


def fit(
    pair: Aligned,
    options: FusionOptions,
    training: Training,
    on_stage: OnStage = lambda record, model, gives_image: None,
) -> Model:
    """Fit the method to an aligned scene.

    Args:
        pair: From `align`.
        options: How it is fused.
        training: Where the method is fitted.
        on_stage: Called at the end of each stage with its record, the model, and whether the model can fuse by then.
    """
    method = options.method
    seed_everything(training.seed, verbose=False)
    model = method.model(pair.degradation)
    if method.needs_degradation and pair.degradation.unknown:
        on_stage(StageRecord("degradation", 0, pair.seconds), model, False)
    start = monotonic()
    records = method.fit(model, pair.scene, training)
    if isinstance(model, Solver):  # keeps its image, which is asked for again
        with progress_bar("fuse", shown=options.progress) as progress:
            model.fuse(pair.scene, progress)
    records = records or [StageRecord("fit", 0, monotonic() - start)]
    for record in records:
        on_stage(record, model, True)
    return model


def fuse_fitted(scene: Scene, model: Model, options: FusionOptions, device: torch.device) -> Fusion:
    """Fuse a scene by a fitted model and, if it is asked for, the consistency step.

    Args:
        scene: The pair, on the CPU.
        model: Fitted; on the CPU afterwards.
        options: How it is fused.
        device: Where to calculate.
    """
    held_out: HeldOut | None = None
    model.to(device)
    on_device, cpu = scene.to(device), torch.device("cpu")
    if options.refine:
        with progress_bar("refine", shown=options.progress) as progress:
            fuser, estimate, held_out = Fuser.fit(model, on_device, progress, with_deviation=options.uncertainty)
    else:
        fuser = Fuser(model)
        estimate = fuser.fuse(on_device)
    complete = estimate.image.cpu()
    deviation = None if estimate.deviation is None else scene.masked(estimate.deviation.cpu())
    return Fusion(scene, fuser.to(cpu), Estimate(scene.masked(complete), deviation), complete, held_out)


def fuse_scene(scene: Scene, options: FusionOptions, training: Training) -> Fusion:
    """Align a scene, fit the method and fuse. Nothing is written to disk."""
    device = root_device(training.accelerator, training.precision)
    with solver_errors():
        pair = align(scene, options)
        return replace(fuse_fitted(pair.scene, fit(pair, options, training), options, device), warp=pair.warp)


def with_figures(fusion: Fusion, options: FusionOptions) -> Fusion:
    """A copy with every figure that the scene allows, and the verdict; its image is on the grid that is wanted."""
    degradation, scene, held_out = fusion.model.degradation, fusion.scene, fusion.held_out
    values = figures(degradation, scene, fusion.estimate.image, options.metrics)
    values |= without_reference(degradation, scene, fusion.complete)
    if held_out is not None:
        values["held_out_error"] = held_out.fused
        values["held_out_error_interpolated"] = held_out.interpolated
        values["bands_interpolated"] = held_out.bands_interpolated
    if fusion.fuser.refinement is not None:
        values["bands_displaced"] = int(fusion.fuser.refinement.displacement.any(0).sum())
    if fusion.changed is not None:
        values["lr_pixels_changed"] = int(fusion.changed.sum())
    if fusion.warp is not None:
        values["displacement_spread"] = fusion.warp.spread
    verdict = assess(degradation, scene, fusion.complete, held_out, options.instruments, options.known(scene))
    fusion = replace(fusion, figures=values, verdict=verdict)
    return fusion if fusion.warp is None or not fusion.warp.returns else _moved_back(fusion, fusion.warp)


def _moved_back(fusion: Fusion, warp: Warp) -> Fusion:
    """A copy whose image is on the pixels of the HR-MSI, not on those on which the LR-HSI is not displaced."""
    here = fusion.scene
    there = replace(here, hr_msi=warp.hr_msi, hr_valid=warp.hr_valid, resampling_shift=(0.0, 0.0))
    hr_msis = [fusion.fuser.hr_msi(scene) for scene in (here, there)]
    complete = warp.back(fusion.complete, *hr_msis)
    measured = warped(fusion.estimate.image.isfinite().float(), warp.inverse, order=0) > 0
    if there.hr_valid is not None:
        measured &= there.hr_valid[..., None]
    deviation = fusion.estimate.deviation
    if deviation is not None:
        deviation = torch.where(measured, warped(deviation, warp.inverse, order=0), torch.nan)
    estimate = Estimate(torch.where(measured, complete, torch.nan), deviation)
    return replace(fusion, scene=there, estimate=estimate, complete=complete)
