"""The shift between the two images of a pair and the form of its degradation: found, and the shift removed."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.ndimage import shift as spline_shift
from torch import Tensor

from udaln.estimation.candidate import Candidate, Form
from udaln.estimation.degradation import DegradationEstimate
from udaln.estimation.displacement_field import fit_field, plots_of
from udaln.estimation.noise import homogeneous_patches, unique_variances
from udaln.estimation.registration import Registration, register
from udaln.estimation.selection import FEW, FormSearch
from udaln.physics.instruments import Instruments, OutputGrid
from udaln.physics.interpolation import interpolate
from udaln.physics.warp import Warp, warped
from udaln.scene import Known, Scene

SHIFT_TOLERANCE = 0.2  # fraction of a shift for which no window is widened and no image resampled [HR pixels]
RELATIVE_TOLERANCE = 0.05  # the same [LR pixels]; the larger one counts
WIDEST = 8  # largest side of a window [LR pixels]
REACH = 2.5  # standard deviations of a PSF that its window contains
MAX_DISAGREEMENT = 3e-4  # share of the HR-MSI's variance, beyond noise; above it ``OutputGrid.auto`` resamples
RESAMPLING_PASSES = 2
WARP_PASSES = 4


@dataclass(frozen=True)
class Alignment:
    """A pair whose images are aligned.

    Attributes:
        scene: The pair.
        form: The form of its degradation.
        estimate: The degradation, in network units; None if it is left to the method.
        warp: The displacement that varies over the pair and was taken out; None if there was none.
    """

    scene: Scene
    form: Form
    estimate: DegradationEstimate | None = None
    warp: Warp | None = None


def aligned(
    scene: Scene,
    instruments: Instruments,
    kernel_size: int | None = None,
    known: Known | None = None,
    *,
    gaussian: bool = False,
) -> Alignment:
    """Estimate the shift between the images of a scene and account for it; find the form of the degradation.

    The shift moves the PSF windows by whole HR pixels. The remaining fraction is either left to the PSF, whose window
    is widened for it, or removed by resampling the HR-MSI (see ``OutputGrid``).

    Args:
        scene: The pair, on the CPU.
        instruments: Resolved settings.
        kernel_size: Side of the PSF window [HR pixels]; chosen here if None.
        known: What is known of the sensors and to be kept.
        gaussian: Whether the PSF is taken for a Gaussian.
    """
    known = known or Known()
    form = Form(kernel_size or scene.scale, instruments.gain is not False, instruments.offset is not False, gaussian)
    if known.psf is not None:
        form = replace(form, side=len(known.psf))
    if instruments.shift is False and (kernel_size or instruments.wide_psf is False):
        if instruments.gain is not None and instruments.offset is not None:
            return Alignment(scene, form)
    place = register(scene.lr_hsi, scene.hr_msi, scene.scale, scene.support, scene.lr_valid, scene.hr_valid)
    if instruments.shift is False:
        place = replace(place, shift=(0.0, 0.0))
    best = _search(scene, instruments, place, known, form, fixed_side=kernel_size is not None)
    if best.unrelated and any(place.shift):
        with_gains = FormSearch(best.scene, place, known).candidate(replace(best.form, gain=True, offset=True))
        if with_gains.unrelated:  # nothing in common shows no shift
            place = replace(place, shift=(0.0, 0.0))
            best = _search(scene, instruments, place, known, form, fixed_side=kernel_size is not None)
    if _doubtful(place, scene, known):
        nominal = replace(place, shift=(0.0, 0.0))
        unshifted = _search(scene, instruments, nominal, known, form, fixed_side=kernel_size is not None)
        if not best.predicts_better(unshifted):
            place, best = nominal, unshifted
    if instruments.warp is not False and instruments.shift is not False and not (best.unrelated or best.exact):
        if unwarped := _unwarped(best, place, known, instruments, form, fixed_side=kernel_size is not None):
            return unwarped
    resample = instruments.grid is OutputGrid.lr_hsi
    if instruments.grid is OutputGrid.auto and not best.unrelated and _fraction(place) > _tolerance(scene):
        resample = _disagreement(best) > MAX_DISAGREEMENT
    if resample:
        best = _on_lr_grid(best, place, known)
    return Alignment(best.scene, replace(best.form, side=len(best.estimate.psf)), best.estimate)


def error_of_given(scene: Scene, instruments: Instruments, form: Form, known: Known) -> float | None:
    """Held-out error under what is given of a degradation, as a multiple of that with nothing given.

    Args:
        scene: The pair, not aligned.
        instruments: Settings that exclude differences between the sensors.
        form: The form of the degradation that was found with them.
        known: What was given of the sensors.

    Returns:
        The multiple; None if an estimate with nothing given is not better beyond chance.
    """
    place = register(scene.lr_hsi, scene.hr_msi, scene.scale, scene.support, scene.lr_valid, scene.hr_valid)
    nominal = replace(place, shift=(0.0, 0.0)) if instruments.shift is False else place
    whole = round(nominal.shift[0]), round(nominal.shift[1])
    given = FormSearch(replace(scene, shift=whole), nominal, known, by_pixel=True).candidate(form)
    if given.exact:
        return None
    everything = replace(scene, support=torch.ones_like(scene.support))
    free = _search(everything, Instruments(), place, Known(), replace(form, gain=True, offset=True), fixed_side=False)
    if not free.predicts_better(given):
        return None
    return float((np.nanmean(given.errors) / np.nanmean(free.errors)) ** 0.5)


def _search(
    scene: Scene, instruments: Instruments, place: Registration, known: Known, form: Form, *, fixed_side: bool
) -> Candidate:
    """The best form of the degradation of a scene, at a place."""
    whole = round(place.shift[0]), round(place.shift[1])
    search = FormSearch(replace(scene, shift=whole), place, known, by_pixel=fixed_side)
    fraction, scale = _fraction(place), scene.scale
    margin = 2 * math.ceil(max(0.0, fraction - _tolerance(scene)))
    nested, wide = scale + margin, 2 * scale + 1 + margin
    longest = (max(scene.hr_msi.shape[:2]) - scale) // 2 // scale * scale + scale
    reach = min(longest, scale + 2 * math.ceil(max(0.0, REACH * max(place.std) + fraction - scale / 2)))
    if fixed_side or known.psf is not None:
        sides = [form.side]
    elif instruments.wide_psf is False:
        sides = [nested]
    elif reach > wide:
        sides = [wide, reach] if reach < 2 * wide else [wide, (wide + reach) // 2, reach]
    else:
        sides = [nested, wide] if instruments.wide_psf is None else [wide]
    open_psf = known.psf is None and instruments.wide_psf is not False
    widest = sides[-1] if len(sides) == 1 else min(longest, max(WIDEST * scale, reach))
    certain = {"gain": instruments.gain is True, "offset": instruments.offset is True}
    best = search.search(form, replace(form, **certain), sides, widest, signed=open_psf)
    return search.settled(best, replace(best.form, **certain))


def _doubtful(place: Registration, scene: Scene, known: Known) -> bool:
    """Whether a shift has to predict better than none."""
    shift = max(map(abs, place.shift))
    out_of_reach = shift > scene.scale / 2 or known.psf is not None  # of the PSF
    return out_of_reach or (shift > _tolerance(scene) and scene.lr_hsi[..., 0].numel() <= FEW)


def _fraction(place: Registration) -> float:
    """The larger fraction of the shifts along rows and columns that whole HR pixels leave [HR pixels]."""
    return max(abs(part - round(part)) for part in place.shift)


def _tolerance(scene: Scene) -> float:
    """The fraction of a shift that is left out of account [HR pixels]."""
    return max(SHIFT_TOLERANCE, RELATIVE_TOLERANCE * scene.scale)


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


def _on_lr_grid(best: Candidate, place: Registration, known: Known) -> Candidate:
    """The degradation of the scene with a shift of less than half an LR pixel removed from its HR-MSI."""
    half = best.scene.scale / 2
    down, right = (round(part) if abs(part) > half else 0 for part in place.shift)
    original = scene = replace(best.scene, shift=(down, right))
    found = place.shift
    for _ in range(RESAMPLING_PASSES):
        scene = _resampled(original, (found[0] - down, found[1] - right))
        left = register(scene.lr_hsi, scene.hr_msi, scene.scale, scene.support, scene.lr_valid, scene.hr_valid).shift
        found = found[0] + left[0] - down, found[1] + left[1] - right
    search = FormSearch(scene, replace(place, shift=scene.shift), known)
    return search.settled(search.candidate(best.form), best.form)


def _unwarped(
    best: Candidate, place: Registration, known: Known, instruments: Instruments, form: Form, *, fixed_side: bool
) -> Alignment | None:
    """The pair without a displacement that varies over it; None if there is none that predicts better."""
    original, scene, found, field = best.scene, best.scene, best, None
    sides = scene.lr_hsi.shape[:2]
    for _ in range(WARP_PASSES):
        plots = plots_of(scene, found.estimate)
        if field is not None:
            plots = plots._replace(found=plots.found + field.at(plots.places))
        if (better := fit_field(plots, max(sides))) is None:
            break
        field = better
        values = torch.from_numpy(field.at(np.indices(sides, float).reshape(2, -1).T)).view(*sides, 2)
        displacement = interpolate(values, scene.scale).movedim(-1, 0)
        scene = _warped(original, displacement)
        found = FormSearch(scene, place, known, by_pixel=fixed_side).candidate(found.form)
    if field is None:
        return None
    left = register(scene.lr_hsi, scene.hr_msi, scene.scale, scene.support, scene.lr_valid, scene.hr_valid)
    found = _search(scene, instruments, left, known, form, fixed_side=fixed_side)
    if instruments.warp is None and not found.predicts_better(best):
        return None
    warp = Warp(displacement, original.hr_msi, original.hr_valid, instruments.grid is not OutputGrid.lr_hsi)
    return Alignment(
        replace(found.scene, resampling_shift=warp.mean),
        replace(found.form, side=len(found.estimate.psf)),
        found.estimate,
        warp,
    )


def _warped(scene: Scene, displacement: Tensor) -> Scene:
    """The scene with a displacement that varies, 2×H×W [HR pixels], removed from its HR-MSI by cubic splines."""
    valid = scene.hr_valid
    if valid is not None:
        valid = warped(valid[..., None].double(), displacement, order=1)[..., 0] > 1 - 1e-6
    return replace(scene, hr_msi=warped(scene.hr_msi, displacement, order=3), hr_valid=valid)


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
