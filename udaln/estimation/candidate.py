"""A hypothesis of a degradation: its form, the estimate under it, and how well held-out LR pixels are predicted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import binomtest, wilcoxon
from torch import Tensor

from udaln.estimation.arrays import Array, Mask
from udaln.estimation.degradation import DegradationEstimate
from udaln.estimation.psf import rim_weight
from udaln.scene import Scene

SIGNIFICANT = 2.0  # standard errors by which held-out errors must differ
P_VALUE = 0.01  # of their differences by the signed-rank test (Wilcoxon, 1945)
FEWEST = 8  # LR pixels that tell one form from another
ROUNDING = 1e-14  # held-out error, as a share of the variance, that is rounding error
NOT_PREDICTED = 1.0  # held-out error, as a share of the variance, of an LR pixel that the others do not predict
UNEXPLAINED = 0.05  # held-out error, as a share of the variance, that hardly is noise
UNRELATED = 0.5  # held-out error, as a share of the variance; that of two independent images is 2


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
    def unexplained(self) -> bool:
        """Whether the two images explain each other less well than noise would let them."""
        return bool(np.nanmean(self.errors) > UNEXPLAINED)

    @property
    def unrelated(self) -> bool:
        """Whether the two images hardly explain each other."""
        predicted = self.errors[np.isfinite(self.errors) & (self.errors != NOT_PREDICTED)]
        return bool(len(predicted) and predicted.mean() > UNRELATED)

    @property
    def rim(self) -> float:
        """Mean weight of the outermost pixels of the PSF's window, relative to that of all pixels."""
        return rim_weight(self.estimate.psf)

    def predicts_better(self, other: Candidate) -> bool:
        """Whether the held-out errors are smaller than those of another candidate beyond chance.

        A form that is wrong may fit many LR pixels well at the expense of others, which it makes outliers.
        """
        both = self._comparable(other)
        errors, others = torch.from_numpy(self.errors[both]), torch.from_numpy(other.errors[both])
        return predicts_better(errors, others, vindicated=self._has_fewer_outliers(other))

    def _has_fewer_outliers(self, other: Candidate) -> bool:
        """Whether fewer LR pixels are outliers than under another candidate, beyond chance."""
        both = np.isfinite(self.errors) & np.isfinite(other.errors)
        own, others = self.outliers[both], other.outliers[both]
        less, more = int((others & ~own).sum()), int((own & ~others).sum())
        return less > more and bool(binomtest(less, less + more, alternative="greater").pvalue < P_VALUE)

    def mean_error(self, other: Candidate) -> float:
        """Mean of the held-out errors where those of another candidate are known, too; infinite if there are none."""
        errors = self.errors[self._comparable(other)]
        return float(errors.mean()) if len(errors) else float("inf")

    def _comparable(self, other: Candidate) -> Mask:
        """The LR pixels by which this candidate and another one are compared: those that both predict, if half are."""
        both = np.isfinite(self.errors) & np.isfinite(other.errors) & ~(self.outliers & other.outliers)
        predicted = both & (self.errors != NOT_PREDICTED) & (other.errors != NOT_PREDICTED)
        return predicted if 2 * predicted.sum() > both.sum() else both


def predicts_better(errors: Tensor, others: Tensor, *, vindicated: bool = False) -> bool:
    """Whether held-out squared errors are smaller than others of the same n LR pixels beyond chance.

    The mean difference must be significant and, as a few LR pixels must not decide alone, its signs, too, unless the
    mean is ``vindicated`` by other evidence.
    """
    gain = (others - errors).cpu().numpy()
    if len(gain) < FEWEST or gain.mean() < SIGNIFICANT * gain.std() / len(gain) ** 0.5 + ROUNDING:
        return False
    return vindicated or bool(wilcoxon(gain, alternative="greater").pvalue < P_VALUE)
