"""Bands without a signal: how they are detected, and how the fused image is filled in their place."""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.stats import beta, norm
from torch import Tensor

from udaln.estimation.noise import SAMPLES, noise_edge
from udaln.scene import DroppedBands

ROUNDING = 1e-6  # a range of values below this fraction of the largest is rounding error of float32
LEAST_VALID = 0.5  # a band valid in a smaller fraction of the pixels that are valid in any band is dead
EXPLAINED = 0.2  # a band of which other bands explain a larger fraction of the variance is clearly a signal
CONFIDENCE = 0.999  # that a sign of a signal is not chance
SIGNIFICANT = float(norm.ppf(CONFIDENCE))  # the same in standard deviations
UNEXPLAINED = (
    "the LR-HSI does not explain what it shows "
    "(quality flags, classes, indices, heights, curves of other bands, or bands beyond its range?)"
)
LAG = 2  # distance at which pixels are compared: resampling makes the noise of adjacent ones alike [pixels]


def dead_bands(image: Tensor, valid: Tensor) -> Tensor:
    """Bands that are constant but for one pixel, or have no data in most of the pixels where another band has data.

    Args:
        image: H×W×B.
        valid: H×W×B bool, which values are valid.

    Returns:
        B bool.
    """
    pixels = valid.flatten(0, 1).sum(0)
    empty = pixels < LEAST_VALID * valid.any(2).sum()
    count = min(2, valid[..., 0].numel())
    lowest = image.masked_fill(~valid, math.inf).flatten(0, 1).topk(count, 0, largest=False).values
    highest = image.masked_fill(~valid, -math.inf).flatten(0, 1).topk(count, 0).values
    spread = torch.minimum(highest[0] - lowest[-1], highest[-1] - lowest[0])  # without the one that differs most
    spread = torch.where(pixels > 2, spread, highest[0] - lowest[0])
    size = torch.minimum(lowest.abs().amax(0), highest.abs().amax(0))
    return empty | (spread <= ROUNDING * size) & (pixels > 1) | (pixels == 0)


def noise_bands(image: Tensor, valid: Tensor, dead: Tensor, wavelengths: Tensor | None = None) -> Tensor:
    """Bands that hold nothing but noise.

    A band is doubtful if the components common to all bands explain little of it, and if its mean is smaller than the
    standard deviation that they leave unexplained. A doubtful band is noise if it shows no sign of a signal: the common
    components of the other bands explain no more of it than chance does, it does not vary as its neighbours in the
    spectrum do, and near pixels are no more alike than far ones. One sign is enough to keep a band, however weak the
    signal is beside the noise: a band of noise that is kept costs little, and a signal that is overwritten is lost. The
    unit of a band has no influence. The common components are the principal components beyond the noise edge, of bands
    scaled to variance 1.

    Args:
        image: H×W×B.
        valid: H×W×B bool, which values are valid.
        dead: B bool, the bands that are known to be bad.
        wavelengths: B [nm]; without them neighbours have adjacent numbers.

    Returns:
        B bool.
    """
    noise, pixels = torch.zeros_like(dead), valid[..., ~dead].all(2)
    alive = image[..., ~dead].double()
    x = alive[pixels]
    n, bands = x.shape
    if n < 3 or bands < 2:
        return noise
    mean, power = x.mean(0), x.var(0, correction=0).clamp(min=torch.finfo(torch.float64).tiny)
    scaled = torch.where(pixels[..., None], (alive - mean) / power.sqrt(), 0)
    sample = scaled[pixels][:: math.ceil(n / SAMPLES)]
    explained, by_chance = _explained(sample, sample)
    doubtful = (explained <= max(EXPLAINED, by_chance)) & (mean.square() < power * (1 - explained))
    if not by_chance or doubtful.all():  # nothing in common: nothing can be said of any band
        return noise
    explained, by_chance = _explained(sample[:, doubtful], sample[:, ~doubtful])
    at = None if wavelengths is None else wavelengths[~dead]
    gaps = DroppedBands(torch.zeros_like(doubtful), doubtful, torch.zeros_like(doubtful), at)
    neighbours, image = fill_bad_bands(scaled[..., ~doubtful], gaps)[..., doubtful], scaled[..., doubtful]
    score = torch.maximum(_likeness(image, neighbours, pixels), _structure(image, pixels))
    noise[~dead] = doubtful.masked_scatter(doubtful, (explained <= by_chance) & (score <= SIGNIFICANT))
    return noise


def _explained(x: Tensor, bands: Tensor) -> tuple[Tensor, float]:
    """Fraction of the variance of some bands that the common components of bands explain.

    Args:
        x: The bands to explain, n×D, with mean 0 and variance 1.
        bands: The bands that have the components in common, n×B, likewise.

    Returns:
        D, and the quantile of the fraction for noise that is not among the bands; zeros if there are no components.
    """
    n = len(x)
    values, vectors = torch.linalg.eigh(bands.T @ bands / n)
    common = values > noise_edge(n, bands.shape[1])
    count = int(common.sum())
    scores = bands @ (vectors[:, common] / values[common].sqrt())
    by_chance = float(beta.ppf(CONFIDENCE, count / 2, max(n - 1 - count, 1) / 2)) if count else 0.0
    return (scores.T @ x / n).square().sum(0), by_chance


