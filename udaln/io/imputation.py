"""Values that are missing in some bands of a pixel, estimated from its other bands."""

from __future__ import annotations

import math

import torch
from torch import Tensor

SAMPLES = 4000  # pixels that the components are estimated from
COMPONENTS = 8  # largest number of components
ITERATIONS = 12
PATTERNS = 16  # sets of bands that pixels lack, most frequent first, that are regressed on the others
COMMON = 16  # pixels that lack the same bands
SAMPLES_PER_BAND = 4  # complete pixels per regressor
RIDGE = 1e-5  # of the variance of a regressor
CHUNK = 1 << 14  # pixels that are solved for together


def impute(image: Tensor, measured: Tensor, pixels: Tensor) -> Tensor:
    """Estimate what is missing in some bands of pixels by their other bands.

    The spectra are taken to be normally distributed around their mean, with a few components in common (probabilistic
    principal components, Tipping and Bishop, 1999); mean, components and missing values are estimated in turns. Where
    many pixels lack the same bands, as beside the footprint of a detector, and enough lack none, a linear regression on
    all measured bands is more accurate.

    Args:
        image: H×W×B.
        measured: H×W×B bool, which values are known.
        pixels: H×W bool, the pixels to look at. Each has at least one measured value.

    Returns:
        A copy of the image with the missing values of these pixels replaced.
    """
    known = measured[pixels]
    values = torch.where(known, image[pixels].double(), 0)
    count = known.sum(0)
    mean = values.sum(0) / count.clamp(min=1)
    some = count.nonzero().flatten()
    nearest = some[(torch.arange(len(count))[:, None] - some).abs().argmin(1)]
    mean = mean[nearest]  # a band without data here is like the nearest one that has some
    spread = (torch.where(known, values - mean, 0).square().sum(0) / count.clamp(min=1)).sqrt()
    spread = torch.where(spread > 0, spread, 1)
    scaled = torch.where(known, (values - mean) / spread, 0)
    incomplete = ~known.all(1)
    chosen = torch.arange(len(scaled))[:: math.ceil(len(scaled) / SAMPLES)]
    sample = scaled[chosen]
    for _ in range(ITERATIONS):
        components, noise = _components(sample)
        rows = incomplete[chosen]
        sample[rows] = _expected(sample[rows], known[chosen][rows], components, noise)
    components, noise = _components(sample)
    scaled[incomplete] = _expected(scaled[incomplete], known[incomplete], components, noise)
    _regress_common(scaled, known)
    filled = image.clone()
    filled[pixels] = torch.where(known, image[pixels], (scaled * spread + mean).to(image.dtype))
    return filled


def _regress_common(x: Tensor, known: Tensor) -> None:
    """Replace, in N×B values, what many pixels lack alike by its regression on what they have, in place.

    Args:
        x: Of mean 0 and variance 1, the unknown ones estimated.
        known: N×B bool.
    """
    complete = known.all(1)
    if 2 * complete.sum() < SAMPLES_PER_BAND * known.shape[1]:  # not even for half of the bands
        return
    sample = x[complete]
    sample = sample[:: math.ceil(len(sample) / SAMPLES)]
    patterns, which, counts = torch.unique(known, dim=0, return_inverse=True, return_counts=True)
    for index in counts.argsort(descending=True)[:PATTERNS].tolist():
        has = patterns[index]
        if has.all() or counts[index] < COMMON or len(sample) < SAMPLES_PER_BAND * has.sum():
            continue
        mean = sample.mean(0)
        design = sample[:, has] - mean[has]
        ridge = RIDGE * len(design) * torch.eye(design.shape[1], dtype=x.dtype)
        slope = torch.linalg.solve(design.T @ design + ridge, design.T @ (sample[:, ~has] - mean[~has]))
        lacking = (which == index).nonzero()
        x[lacking, (~has).nonzero().T] = (x[lacking[:, 0]][:, has] - mean[has]) @ slope + mean[~has]


def _components(x: Tensor) -> tuple[Tensor, float]:
    """Loadings, B×q, and the variance of what they leave, from N×B values of mean 0."""
    values, vectors = torch.linalg.eigh(x.T @ x / len(x))
    bands = len(values)
    count = max(1, min(COMPONENTS, bands - 1, len(x) // 4))
    noise = max(float(values[: bands - count].mean()), 1e-9)
    top = values[-count:].clamp(min=noise)
    return vectors[:, -count:] * (top - noise).sqrt(), noise


def _expected(x: Tensor, known: Tensor, components: Tensor, noise: float) -> Tensor:
    """N×B values, the unknown ones replaced by their expectation given the known ones."""
    results = []
    products = (components[:, :, None] * components[:, None, :]).flatten(1)
    identity = noise * torch.eye(components.shape[1], dtype=x.dtype)
    for part, mask in zip(torch.split(x, CHUNK), torch.split(known, CHUNK), strict=True):
        weights = mask.to(x.dtype)
        normal = (weights @ products).view(-1, *identity.shape) + identity
        scores = torch.linalg.solve(normal, ((part * weights) @ components)[..., None])[..., 0]
        results.append(torch.where(mask, part, scores @ components.T))
    return torch.cat(results) if results else x
