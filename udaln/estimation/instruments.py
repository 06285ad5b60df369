"""What may differ between the two instruments of a pair beyond blur and response; the shift between their images."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
import torch
from omegaconf import MISSING
from scipy.ndimage import shift as moved
from torch import Tensor

from udaln.errors import InputError
from udaln.estimation.degradation import Degradation, solve_degradation
from udaln.estimation.noise import calm_patches, unexplained
from udaln.estimation.psf import centre_shift
from udaln.estimation.registration import register
from udaln.scene import Blocks, Scene

WITHIN = 0.2  # HR pixels of shift that need no wider window
UNLIKE = 3e-4  # share of the HR-MSI's variance, beyond noise, from which on the images are not the same
ENOUGH = 5000  # LR pixels that tell a shift
FAR = 1.0  # HR pixels that stage 1 may differ from the registration
PASSES = 2  # of finding a shift and resampling


class Grid(Enum):
    """Whose pixels the fused image has, where the images are shifted by parts of a pixel.

    ``hr_msi``: the HR-MSI's, as they are. ``lr_hsi``: such that r×r of them make a pixel of the LR-HSI; the HR-MSI is
    resampled. ``auto``: the latter where the images disagree about more than their noise, so that resampling costs
    less than the shift; else the former.
    """

    auto = "auto"
    hr_msi = "hr_msi"
    lr_hsi = "lr_hsi"


@dataclass
class Instruments:
    """Which of the differences are looked for; those left open are told by ``settled``.

    Attributes:
        name: Of the file in ``conf/instruments``.
        gain: A gain of each MSI band.
        offset: An offset of each MSI band.
        shift: A shift between the images.
        wide_psf: A PSF that reaches beyond its LR pixel.
        grid: Whose pixels the fused image has.
    """

    name: str = MISSING
    gain: bool | None = None
    offset: bool | None = None
    shift: bool | None = None
    wide_psf: bool | None = None
    grid: Grid = Grid.auto

    def settled(self, unlike: bool) -> Instruments:
        """The same with everything that was left open looked for or not."""
        keys = "gain", "offset", "shift", "wide_psf"
        return replace(self, **{key: unlike for key in keys if getattr(self, key) is None})  # type: ignore[arg-type]


def on_grid(instruments: Instruments, *, georeferenced: bool, streamed: bool) -> Instruments:
    """The same with the grid settled where it is: on a map, and window by window, the HR-MSI keeps its pixels.

    Raises:
        InputError: If it is to be resampled although it is read window by window.
    """
    if streamed and instruments.grid is Grid.lr_hsi:
        raise InputError("instruments.grid: expected hr_msi or auto for a pair fused window by window, got lr_hsi")
    kept = instruments.grid is Grid.auto and (georeferenced or streamed)
    return replace(instruments, grid=Grid.hr_msi) if kept else instruments


def aligned(scene: Scene, instruments: Instruments, kernel_size: int | None = None) -> tuple[Scene, int]:
    """The scene with the shift between its images found, and the side of the PSF's window that suits it.

    A shift by more than half an LR pixel moves the windows, by whole HR pixels. What is left of it moves the PSF within
    its window, which is made wider for it, or the HR-MSI is resampled, as ``Grid`` says.

    Args:
        scene: The pair, on the CPU.
        instruments: Settled.
        kernel_size: Side of the window [HR pixels], if it is given.

    Returns:
        The scene and the side [HR pixels].
    """
    if not instruments.shift:
        return scene, kernel_size or _side(scene, instruments, (0.0, 0.0))
    found = register(scene.lr_hsi, scene.hr_msi, scene.scale, scene.support, scene.lr_valid, scene.hr_valid)
    whole = [round(part) if abs(part) > scene.scale / 2 else 0 for part in found]
    scene = replace(scene, shift=(whole[0], whole[1]))
    left = found[0] - whole[0], found[1] - whole[1]
    side = kernel_size or _side(scene, instruments, left)
    nested = instruments.grid is Grid.lr_hsi
    if nested or (instruments.grid is Grid.auto and _disagreement(scene, instruments, side) > UNLIKE):
        original = scene
        for _ in range(PASSES):
            place = _place(scene, instruments, side)
            if math.dist(place, found) > FAR:  # the images are too unlike for stage 1 to tell
                place = found
            scene = _resampled(original, (place[0] - whole[0], place[1] - whole[1]))
            side = kernel_size or _side(scene, instruments, (0.0, 0.0))
    return scene, side


def _side(scene: Scene, instruments: Instruments, shift: tuple[float, float]) -> int:
    """Side of a window that holds a PSF off its place by a shift."""
    margin = max(0, math.ceil(max(map(abs, shift)) - WITHIN))
    return (2 * scene.scale + 1 if instruments.wide_psf else scene.scale) + 2 * margin


def _solved(scene: Scene, instruments: Instruments, side: int, *, gaussian: bool = False) -> tuple[Blocks, Degradation]:
    """Stage 1, and the LR pixels that it was solved with: some, where there are many."""
    blocks = scene.blocks(side, scene.hr_msi.dtype)
    step = max(1, len(blocks.lr) // ENOUGH)
    some = Blocks(blocks.lr[::step], blocks.windows[::step])
    gain, offset = bool(instruments.gain), bool(instruments.offset)
    return some, solve_degradation(some.lr, some.windows, scene.support, gain=gain, offset=offset, gaussian=gaussian)


def _place(scene: Scene, instruments: Instruments, side: int) -> tuple[float, float]:
    """How far the LR-HSI lies off its place [HR pixels], by stage 1; a Gaussian PSF tells its centre most steadily."""
    _, solved = _solved(scene, instruments, side, gaussian=True)
    return centre_shift(solved.psf.numpy(), scene.scale, scene.moved)


def _disagreement(scene: Scene, instruments: Instruments, side: int) -> float:
    """What the images disagree about beyond their noise once stage 1 is solved.

    Returns:
        A share of the variance of the HR-MSI at low resolution, median of its bands.
    """
    blocks, solved = _solved(scene, instruments, side)
    noise = solved.gain**2 * (solved.srf.square().T @ unexplained(blocks.lr[:, :, None]))
    hr_noise = unexplained(calm_patches(scene.hr_msi.double() / scene.msi_unit, scene.hr_valid))
    beyond = solved.residual_std**2 - noise - solved.psf.square().sum() * hr_noise
    lr_msi = torch.einsum("nkc,k->nc", blocks.windows.double(), solved.psf.flatten())
    return float((beyond / lr_msi.var(0).clamp(min=torch.finfo(torch.float64).tiny)).median())


def _resampled(scene: Scene, shift: tuple[float, float]) -> Scene:
    """The scene with its HR-MSI moved against a shift [HR pixels], by cubic splines; gaps grow with it."""
    back = (-shift[0], -shift[1])

    def at_place(image: Tensor, order: int) -> Tensor:
        planes = [moved(plane, back, order=order, mode="nearest") for plane in image.movedim(2, 0).numpy()]
        return torch.from_numpy(np.stack(planes, -1))

    valid = scene.hr_valid
    if valid is not None:
        valid = at_place(valid[..., None].double(), order=1)[..., 0] > 1 - 1e-6
    return replace(scene, hr_msi=at_place(scene.hr_msi, order=3), hr_valid=valid, resampled=shift)
