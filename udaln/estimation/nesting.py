"""The grid on which r×r HR pixels make up one LR pixel: the HR-MSI is resampled to it."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from udaln.estimation.candidate import Candidate, Form
from udaln.estimation.noise import homogeneous_patches, unique_variances
from udaln.estimation.registration import Registration, register
from udaln.estimation.selection import FormSearch
from udaln.physics.instruments import Instruments, OutputGrid
from udaln.physics.warp import warped
from udaln.scene import Known, Scene

SHIFT_TOLERANCE = 0.2  # fraction of a shift for which no window is widened and no image resampled [HR pixels]
RELATIVE_TOLERANCE = 0.05  # the same [LR pixels]; the larger one counts
MAX_DISAGREEMENT = 3e-4  # share of the HR-MSI's variance, beyond noise; above it ``OutputGrid.auto`` resamples
PASSES = 2


def fraction_of(place: Registration) -> float:
    """The larger fraction of the shifts along rows and columns that whole HR pixels leave [HR pixels]."""
    return max(abs(part - round(part)) for part in place.shift)


def tolerance_of(scene: Scene) -> float:
    """The fraction of a shift that is left out of account [HR pixels]."""
    return max(SHIFT_TOLERANCE, RELATIVE_TOLERANCE * scene.scale)


def nests(best: Candidate, place: Registration, instruments: Instruments) -> bool:
    """Whether the fused image is to be on the grid on which r×r HR pixels make up one LR pixel.

    Args:
        best: The degradation.
        place: Where the LR-HSI lies.
        instruments: Resolved settings.
    """
    if instruments.grid is OutputGrid.auto and not best.unrelated and fraction_of(place) > tolerance_of(best.scene):
        return _disagreement(best) > MAX_DISAGREEMENT
    return instruments.grid is OutputGrid.lr_hsi


def on_lr_grid(
    scene: Scene, displacement: Tensor | None, form: Form, place: Registration, known: Known
) -> tuple[Candidate, Tensor]:
    """The degradation of a scene whose HR-MSI is resampled to that grid, and the displacement that this removed.

    Args:
        scene: The pair, its HR-MSI as it was.
        displacement: Displacement of the LR-HSI that varies over the pair, 2×H×W [HR pixels]; None if it does not.
        form: Of the degradation.
        place: Where the LR-HSI lies once this is removed.
        known: What is known of the sensors and kept.
    """
    half = scene.scale / 2
    down, right = (round(part) if abs(part) > half else 0 for part in place.shift)
    original = replace(scene, shift=(down, right))
    removed = torch.zeros(2, 1, 1, dtype=torch.float64) if displacement is None else displacement
    left = place.shift
    for _ in range(PASSES):
        removed = removed + torch.tensor([left[0] - down, left[1] - right], dtype=torch.float64)[:, None, None]
        scene = without_displacement(original, removed)
        left = register(scene.lr_hsi, scene.hr_msi, scene.scale, scene.support, scene.lr_valid, scene.hr_valid).shift
    search = FormSearch(scene, replace(place, shift=scene.shift), known)
    return search.settled(search.candidate(form), form), removed


def without_displacement(scene: Scene, displacement: Tensor) -> Scene:
    """The scene with a displacement of its LR-HSI removed by resampling the HR-MSI; masked areas grow by it.

    Args:
        scene: The pair.
        displacement: Down and to the right [HR pixels], 2×H×W, or 2×1×1 if it is the same everywhere.
    """
    valid = scene.hr_valid
    if valid is not None:
        valid = warped(valid[..., None].double(), displacement, order=1)[..., 0] > 1 - 1e-6
    down, right = displacement.mean((1, 2)).tolist()
    hr_msi = warped(scene.hr_msi, displacement, order=3)
    return replace(scene, hr_msi=hr_msi, hr_valid=valid, resampling_shift=(down, right))


def _disagreement(best: Candidate) -> float:
    """Variance of the residual of stage 1 beyond the noise of both images.

    Returns:
        Share of the variance of the HR-MSI at low resolution, median over the bands.
    """
    degradation, scene = best.estimate, best.scene
    noise = degradation.gain**2 * (degradation.srf.square().T @ unique_variances(best.lr[:, :, None]))
    hr_noise = unique_variances(homogeneous_patches(scene.hr_msi.double() / scene.msi_unit, scene.hr_valid))
    excess = degradation.residual_std**2 - noise - degradation.psf.square().sum() * hr_noise
    return float((excess / best.lr_msi.var(0).clamp(min=torch.finfo(torch.float64).tiny)).median())
