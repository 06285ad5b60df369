"""Bands without a signal: how they are detected, and how the fused image is filled in their place."""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.stats import beta
from torch import Tensor

from udaln.estimation.noise import SAMPLES, noise_edge
from udaln.scene import DroppedBands

ROUNDING = 1e-6  # a range of values below this fraction of the largest is rounding error of float32
LEAST_VALID = 0.5  # a band valid in a smaller fraction of the pixels that are valid in any band is dead
EXPLAINED = 0.2  # largest fraction of the variance of a band of pure noise that other bands explain
CONFIDENCE = 0.999  # with few pixels, other bands explain more by chance: the quantile of that fraction


def dead_bands(image: Tensor, valid: Tensor) -> Tensor:
    """Bands that are constant, or have no data in most of the pixels where another band has data.

    Args:
        image: H×W×B.
        valid: H×W×B bool, which values are valid.

    Returns:
        B bool.
    """
    pixels = valid.flatten(0, 1).sum(0)
    empty = pixels < LEAST_VALID * valid.any(2).sum()
    lowest = image.masked_fill(~valid, math.inf).amin((0, 1))
    highest = image.masked_fill(~valid, -math.inf).amax((0, 1))
    constant = (highest - lowest <= ROUNDING * torch.maximum(lowest.abs(), highest.abs())) & (pixels > 1)
    return empty | constant | (pixels == 0)


def noise_bands(image: Tensor, valid: Tensor, dead: Tensor) -> Tensor:
    """Bands that hold nothing but noise.

    Two conditions must hold: the components common to all bands explain next to nothing of the band, and the mean of
    the band is smaller than the standard deviation that they leave unexplained. So a band that is merely noisy, or has
    a contrast of its own, does not count. The common components are the principal components beyond the noise edge, of
    bands scaled to variance 1.

    Args:
        image: H×W×B.
        valid: H×W×B bool, which values are valid.
        dead: B bool, the bands that are known to be bad.

    Returns:
        B bool.
    """
    noise = torch.zeros_like(dead)
    pixels = image[valid[..., ~dead].all(2)][:, ~dead]
    x = pixels[:: max(1, math.ceil(len(pixels) / SAMPLES))].double()
    n, bands = x.shape
    if n < 3 or bands < 2:
        return noise
    mean, centred = x.mean(0), x - x.mean(0)
    power = centred.square().mean(0).clamp(min=torch.finfo(torch.float64).tiny)
    scaled = centred / power.sqrt()
    values, vectors = torch.linalg.eigh(scaled.T @ scaled / n)
    common = values > noise_edge(n, bands)
    count = int(common.sum())
    if not count:  # the bands are uncorrelated: nothing can be said of any of them
        return noise
    explained = vectors[:, common].square() @ values[common]
    by_chance = beta.ppf(CONFIDENCE, count / 2, max(n - 1 - count, 1) / 2)
    unexplained = power * (1 - explained)
    noise[~dead] = (explained <= max(EXPLAINED, by_chance)) & (mean.square() < unexplained)
    return noise


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


def describe_dropped_bands(dropped_bands: DroppedBands, filled: bool) -> list[str]:
    """A line of text for each kind of bad band.

    Args:
        dropped_bands: The bands.
        filled: Whether the fused image has them all the same, as ``fill_bad_bands`` makes them.
    """
    outcome = "filled in from their neighbours" if filled else "left out"
    found = (
        ("LR-HSI", dropped_bands.dead, dropped_bands.wavelengths, f"constant or almost without data; {outcome}"),
        ("LR-HSI", dropped_bands.noise, dropped_bands.wavelengths, f"nothing but noise; {outcome}"),
        ("HR-MSI", dropped_bands.msi_dead, None, "constant or almost without data; not used"),
    )
    return [f"{name} {describe_bands(bad, at)}: {what}" for name, bad, at, what in found if bad.any()]
