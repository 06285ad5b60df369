"""Fill of the HR-MSI that no file declares, and that the LR-HSI contradicts: it shows ordinary ground there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from udaln.errors import scale_factor
from udaln.io.fill import BLOCKS, CANDIDATES, JUMP, STEPS, blocks, jump, step
from udaln.io.gaps import fill_gaps
from udaln.io.image import Cause, Image, Pixels
from udaln.io.pair import Pair
from udaln.io.sample import plots, sample
from udaln.io.views import masked

SAMPLE = 10_000  # LR pixels that are looked at
COMPONENTS = 12  # principal components of the LR-HSI that predict the HR-MSI
PIXELS_PER_COMPONENT = 8  # LR pixels that are needed
LEAST_PIXELS = 3  # LR pixels with fill on at least half of their ground
COVERED = 0.5
PREDICTED = 0.6  # fraction of the variance of a band that must be predicted where there is no fill
USUAL = 0.99  # quantile of the other LR pixels' errors …
WORSE = 1.5  # … that those on fill exceed so many times
CONTRAST = 0.1  # least error on fill, in standard deviations of a band
STRAY = 0.5  # fraction of the pixels with a number that may lie elsewhere


@dataclass(frozen=True)
class PairFill:
    """Numbers that stand for no data.

    Attributes:
        numbers: B, NaN in bands that have data.
        share: Fraction of the pixels with these numbers, of those that were looked at.
        certain: Whether other pixels hardly have the same numbers.
    """

    numbers: Pixels
    share: float
    certain: bool

    def flags(self, values: Pixels) -> NDArray[np.bool_]:
        """Which of h×w×B values are such fill."""
        bands = ~np.isnan(self.numbers)
        return np.asarray((values[..., bands] == self.numbers[bands]).all(2, keepdims=True) & bands)

    def __str__(self) -> str:
        """The numbers and their bands."""
        bands = np.flatnonzero(~np.isnan(self.numbers))
        numbers = ", ".join(f"{number:g}" for number in np.unique(self.numbers[bands]))
        where = f"band {bands[0]} (counted from 0)" if len(bands) == 1 < len(self.numbers) else "all bands"
        return f"undeclared fill {numbers} in {where}, where the LR-HSI shows ordinary ground"

    @property
    def doubt(self) -> str:
        """What is said of fill that is not masked."""
        return (
            f"{100 * self.share:.2g} % of the pixels look like {self}, but other pixels have the same number; they are "
            "used: a mask of the HR-MSI would leave them out"
        )


def without_pair_fill(hr_msi: Image, pair: Pair) -> Image:
    """View of the HR-MSI of a pair with NaN in place of fill that the LR-HSI contradicts; itself if it has none.

    Args:
        hr_msi: The whole image.
        pair: What of it makes the pair.
    """
    rows, columns = pair.sides
    if rows * columns <= SAMPLE:
        images = pair.read((slice(0, rows), slice(0, columns)))
    else:
        images = sample(pair, plots(pair, SAMPLE, seed=0))

    def flags(fill: PairFill) -> Callable[[slice, slice], NDArray[np.bool_]]:
        before = hr_msi
        return lambda rows, cols: fill.flags(before.read(rows, cols))

    for fill in find_pair_fill(*images):
        if fill.certain:
            hr_msi = masked(hr_msi, Cause(str(fill), flags(fill)))
        else:
            hr_msi = replace(hr_msi, notes=(*hr_msi.notes, fill.doubt))
    return hr_msi


def find_pair_fill(lr_hsi: Tensor, hr_msi: Tensor) -> list[PairFill]:
    """Fill of the HR-MSI that the LR-HSI contradicts.

    A candidate is a spectrum, or a number of one band, that pixels have exactly, in blocks. Each band, averaged over LR
    pixels, is predicted by the principal components of the LR-HSI: once by a fit to the LR pixels without the
    candidate, once with it. It is fill if both predictions are much farther from it than elsewhere: flat ground, such
    as water, is predicted. The largest number of a band is that of saturated pixels if it is predicted to be larger, or
    if the pixels beside are bright; the smallest is clipped if it is predicted to be smaller.

    Args:
        lr_hsi: h×w×C, NaN where there are no data.
        hr_msi: rh×rw×c, likewise.
    """
    scale = scale_factor(lr_hsi, hr_msi)
    design, valid = _components(lr_hsi)
    image = hr_msi.numpy().copy()
    bands = image.shape[2]
    found: list[PairFill] = []
    for chosen in [list(range(bands))] * (bands > 1) + [[band] for band in range(bands)]:
        for numbers in _candidates(image[..., chosen]):
            there = (image[..., chosen] == numbers).all(2)
            covered = _means(there[..., None], scale)[:, 0]
            means = _means(image[..., chosen], scale)
            known = valid & np.isfinite(means).all(1)
            inside, outside = known & (covered >= COVERED), known & (covered == 0)
            if inside.sum() < LEAST_PIXELS or outside.sum() < PIXELS_PER_COMPONENT * design.shape[1]:
                continue
            if _is_contradicted(numbers, image[..., chosen], means, design, (inside, outside)):
                spectrum = np.full(bands, np.nan, image.dtype)
                spectrum[chosen] = numbers
                stray = 1 - covered[covered >= COVERED].sum() / covered.sum()
                found.append(PairFill(spectrum, float(there.mean()), bool(stray <= STRAY)))
                image[..., chosen] = np.where(there[..., None], np.nan, image[..., chosen])
    return found


def _components(lr_hsi: Tensor) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Principal components of the LR-HSI and a constant, N×K, and which LR pixels have data, N."""
    there = torch.isfinite(lr_hsi)
    bands = there.double().mean((0, 1)) > 0.5 * there.any(2).double().mean()
    filled = fill_gaps(lr_hsi[..., bands])
    valid = np.ones(len(lr_hsi) * lr_hsi.shape[1], bool) if filled.valid is None else filled.valid.flatten().numpy()
    spectra = filled.image.flatten(0, 1).double().numpy()
    if not valid.any():
        return np.ones((len(spectra), 1)), valid
    spectra = spectra - spectra[valid].mean(0)
    values, vectors = np.linalg.eigh(spectra[valid].T @ spectra[valid])
    count = max(1, min(COMPONENTS, len(values), int(valid.sum()) // PIXELS_PER_COMPONENT))
    scores = spectra @ vectors[:, -count:]
    scores = scores / np.maximum(scores[valid].std(0), np.finfo(float).tiny)
    return np.concatenate([scores, np.ones((len(scores), 1))], 1), valid


def _candidates(image: Pixels) -> list[Pixels]:
    """Spectra of blocks of 2×2 pixels that are all the same, most frequent first."""
    corner, same = blocks(image)
    spectra, counts = np.unique(corner[same], axis=0, return_counts=True)
    frequent = np.argsort(-counts)[:CANDIDATES]
    return [spectra[i] for i in frequent if counts[i] >= BLOCKS]


def _means(values: NDArray[np.generic], scale: int) -> NDArray[np.float64]:
    """Means over LR pixels, N×B, of rh×rw×B values; NaN where one is missing."""
    rows, columns = (side // scale for side in values.shape[:2])
    return np.asarray(values.reshape(rows, scale, columns, scale, -1).mean((1, 3), dtype=np.float64)).reshape(
        rows * columns, -1
    )


def _is_contradicted(
    numbers: Pixels,
    image: Pixels,
    means: NDArray[np.float64],
    design: NDArray[np.float64],
    pixels: tuple[NDArray[np.bool_], NDArray[np.bool_]],
) -> bool:
    """Whether the LR-HSI shows something else than some numbers.

    Args:
        numbers: Of the bands that are looked at, B.
        image: These bands of the HR-MSI, rh×rw×B.
        means: Likewise, averaged over LR pixels, N×B.
        design: From `_components`, N×K.
        pixels: The LR pixels with these numbers, and those without, N bool each.
    """
    inside, outside = pixels
    predicted, fitted = (
        design @ np.linalg.lstsq(design[fit], means[fit], rcond=None)[0] for fit in (outside, inside | outside)
    )
    spread = means[outside].std(0)
    errors = np.abs(means - predicted)
    clipped = [
        _is_clipped(number, image[..., [b]], np.median(predicted[inside, b])) for b, number in enumerate(numbers)
    ]
    telling = ~np.array(clipped) & (np.square(errors[outside]).mean(0) < (1 - PREDICTED) * np.square(spread))
    if not telling.any():
        return False
    least = STEPS * np.array([step(image[..., band].ravel()) for band in np.flatnonzero(telling)])
    usual = np.maximum(np.quantile(errors[outside], USUAL, axis=0), CONTRAST / WORSE * spread)[telling]
    wrong = np.minimum(errors, np.abs(means - fitted))[inside][:, telling]
    return bool(np.median(np.where(wrong > least, wrong / usual, 0).max(1)) > WORSE)


def _is_clipped(number: float, band: Pixels, expected: float) -> bool:
    """Whether a band, rh×rw×1, may hold its smallest or largest number since it could hold no other."""
    if number <= np.nanmin(band):
        return expected < number
    if number < np.nanmax(band):
        return False
    spectrum, pixels = np.array([number], band.dtype), band.reshape(-1, 1)
    beside = jump(spectrum, pixels[(pixels != number).all(1)], [band], np.ones(1, bool))
    return expected > number or beside < JUMP  # the ground of a small bright roof is darker in a large LR pixel
