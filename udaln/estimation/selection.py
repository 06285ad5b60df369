"""The form of a degradation: hypotheses that compete by how well they predict LR pixels that were held out.

The window of the PSF, its sign, and gains and offsets of the MSI bands are not known beforehand. A form with more
unknowns fits every pair better. It is accepted only if it also predicts better the LR pixels that were held out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.stats import wilcoxon
from torch import Tensor

from udaln.estimation.arrays import Array, Mask
from udaln.estimation.degradation import DegradationEstimate, estimate_degradation
from udaln.estimation.registration import Registration
from udaln.physics.blocks import blocks_of
from udaln.physics.observation import usable_lr_pixels
from udaln.physics.windows import middle
from udaln.scene import Known, Scene

MAX_LR_PIXELS = 2000  # about as many LR pixels suffice to choose a form
MAX_WINDOWS = 2e7  # values in the windows of the LR pixels of a final estimate
MAX_PSF_SIDE = 24  # of a PSF that is estimated pixel by pixel; a larger one is piecewise constant
MAX_COARSE_SIDE = 18  # the same while forms are compared, and of few LR pixels
SIGNIFICANT = 2.0  # standard errors by which held-out errors must differ
P_VALUE = 0.01  # of their differences by the signed-rank test (Wilcoxon, 1945)
FEWEST = 8  # LR pixels that tell one form from another
FEW = 100  # LR pixels up to which the search starts from the form with the fewest unknowns
ROUNDING = 1e-14  # held-out error, as a share of the variance, that is rounding error
NOT_PREDICTED = 1.0  # held-out error, as a share of the variance, of an LR pixel that the others do not predict
UNRELATED = 0.5  # held-out error, as a share of the variance; that of two independent images is 2
RIM = 0.02  # share of a PSF in the outermost pixels of its window that calls for a wider one


@dataclass(frozen=True)
class Form:
    """What is assumed of a degradation.

    Attributes:
        side: Side of the PSF's window [HR pixels].
        gain: Whether each MSI band has a gain.
        offset: Whether each MSI band has an offset.
        gaussian: Whether the PSF is a Gaussian.
        signed: Whether the PSF may have negative weights.
    """

    side: int
    gain: bool = False
    offset: bool = False
    gaussian: bool = False
    signed: bool = False


@dataclass(frozen=True)
class Candidate:
    """A form with its estimate.

    Attributes:
        scene: The pair.
        form: The form.
        estimate: The degradation estimated under it.
        lr: The LR-HSI pixels that it was estimated from, N×C, in network units.
        lr_msi: SpaDnet(Z) at these pixels, N×c, likewise.
        errors: Held-out squared errors of the LR pixels, h·w, as a share of the variance, mean of the MSI bands; NaN
            where an LR pixel was not used.
        outliers: LR pixels that the estimate excluded, h·w bool.
    """

    scene: Scene
    form: Form
    estimate: DegradationEstimate
    lr: Tensor
    lr_msi: Tensor
    errors: Array
    outliers: Mask

    @property
    def exact(self) -> bool:
        """Whether all but rounding errors is explained."""
        return bool(np.nanmedian(self.errors) < ROUNDING)

    @property
    def unrelated(self) -> bool:
        """Whether the two images hardly explain each other."""
        predicted = self.errors[np.isfinite(self.errors) & (self.errors != NOT_PREDICTED)]
        return bool(len(predicted) and predicted.mean() > UNRELATED)

    @property
    def rim(self) -> float:
        """Share of the PSF in the outermost pixels of its window."""
        psf = self.estimate.psf.abs()
        return float(1 - psf[1:-1, 1:-1].sum() / psf.sum())

    def predicts_better(self, other: Candidate) -> bool:
        """Whether the held-out errors are smaller than those of another candidate beyond chance."""
        both = np.isfinite(self.errors) & np.isfinite(other.errors) & ~(self.outliers & other.outliers)
        return predicts_better(torch.from_numpy(self.errors[both]), torch.from_numpy(other.errors[both]))


def predicts_better(errors: Tensor, others: Tensor) -> bool:
    """Whether held-out squared errors are smaller than others of the same n LR pixels beyond chance.

    The mean difference must be significant and, as a few LR pixels must not decide alone, its signs, too.
    """
    gain = (others - errors).cpu().numpy()
    if len(gain) < FEWEST or gain.mean() < SIGNIFICANT * gain.std() / len(gain) ** 0.5 + ROUNDING:
        return False
    return bool(wilcoxon(gain, alternative="greater").pvalue < P_VALUE)


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

    def search(self, form: Form, simpler: Form, sides: Sequence[int], widest: int, *, signed: bool) -> Candidate:
        """The form that predicts best, by tentative estimates.

        Args:
            form: What is assumed beside the window and the sign of the PSF.
            simpler: The same with no gains and offsets but those that are certain.
            sides: Windows to begin with [HR pixels], from the smallest.
            widest: Largest window [HR pixels].
            signed: Whether the PSF may have negative weights.
        """
        best = self.candidate(replace(form, side=sides[0]))
        if best.exact or best.unrelated:
            return best
        few = np.isfinite(best.errors).sum() <= FEW
        if few:
            alike = self.candidate(replace(simpler, side=sides[0]))
            best = best if best.predicts_better(alike) else alike
        for side in sides[1:]:
            best = self._challenged(best, replace(best.form, side=side))
        if signed and not few and not best.exact:
            best = self._challenged(best, replace(best.form, side=max(best.form.side, sides[-1]), signed=True))
        side, in_vain = best.form.side, 0
        while not few and side >= sides[-1] and best.rim > RIM and side < widest and in_vain < 1 + best.form.signed:
            side = min(side + self.scene.scale, widest)
            wider = self._challenged(best, replace(best.form, side=side))
            in_vain = 0 if wider is not best else in_vain + 1
            best = wider
        return best

    def settled(self, form: Form, simpler: Form) -> Candidate:
        """The estimate under a form, or under a simpler one unless that predicts worse."""
        if simpler != form and not self.candidate(form).predicts_better(self.candidate(simpler)):
            form = simpler
        return self.candidate(form, tentative=False)

    def _challenged(self, best: Candidate, form: Form) -> Candidate:
        """The better of a candidate and one of a form with more unknowns."""
        challenger = self.candidate(form)
        return challenger if challenger.predicts_better(best) else best

    def candidate(self, form: Form, *, tentative: bool = True) -> Candidate:
        """The estimate under a form and its held-out errors."""
        scene = self.scene
        coarse = tentative or scene.lr_hsi[..., 0].numel() <= FEW
        binning = 1 if self.by_pixel else math.ceil(form.side / (MAX_COARSE_SIDE if coarse else MAX_PSF_SIDE))
        side = math.ceil(form.side / binning) * binning
        weights = footprint(side, scene, self.place)
        used = usable_lr_pixels(scene, torch.ones_like(weights) if form.signed else weights)
        index = used.nonzero().flatten()
        values = (side // binning) ** 2 * scene.hr_msi.shape[2]
        limit = MAX_LR_PIXELS if tentative else max(MAX_LR_PIXELS, int(MAX_WINDOWS / values))
        index = index[:: math.ceil(len(index) / limit)]
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
        errors[index] = torch.where(relative.isfinite(), relative, NOT_PREDICTED).numpy()
        outliers[index] = (estimate.outlier_weights == 0).numpy()
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
