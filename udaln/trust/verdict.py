"""The verdict on a result, in words: fit to use, to be used with care, or not to be used, and why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from udaln.consistency.calibration import HeldOut
from udaln.trust.agreement import Agreement
from udaln.trust.fidelity import Fidelity

FEW_LR_PIXELS = 40  # that hardly determine PSF and SRF
UNRELATED = 0.5  # disagreement, as a share of the variance, of images that hardly have anything in common
WRONG = 0.1  # the same of images of which the degradation is wrong
DISAGREEMENT = 0.02  # the same of images that differ more than two instruments do
UNEXPLAINED = 0.3  # the same of an MSI band that the LR-HSI does not explain
CHANGED = 0.15  # share of LR pixels that disagree
NO_DETAIL = 0.5  # lacking detail, as a share, of an image that is hardly sharper than the LR-HSI
LITTLE_DETAIL = 0.1  # the same of a blurred image; of twelve methods on MUUFL and Jasper Ridge it was at most 0.04
OTHER_SPECTRA, WRONG_SPECTRA = 0.03, 0.1  # difference from the LR-HSI at its pixels, as a share
RIM = 0.5  # weight of the outermost pixels of a PSF's window, relative to all, that shows that it is too small
ESTIMATED_IS_BETTER = 1.5  # held-out error of what was given, relative to that of an estimate
ESTIMATED_IS_FAR_BETTER = 5.0  # the same, if it makes the result useless


class Level(Enum):
    """How far a result can be used."""

    fit = "fit to use"
    care = "use with care"
    unfit = "do not use"


@dataclass(frozen=True)
class Verdict:
    """The verdict on a result.

    Attributes:
        level: How far it can be used.
        reasons: Why not without care; empty if it is fit to use.
    """

    level: Level
    reasons: tuple[str, ...] = ()

    def __str__(self) -> str:
        return ": ".join([self.level.value, *(["; ".join(self.reasons)] if self.reasons else [])])


def judge(
    agreement: Agreement, fidelity: Fidelity, held_out: HeldOut | None = None, given: float | None = None
) -> Verdict:
    """Judge a result by what the pair says of it.

    Args:
        agreement: How far the two images agree.
        fidelity: How much the fused image shows of both.
        held_out: How well the fused image predicts LR pixels that were held out, if that is known.
        given: Held-out error of the degradation with what was given, as a multiple of that with nothing given; None if
            nothing was given, or no estimate is better beyond chance.
    """
    unfit: list[str] = []
    care: list[str] = []
    disagreement = float(agreement.disagreement.median())
    if disagreement > UNRELATED:
        unfit.append("the two images hardly have anything in common; do they show the same ground?")
    elif disagreement > DISAGREEMENT:
        reason = f"the two images disagree on {disagreement:.1%} of the variance beyond their noise"
        (unfit if disagreement > WRONG else care).append(reason)
    if held_out is not None and held_out.no_help:
        unfit.append("the HR-MSI hardly helps to predict the LR-HSI; the image is the interpolated LR-HSI")
    elif fidelity.detail > LITTLE_DETAIL and disagreement <= WRONG:
        sharpness = f"the image lacks {min(fidelity.detail, 1):.0%} of the detail of the HR-MSI"
        (unfit if fidelity.detail > NO_DETAIL else care).append(sharpness)
    if fidelity.spectra > OTHER_SPECTRA and disagreement <= WRONG:
        reason = f"the image differs from the LR-HSI by {min(fidelity.spectra, 1):.0%} of the variance at its pixels"
        (unfit if fidelity.spectra > WRONG_SPECTRA else care).append(reason)
    unexplained = [str(band) for band, share in enumerate(agreement.disagreement.tolist()) if share > UNEXPLAINED]
    if unexplained and disagreement <= UNRELATED:
        care.append(f"the LR-HSI does not explain MSI band {', '.join(unexplained)} (counted from 0)")
    if given is not None and given > ESTIMATED_IS_BETTER:
        reason = f"the given PSF, SRF or shift predicts the pair with {given:.1f} times the error of an estimated one"
        (unfit if given > ESTIMATED_IS_FAR_BETTER else care).append(reason)
    if agreement.changed > CHANGED and disagreement <= UNRELATED:
        care.append(f"{agreement.changed:.0%} of the LR pixels differ between the images, as by change or clouds")
    if agreement.rim > RIM:
        care.append("the PSF reaches beyond its window; a larger scale.kernel_size may help")
    if agreement.lr_pixels < FEW_LR_PIXELS:
        care.append(f"only {agreement.lr_pixels} LR pixels determine PSF and SRF")
    level = Level.unfit if unfit else Level.care if care else Level.fit
    return Verdict(level, (*unfit, *care))
