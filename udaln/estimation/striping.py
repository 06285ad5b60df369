"""Striped lines: rows or columns that one image shows and the other image of the pair does not.

A line of the ground, such as a road or a shore, is in both images. So each image is predicted by the other. A line is
striped if what is left of it differs from its neighbours, with one sign along nearly all of it. The HR-MSI is a mixture
of hyperspectral bands, so the LR-HSI predicts all of the ground in it; the HR-MSI need not tell all of the LR-HSI.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from udaln.estimation.line_steps import LEAST_LINES, Steps, contrast_of, neighbours

COMPONENTS = 10  # principal components of the LR-HSI that predict the HR-MSI
RIDGE = 1e-6  # of the variance of a regressor
PIXELS_PER_REGRESSOR = 4
FOLDS = 4  # every fourth line is held out, while the others tell how to predict it
FILLED = 0.5  # fraction of the pixels in which a band that is looked at has data
DISAGREES = 4.0  # the same of what the LR-HSI does not predict of the HR-MSI, from which on the images disagree
SIZE = 0.1  # smallest difference [standard deviation of the band]; smaller ones do no harm
WORTH = 0.02  # the same, mean of all bands
LESS = 0.5  # contrast of a line in the other image, relative to that of a stripe, at most; both in standard deviations
FEW = 0.2  # fraction of the lines that can be striped; beyond it nothing tells which are right


class Lines(NamedTuple):
    """Lines of an image.

    Attributes:
        rows: H×B bool, which rows in which bands.
        columns: W×B bool.
    """

    rows: Tensor
    columns: Tensor

    @property
    def pixels(self) -> Tensor:
        """The pixels in these lines, H×W bool."""
        return self.rows.any(1)[:, None] | self.columns.any(1)


def striped_lines(lr_hsi: Tensor, lr_msi: Tensor) -> tuple[Lines, Lines]:
    """The striped lines of both images of a pair at low resolution; the strongest is sought, left out, and so on.

    Args:
        lr_hsi: LR-HSI, h×w×C; NaN where there are no data.
        lr_msi: HR-MSI averaged over LR pixels, h×w×c, likewise.

    Returns:
        Those of the LR-HSI and those of the HR-MSI [LR pixels].
    """
    images = lr_hsi.double(), lr_msi.double()
    found = tuple(
        Lines(*(torch.zeros(side, image.shape[2], dtype=torch.bool) for side in image.shape[:2])) for image in images
    )
    sides = lr_hsi.shape[:2]
    while min(sides) >= LEAST_LINES and (stripe := _strongest(images, found)) is not None:
        striped = found[stripe.image][stripe.axis]
        striped[stripe.line] = stripe.bands
        if int(striped.any(1).sum()) > FEW * sides[stripe.axis]:
            striped.zero_()
            break
    return found[0], found[1]


class _Stripe(NamedTuple):
    """A striped line.

    Attributes:
        strength: Mean difference from its neighbours [standard deviations of the bands].
        image: 0 for the LR-HSI, 1 for the HR-MSI.
        axis: 0 for a row, 1 for a column.
        line: Its number.
        bands: B bool.
    """

    strength: float
    image: int
    axis: int
    line: int
    bands: Tensor


class _Prediction(NamedTuple):
    """An image as the other one predicts it.

    Attributes:
        residual: What it does not predict, h×w×B; NaN where nothing is known.
        spread: Standard deviation of each band, B.
        bands: Which bands of the image these are, bool.
        regressors: What predicts it, h×w×F, of variance 1.
    """

    residual: Tensor
    spread: Tensor
    bands: Tensor
    regressors: Tensor


def _strongest(images: tuple[Tensor, ...], known: tuple[Lines, ...]) -> _Stripe | None:
    """The line of both images that stands out most, besides those that are known; None if none does."""
    best: _Stripe | None = None
    for axis in (0, 1):
        predictions = [
            found
            for i in (0, 1)
            if (found := _predicted(images[i], images[1 - i], known[i], known[1 - i], axis, reduce=i == 1)) is not None
        ]
        if len(predictions) < len(images):
            return None
        excluded, across = (known[0][i].any(1) | known[1][i].any(1) for i in (axis, 1 - axis))
        steps = [Steps.of(_lines(found.residual, axis)[:, ~across], excluded) for found in predictions]
        agree = steps[1].distance.amax(1) < DISAGREES
        for which, (found, step) in enumerate(zip(predictions, steps, strict=True)):
            size = torch.where(step.deviates, step.median.abs() / found.spread, 0)
            size[excluded | step.far] = 0
            size = torch.where(size > SIZE, size, 0)
            strength = size.mean(1)
            mean = size.sum(1) / (size > 0).sum(1).clamp(min=1)
            ground = contrast_of(_lines(found.regressors, axis)[:, ~across]) > LESS * mean
            peak = strength == torch.nn.functional.max_pool1d(strength[None], 5, 1, 2)[0]
            strength = torch.where(agree | ground | ~peak | (strength < WORTH), 0, strength)
            line = int(strength.argmax())
            if strength[line] > 0 and (best is None or float(strength[line]) > best.strength):
                bands = torch.zeros_like(found.bands)
                bands[found.bands] = step.unusual[line]
                best = _Stripe(float(strength[line]), which, axis, line, bands)
    return best


def _lines(image: Tensor, axis: int) -> Tensor:
    """An image with its rows or its columns along the first axis."""
    return image.transpose(0, 1) if axis else image


def _predicted(
    image: Tensor, other: Tensor, known: Lines, of_other: Lines, axis: int, *, reduce: bool
) -> _Prediction | None:
    """An image as the other one predicts it at lines that are held out; None if there are too few pixels.

    Args:
        image: h×w×B.
        other: h×w×D.
        known: The lines of the image that are known to be striped.
        of_other: Those of the other.
        axis: Along which lines are held out: 0 for rows, 1 for columns.
        reduce: Whether the principal components of the other predict it.
    """
    bands = _usable_bands(image)
    regressors = _around(_scaled(other[..., _usable_bands(other)], of_other, reduce=reduce), of_other)
    values = image[..., bands]
    there = regressors.isfinite().all(2) & values.isfinite().all(2) & ~of_other.pixels
    used = there & ~known.pixels
    if not bands.any() or used.sum() < PIXELS_PER_REGRESSOR * (regressors.shape[2] + 1):
        return None
    fold = (torch.arange(image.shape[axis]) % FOLDS).view((-1, 1) if axis == 0 else (1, -1)).expand(used.shape)
    residual = torch.empty_like(values)
    for held in (fold == number for number in range(FOLDS)):
        residual[held] = values[held] - _regression(regressors, values, used & ~held, held)
    spread = values[used].std(0).clamp(min=torch.finfo(torch.float64).tiny)
    return _Prediction(torch.where(there[..., None], residual, torch.nan), spread, bands, regressors)


def _usable_bands(image: Tensor) -> Tensor:
    """The bands that vary and have data in most of the pixels with data, B bool."""
    there = image.isfinite()
    share = there.double().mean((0, 1))
    low, high = (torch.where(there, image, fill).flatten(0, 1) for fill in (torch.inf, -torch.inf))
    return (share > FILLED * share.max()) & (high.amax(0) > low.amin(0))


def _scaled(image: Tensor, excluded: Lines, *, reduce: bool) -> Tensor:
    """An image as regressors of mean 0 and variance 1; NaN where a band has no data."""
    there = image.isfinite().all(2)
    pixels = image[there & ~excluded.pixels]
    image = torch.where(there[..., None], image - pixels.mean(0), torch.nan)
    if reduce:
        centred = pixels - pixels.mean(0)
        image = image @ torch.linalg.eigh(centred.T @ centred)[1][:, -COMPONENTS:]
    spread = image[there & ~excluded.pixels].square().mean(0).sqrt()
    return image / spread.clamp(min=torch.finfo(torch.float64).tiny)


def _around(image: Tensor, excluded: Lines) -> Tensor:
    """Each pixel with its neighbours in the lines that are not excluded, h×w×9B: they tell shift and blur."""
    rows, columns = (
        (before, torch.arange(len(before)), after)
        for before, after, _ in (neighbours(lines.any(1)) for lines in excluded)
    )
    return torch.cat([image[row][:, column] for row in rows for column in columns], 2)


def _regression(regressors: Tensor, values: Tensor, used: Tensor, held: Tensor) -> Tensor:
    """Values, h×w×B, of the pixels held out, N×B, as the used pixels predict them by regressors, h×w×F."""
    design, mean = regressors[used], values[used].mean(0)
    centre = design.mean(0)
    design = design - centre
    ridge = RIDGE * len(design) * torch.eye(design.shape[1], dtype=torch.float64)
    slope: Tensor = torch.linalg.solve(design.T @ design + ridge, design.T @ (values[used] - mean))
    predicted: Tensor = (regressors[held] - centre) @ slope + mean
    return predicted
