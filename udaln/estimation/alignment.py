"""The shift between the two images of a pair: estimated, and removed by shifted windows or by resampling."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from scipy.ndimage import shift as spline_shift
from torch import Tensor

from udaln.estimation.degradation import DegradationEstimate, estimate_degradation
from udaln.estimation.noise import homogeneous_patches, unique_variances
from udaln.estimation.psf import centre_shift
from udaln.estimation.registration import register
from udaln.physics.blocks import Blocks, blocks_of
from udaln.physics.instruments import Instruments, OutputGrid
from udaln.scene import Scene

SHIFT_TOLERANCE = 0.2  # largest shift for which the PSF window is not widened [HR pixels]
MAX_DISAGREEMENT = 3e-4  # share of the HR-MSI's variance, beyond noise; above it ``OutputGrid.auto`` resamples
MAX_LR_PIXELS = 5000  # about as many LR pixels suffice for a shift
MAX_DEVIATION = 1.0  # largest accepted difference between stage 1 and the registration [HR pixels]
RESAMPLING_PASSES = 2


def aligned(scene: Scene, instruments: Instruments, kernel_size: int | None = None) -> tuple[Scene, int]:
    """Estimate the shift between the images of a scene and account for it.

    A shift of more than half an LR pixel moves the PSF windows by whole HR pixels. The remaining shift is either left
    to the PSF, whose window is widened for it, or removed by resampling the HR-MSI (see ``OutputGrid``).

    Args:
        scene: The pair, on the CPU.
        instruments: Resolved settings.
        kernel_size: Side of the PSF window [HR pixels]; chosen here if None.

    Returns:
        The aligned scene and the side of the PSF window [HR pixels].
    """
    if not instruments.shift:
        return scene, kernel_size or _window_side(scene, instruments, (0.0, 0.0))
    registered = register(scene.lr_hsi, scene.hr_msi, scene.scale, scene.support, scene.lr_valid, scene.hr_valid)
    whole = [round(part) if abs(part) > scene.scale / 2 else 0 for part in registered]
    scene = replace(scene, shift=(whole[0], whole[1]))
    remaining = registered[0] - whole[0], registered[1] - whole[1]
    side = kernel_size or _window_side(scene, instruments, remaining)
    resample = instruments.grid is OutputGrid.lr_hsi
    if resample or (instruments.grid is OutputGrid.auto and _disagreement(scene, instruments, side) > MAX_DISAGREEMENT):
        original = scene
        for _ in range(RESAMPLING_PASSES):
            shift = _shift_by_psf(scene, instruments, side)
            if math.dist(shift, registered) > MAX_DEVIATION:  # the images differ too much for stage 1
                shift = registered
            scene = _resampled(original, (shift[0] - whole[0], shift[1] - whole[1]))
            side = kernel_size or _window_side(scene, instruments, (0.0, 0.0))
    return scene, side


def _window_side(scene: Scene, instruments: Instruments, shift: tuple[float, float]) -> int:
    """Side of a window that contains a PSF displaced by a shift [HR pixels]."""
    margin = max(0, math.ceil(max(map(abs, shift)) - SHIFT_TOLERANCE))
    return (2 * scene.scale + 1 if instruments.wide_psf else scene.scale) + 2 * margin


def _estimate(
    scene: Scene, instruments: Instruments, side: int, *, gaussian: bool = False
) -> tuple[Blocks, DegradationEstimate]:
    """Closed-form stage 1 on a subset of the LR pixels, and that subset."""
    blocks = blocks_of(scene, side, scene.hr_msi.dtype)
    step = max(1, len(blocks.lr) // MAX_LR_PIXELS)
    subset = Blocks(blocks.lr[::step], blocks.windows[::step])
    gain, offset = bool(instruments.gain), bool(instruments.offset)
    degradation = estimate_degradation(
        subset.lr, subset.windows, scene.support, gain=gain, offset=offset, gaussian=gaussian
    )
    return subset, degradation


def _shift_by_psf(scene: Scene, instruments: Instruments, side: int) -> tuple[float, float]:
    """The shift [HR pixels] at which stage 1 centres the PSF; the centre of a Gaussian PSF is the most stable one."""
    _, degradation = _estimate(scene, instruments, side, gaussian=True)
    return centre_shift(degradation.psf.numpy(), scene.scale, scene.total_shift)


def _disagreement(scene: Scene, instruments: Instruments, side: int) -> float:
    """Variance of the residual of stage 1 beyond the noise of both images.

    Returns:
        Share of the variance of the HR-MSI at low resolution, median over the bands.
    """
    blocks, degradation = _estimate(scene, instruments, side)
    noise = degradation.gain**2 * (degradation.srf.square().T @ unique_variances(blocks.lr[:, :, None]))
    hr_noise = unique_variances(homogeneous_patches(scene.hr_msi.double() / scene.msi_unit, scene.hr_valid))
    excess = degradation.residual_std**2 - noise - degradation.psf.square().sum() * hr_noise
    lr_msi = torch.einsum("nkc,k->nc", blocks.windows.double(), degradation.psf.flatten())
    return float((excess / lr_msi.var(0).clamp(min=torch.finfo(torch.float64).tiny)).median())


def _resampled(scene: Scene, shift: tuple[float, float]) -> Scene:
    """The scene with a shift [HR pixels] removed from its HR-MSI by cubic splines; masked areas grow by it."""
    inverse = (-shift[0], -shift[1])

    def shifted(image: Tensor, order: int) -> Tensor:
        planes = [spline_shift(plane, inverse, order=order, mode="nearest") for plane in image.movedim(2, 0).numpy()]
        return torch.from_numpy(np.stack(planes, -1))

    valid = scene.hr_valid
    if valid is not None:
        valid = shifted(valid[..., None].double(), order=1)[..., 0] > 1 - 1e-6
    return replace(scene, hr_msi=shifted(scene.hr_msi, order=3), hr_valid=valid, resampling_shift=shift)
