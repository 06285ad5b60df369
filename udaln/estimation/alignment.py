"""The shift between the two images of a pair and the form of its degradation: found, and the shift removed."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch

from udaln.estimation.candidate import Candidate, Form
from udaln.estimation.degradation import DegradationEstimate
from udaln.estimation.displacement_field import varying_displacement
from udaln.estimation.nesting import fraction_of, nests, on_lr_grid, tolerance_of, without_displacement
from udaln.estimation.registration import Registration, register
from udaln.estimation.selection import FEW, FormSearch
from udaln.physics.instruments import Instruments
from udaln.physics.warp import Warp
from udaln.scene import Known, Scene

WIDEST = 8  # largest side of a window [LR pixels]
REACH = 2.5  # standard deviations of a PSF that its window contains


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
    place = _registered(scene)
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
    original, displacement = best.scene, None
    if instruments.warp is not False and instruments.shift is not False and not (best.unrelated or best.exact):
        displacement = varying_displacement(best, place, known)
    if displacement is not None:
        straight = without_displacement(original, displacement)
        there = _registered(straight)
        found = _search(straight, instruments, there, known, form, fixed_side=kernel_size is not None)
        if instruments.warp or found.predicts_better(best):
            place, best = there, found
        else:
            displacement = None
    if nested := nests(best, place, instruments):
        best, removed = on_lr_grid(original, displacement, best.form, place, known)
        displacement = None if displacement is None else removed
    warp = None if displacement is None else Warp(displacement, original.hr_msi, original.hr_valid, not nested)
    return Alignment(best.scene, replace(best.form, side=len(best.estimate.psf)), best.estimate, warp)


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
    place = _registered(scene)
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


def _registered(scene: Scene) -> Registration:
    return register(scene.lr_hsi, scene.hr_msi, scene.scale, scene.support, scene.lr_valid, scene.hr_valid)


def _search(
    scene: Scene, instruments: Instruments, place: Registration, known: Known, form: Form, *, fixed_side: bool
) -> Candidate:
    """The best form of the degradation of a scene, at a place."""
    whole = round(place.shift[0]), round(place.shift[1])
    search = FormSearch(replace(scene, shift=whole), place, known, by_pixel=fixed_side)
    fraction, scale = fraction_of(place), scene.scale
    margin = 2 * math.ceil(max(0.0, fraction - tolerance_of(scene)))
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
    return out_of_reach or (shift > tolerance_of(scene) and scene.lr_hsi[..., 0].numel() <= FEW)