def _structure(scaled: Tensor, pixels: Tensor) -> Tensor:
    """Correlation of pixels at a small distance, in standard deviations of the same for white noise.

    It is that of the direction, along the rows or along the columns, with the smaller one: stripes have one direction.

    Args:
        scaled: H×W×B, each band with mean 0 and variance 1.
        pixels: H×W bool, which of them count.
    """
    scores = []
    for image, counts in ((scaled, pixels), (scaled.transpose(0, 1), pixels.T)):
        scores.append(_likeness(image[LAG:], image[:-LAG], counts[LAG:] & counts[:-LAG]))
    return torch.minimum(*scores)


def _likeness(first: Tensor, second: Tensor, pixels: Tensor) -> Tensor:
    """Correlation of the bands of two images, H×W×B, in standard deviations of the same for noise; 0 without pixels."""
    a, b = first[pixels], second[pixels]
    size = (a.square().sum(0) * b.square().sum(0)).sqrt().clamp(min=torch.finfo(torch.float64).tiny)
    return (a * b).sum(0) / size * math.sqrt(len(a))


def fill_bad_bands(image: Tensor, dropped_bands: DroppedBands | None) -> Tensor:
    """Fill the bands that were left out, by linear interpolation between their neighbours.

    Neighbours are found by wavelength or, if there are none, by band number. Beyond the last band kept, that band is
    repeated.

    Args:
        image: H×W×B, the bands kept, on the CPU.
        dropped_bands: The bands left out; None if there are none.

    Returns:
        H×W×C, all bands of the LR-HSI.
    """
    if dropped_bands is None or dropped_bands.kept.all():
        return image
    kept = dropped_bands.kept.nonzero().flatten()
    at = torch.arange(len(dropped_bands.kept)) if dropped_bands.wavelengths is None else dropped_bands.wavelengths
    order = at[kept].argsort()
    filled = image.new_empty(*image.shape[:2], len(dropped_bands.kept))
    filled[..., kept] = image
    for band in (~dropped_bands.kept).nonzero().flatten().tolist():
        position = float(np.interp(at[band], at[kept][order], np.arange(len(kept))))
        below, above = (image[..., order[round_(position)]] for round_ in (math.floor, math.ceil))
        filled[..., band] = torch.lerp(below, above, position % 1)
    return filled


def describe_bands(bands: Tensor, wavelengths: Tensor | None = None) -> str:
    """Band numbers and wavelengths as text.

    Args:
        bands: C bool, the bands to describe.
        wavelengths: C [nm], if known.

    Example:
        >>> describe_bands(torch.tensor([0, 1, 0, 1, 1]).bool(), torch.tensor([400.0, 500.0, 600.0, 700.0, 800.0]))
        'bands 1, 3–4 (counted from 0; 500, 700–800 nm)'
    """
    numbers = bands.nonzero().flatten().tolist()
    first = [band for band in numbers if band - 1 not in numbers]
    last = [band for band in numbers if band + 1 not in numbers]

    def ranges(labels: list[str]) -> str:
        ends = zip(first, last, strict=True)
        return ", ".join(labels[a] if a == b else f"{labels[a]}–{labels[b]}" for a, b in ends)

    text = ranges([str(band) for band in range(len(bands))])
    nanometres = "" if wavelengths is None else f"; {ranges([f'{at:.0f}' for at in wavelengths.tolist()])} nm"
    return f"band{'s' * (len(numbers) > 1)} {text} (counted from 0{nanometres})"


def count_dropped_bands(dropped_bands: DroppedBands | None, filled: bool) -> dict[str, float]:
    """How many bands are not as they were measured, for the figures of a run, which are those of the other bands.

    Args:
        dropped_bands: The bands; None if there are none.
        filled: Whether the fused image has them all the same, as ``fill_bad_bands`` makes them.

    Returns:
        ``bands_filled`` and ``bands_left_out`` of the LR-HSI, and ``msi_bands_left_out``.
    """
    dropped = 0 if dropped_bands is None else int((~dropped_bands.kept).sum())
    return {
        "bands_filled": dropped if filled else 0,
        "bands_left_out": 0 if filled else dropped,
        "msi_bands_left_out": 0 if dropped_bands is None else int((~dropped_bands.msi_kept).sum()),
    }


def describe_dropped_bands(dropped_bands: DroppedBands, filled: bool) -> list[str]:
    """A line of text for each kind of bad band.

    Args:
        dropped_bands: The bands.
        filled: Whether the fused image has them all the same, as ``fill_bad_bands`` makes them.
    """
    outcome = "filled in from their neighbours" if filled else "left out"
    found = (
        ("LR-HSI", dropped_bands.flagged, dropped_bands.wavelengths, f"flagged as bad by the file; {outcome}"),
        ("LR-HSI", dropped_bands.dead, dropped_bands.wavelengths, f"constant or almost without data; {outcome}"),
        ("LR-HSI", dropped_bands.noise, dropped_bands.wavelengths, f"nothing but noise; {outcome}"),
        ("HR-MSI", dropped_bands.msi_dead, None, "constant or almost without data; not used"),
        ("HR-MSI", dropped_bands.msi_unexplained, None, f"{UNEXPLAINED}; not used"),
        (
            "HR-MSI",
            dropped_bands.msi_coarse,
            None,
            "upsampled from larger pixels than those of the other bands; not used",
        ),
    )
    return [
        f"{name} {describe_bands(bad, at)}: {what}" for name, bad, at, what in found if bad is not None and bad.any()
    ]
