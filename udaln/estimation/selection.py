"""The form of a degradation: hypotheses that compete by how well they predict LR pixels that were held out.

The window of the PSF, its sign, and gains and offsets of the MSI bands are not known beforehand. A form with more
unknowns fits every pair better. It is accepted only if it also predicts better the LR pixels that were held out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from udaln.estimation.candidate import NOT_PREDICTED, Candidate, Form
from udaln.estimation.degradation import estimate_degradation
from udaln.estimation.registration import Registration
from udaln.physics.blocks import blocks_of
from udaln.physics.border import Tolerance, inner_lr_pixels, inside_or_agreeing
from udaln.physics.observation import degraded, usable_lr_pixels
from udaln.physics.windows import middle
from udaln.scene import Known, Scene

MAX_LR_PIXELS = 2000  # about as many LR pixels suffice to choose a form
MAX_WINDOWS = 2e7  # values in the windows of the LR pixels of a final estimate
MAX_PSF_SIDE = 24  # of a PSF that is estimated pixel by pixel; a larger one is piecewise constant
MAX_COARSE_SIDE = 18  # the same while forms are compared, and of few LR pixels
FEW = 100  # LR pixels up to which the search starts from the form with the fewest unknowns
SPOILT = 2.0  # held-out error of the final estimate, relative to the tentative one, that calls for the latter
RIM = 0.06  # weight of the outermost pixels of a PSF's window, relative to all, that calls for a wider one
CUT_OFF = 0.5  # the same that shows that the window is too small
LEAST_USABLE = 4  # LR pixels that a form must leave to be tried


class FormSearch:
    """The search for the form of a scene's degradation.

    Args:
        scene: The pair, its windows moved by whole HR pixels.
        place: The Gaussian PSF that tells which LR pixels lie inside the image.
        known: What is known of the sensors and kept.
        by_pixel: Whether the PSF is estimated pixel by pixel, however large its window is.
    """

    def __init__(self, scene: Scene, place: Registration, known: Known, *, by_pixel: bool = False) -> None:
        self.scene = scene
        self.place = place
        self.known = known
        self.by_pixel = by_pixel or known.psf is not None
        # Of many LR pixels the first in this order are used, so that forms are compared by the same ones.
        self.order = torch.randperm(scene.lr_hsi[..., 0].numel(), generator=torch.Generator().manual_seed(0))

    def search(self, form: Form, simpler: Form, sides: Sequence[int], widest: int, *, signed: bool) -> Candidate:
        """The form that predicts best, by tentative estimates.

        Args:
            form: What is assumed beside the window and the sign of the PSF.
            simpler: The same with no gains and offsets but those that are certain.
            sides: Windows to begin with [HR pixels], from the smallest. From the second one on, a window is widened
                further where the PSF has weight at its rim, and the PSF may have negative weights.
            widest: Largest window [HR pixels].
            signed: Whether the PSF may have negative weights.
        """
        best = self.candidate(replace(form, side=sides[0]))
        if best.exact or best.unrelated:
            return best
        few, open_side = np.isfinite(best.errors).sum() <= FEW, sides[:2][-1]
        if few:
            alike = self.candidate(replace(simpler, side=sides[0]))
            best = best if best.predicts_better(alike) else alike
        for side in sides[1:]:
            best = self._challenged(best, replace(best.form, side=side))
        if signed and not best.exact and (not few or best.unexplained):
            best = self._with_signs(best, max(best.form.side, open_side), widest)
        side, in_vain = best.form.side, 0
        rim = CUT_OFF if few else RIM
        while side >= open_side and best.rim > rim and side < widest and in_vain < 1 + best.form.signed:
            side = min(side + self.scene.scale, widest)
            wider = self._challenged(best, replace(best.form, side=side))
            in_vain = 0 if wider is not best else in_vain + 1
            best = wider
        return best

    def settled(self, best: Candidate, simpler: Form) -> Candidate:
        """The estimate under the form of a tentative one, or under a simpler form unless that predicts worse.

        The tentative one is kept if LR pixels at the border spoil the estimate.
        """
        if simpler != best.form:
            alternative = self.candidate(simpler)
            best = best if best.predicts_better(alternative) else alternative
        final = self.candidate(best.form, used=self._with_border(best))
        spoilt = final.mean_error(best) > SPOILT * best.mean_error(final)
        return best if spoilt and best.predicts_better(final) else final

    def _with_border(self, found: Candidate) -> Tensor:
        """The LR pixels inside the image, and those at its border that agree with the HR-MSI, N bool."""
        scene, estimate = self.scene, found.estimate
        lr_msi = degraded(scene, scene.hr_msi.double() / scene.msi_unit, estimate.psf)
        seen = scene.lr_hsi.flatten(0, 1).double() / scene.unit @ (estimate.srf * estimate.gain) + estimate.offset
        inner = inner_lr_pixels(scene, estimate.psf)
        tolerance = Tolerance.of((seen - lr_msi)[inner], lr_msi[inner])
        return inside_or_agreeing(scene, estimate.psf, seen - lr_msi, tolerance)

    def _with_signs(self, best: Candidate, side: int, widest: int) -> Candidate:
        """The better of a candidate and one whose PSF may have negative weights.

        These may lie beyond a window that is wide enough for the positive ones. So a wider one is tried, too, where
        the narrow one is better by chance only and has weight at its rim.
        """
        form = replace(best.form, side=side, signed=True)
        if self._usable(form).sum() < LEAST_USABLE:
            return best
        signed = self.candidate(form)
        better = self._better(best, signed)
        promising = signed.rim > RIM and signed.mean_error(best) < best.mean_error(signed)
        if better is signed or side == widest or not promising:
            return better
        return self._challenged(best, replace(signed.form, side=min(side + self.scene.scale, widest)))

    def _challenged(self, best: Candidate, form: Form) -> Candidate:
        """The better of a candidate and one of a form with more unknowns, which enough LR pixels must allow."""
        return best if self._usable(form).sum() < LEAST_USABLE else self._better(best, self.candidate(form))

    def _usable(self, form: Form) -> Tensor:
        """The LR pixels that a form can be estimated from, N bool."""
        weights = footprint(form.side, self.scene, self.place)
        return usable_lr_pixels(self.scene, torch.ones_like(weights) if form.signed else weights)

    def _better(self, best: Candidate, challenger: Candidate) -> Candidate:
        """The better of a candidate and one with more unknowns."""
        better = challenger.predicts_better(best)
        if best.form.side > 2 * self.scene.scale and best.rim > CUT_OFF > challenger.rim:
            better = better or challenger.mean_error(best) < best.mean_error(challenger)
        return challenger if better else best

    def candidate(self, form: Form, used: Tensor | None = None) -> Candidate:
        """The estimate under a form and its held-out errors.

        Args:
            form: The form.
            used: The LR pixels to estimate it from, N bool; if None, the estimate is tentative, from some of those
                inside the image.
        """
        scene, tentative = self.scene, used is None
        coarse = tentative or scene.lr_hsi[..., 0].numel() <= FEW
        binning = 1 if self.by_pixel else math.ceil(form.side / (MAX_COARSE_SIDE if coarse else MAX_PSF_SIDE))
        side = math.ceil(form.side / binning) * binning
        if used is None:
            used = self._usable(replace(form, side=side))
        values = (side // binning) ** 2 * scene.hr_msi.shape[2]
        limit = MAX_LR_PIXELS if tentative else max(MAX_LR_PIXELS, int(MAX_WINDOWS / values))
        index = self.order[used[self.order]][:limit].sort().values
        used = torch.zeros_like(used).index_fill(0, index, True)
        blocks = blocks_of(scene, side, scene.hr_msi.dtype, used=used, binning=binning)
        estimate = estimate_degradation(
            blocks.lr,
            blocks.windows,
            scene.support,
            psf=self.known.psf,
            srf=self.known.srf,
            gain=form.gain,
            offset=form.offset,
            gaussian=form.gaussian,
            signed=form.signed,
            tentative=tentative,
        )
        lr_msi = torch.einsum("nkc,k->nc", blocks.windows.double(), estimate.psf.flatten())
        seen = blocks.lr.double() @ estimate.srf * estimate.gain
        level = torch.minimum(lr_msi.var(0), seen.var(0)).clamp(min=torch.finfo(torch.float64).tiny)
        errors, outliers = np.full(len(used), np.nan), np.zeros(len(used), dtype=bool)
        relative = (estimate.held_out_errors.square() / level).mean(1)
        errors[index.numpy()] = torch.where(relative.isfinite(), relative, NOT_PREDICTED).numpy()
        outliers[index.numpy()] = (estimate.outlier_weights == 0).numpy()
        square = torch.full((binning, binning), 1 / binning**2, dtype=torch.float64)
        estimate = replace(estimate, psf=torch.kron(estimate.psf, square))
        return Candidate(scene, form, estimate, blocks.lr, lr_msi, errors, outliers)


def footprint(side: int, scene: Scene, registration: Registration) -> Tensor:
    """The Gaussian of a registration in the window of an LR pixel, k×k.

    Args:
        side: Side k of the window [HR pixels].
        scene: For its scale factor and its shift.
        registration: Of the scene before its windows were moved.
    """
    nominal = torch.arange(side, dtype=torch.float64) - middle(side, scene.scale)
    down, across = (
        torch.exp(-0.5 * ((nominal - shift + moved) / std) ** 2)
        for shift, moved, std in zip(registration.shift, scene.shift, registration.std, strict=True)
    )
    return down[:, None] * across
