"""Denoising of the HR-MSI: posterior means of its patches under a Gaussian mixture fitted to the same patches."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from scipy.cluster.vq import kmeans2
from torch import Tensor

from udaln.errors import InputError, check_image
from udaln.estimation.noise import variance_without_inflation

PATCH_SIDES = (2, 3)  # one mixture for each; the results are averaged
RADIUS = max(PATCH_SIDES) - 1  # distance up to which pixels influence each other [pixels]
CLASSES = 20  # Gaussians in a mixture, at most
EM_ITERATIONS = 10
MIN_PATCHES = 5  # effective number of patches below which a class is dropped
TRAINING_PATCHES = 20_000  # patches to which a mixture is fitted, about
PATCHES_AT_ONCE = 2**16  # patches in memory
NOISE_FREE = 1e-4  # noise below this fraction of a band's root mean square (80 dB) is not removed
MIN_PROBABILITY = 1e-3  # class probability below which a patch is not assigned to the class


class Denoised(NamedTuple):
    """A denoised image and its remaining error.

    Attributes:
        image: H×W×B, dtype of the noisy image.
        variance: Variance of the remaining error, H×W×B, in squared units of the image.
    """

    image: Tensor
    variance: Tensor


class Gaussian(NamedTuple):
    """One class of a mixture of noise-free patches of d values: mean + basis · N(0, diag(variance)), low-rank.

    Attributes:
        log_weight: Logarithm of the mixing weight.
        mean: (d,).
        basis: Orthonormal, (d, rank).
        variance: Along each axis of the basis, (rank,).
    """

    log_weight: Tensor
    mean: Tensor
    basis: Tensor
    variance: Tensor


@dataclass(frozen=True)
class Denoiser:
    """A fitted denoiser, for the whole image or any part of it.

    Attributes:
        noise_std: Standard deviation of the noise of each band, (B,) float64.
        level: The same, with a positive minimum for bands with hardly any noise.
        mean: Mean of each band, (B,) float64.
        mixtures: By patch side, in units of ``level``; empty if there is no noise.
    """

    noise_std: Tensor
    level: Tensor
    mean: Tensor
    mixtures: dict[int, list[Gaussian]]

    def __call__(self, image: Tensor) -> Denoised:
        """Denoise an image H×W×B; in a part of a larger image, pixels within ``RADIUS`` of the border lack context."""
        noise_variance = (self.noise_std * self.noise_std).to(image)
        if not self.mixtures:
            return Denoised(image, noise_variance.expand_as(image))
        results = [self._denoise(image, side, mixture) for side, mixture in self.mixtures.items()]
        denoised, kept = (torch.stack(parts).mean(0) for parts in zip(*results, strict=True))
        noisy = self.noise_std >= self.level
        variance = kept * (self.level * self.level).to(kept)
        return Denoised(torch.where(noisy, denoised, image), torch.where(noisy, variance, noise_variance))

    def _denoise(self, image: Tensor, side: int, mixture: list[Gaussian]) -> tuple[Tensor, Tensor]:
        """Denoise with patches of one size, in strips of rows.

        Returns:
            The image and, for each value, the fraction of its noise variance that remains, both H×W×B.
        """
        rows, columns = image.shape[:2]
        denoised, kept = torch.empty_like(image), torch.empty_like(image)
        strip = max(1, PATCHES_AT_ONCE // columns)
        for top in range(0, rows, strip):
            bottom = min(top + strip, rows)
            first, last = max(0, top - side + 1), min(rows, bottom + side - 1)  # all patches that overlap the strip
            part = (image[first:last] - self.mean) / self.level
            estimate, remaining = _posterior(_patches(part, side), mixture)
            inside = slice(top - first, bottom - first)
            denoised[top:bottom] = (_aggregate(estimate, part, side)[inside] * self.level + self.mean).to(denoised)
            kept[top:bottom] = _aggregate(remaining, part, side)[inside].to(kept)
        return denoised, kept


def fit_denoiser(image: Tensor, noise_std: Tensor, valid: Tensor | None = None) -> Denoiser:
    """Fit a denoiser to an image under white Gaussian noise of a known level in each band.

    The image is divided by its noise. Its patches, all bands together, are modelled as a mixture of Gaussians plus
    unit noise; expectation–maximisation fits it to the noisy patches themselves, as Houdard, Bouveyron and Delon
    (HDMI, 2018) do. Each class retains the principal directions whose variance exceeds that of noise; its sample
    eigenvalues are shrunk for few samples as Donoho, Gavish and Johnstone (2018) derive, so that each class has a rank
    of its own. Every patch is replaced by its posterior mean, and every pixel by the mean over the patches that contain
    it. The variance of the remaining error follows from the posterior covariances. It neglects two effects of about
    equal size: averaging over patches reduces the error, classes fitted to few patches increase it.

    Args:
        image: H×W×B.
        noise_std: Standard deviation of the noise of each band, (B,), in units of the image. Bands with hardly any
            noise are returned unchanged, but contribute to the denoising of the others.
        valid: Mask of the pixels that hold data, H×W bool; all if none. Patches with other pixels are not used to fit.

    Returns:
        The denoiser; if no band is noisy, it returns images unchanged.

    Raises:
        InputError: If the image cannot be used or ``noise_std`` is not one finite number ≥ 0 a band.
    """
    check_image(image, "image to denoise")
    if noise_std.shape != image.shape[2:] or not torch.isfinite(noise_std).all() or (noise_std < 0).any():
        raise InputError(f"noise: expected one finite level ≥ 0 for each of {image.shape[2]} bands, got {noise_std}")
    noise_std = noise_std.double().to(image.device)
    level = torch.maximum(noise_std, NOISE_FREE * image.double().square().mean((0, 1)).sqrt())
    mean = image.mean((0, 1), dtype=torch.float64) if valid is None else image[valid].mean(0, dtype=torch.float64)
    mixtures = {}
    if (noise_std >= level).any() and min(image.shape[:2]) >= max(PATCH_SIDES) and noise_std.any():
        for side in PATCH_SIDES:
            positions = (image.shape[0] - side + 1) * (image.shape[1] - side + 1)
            step = max(1, round(math.sqrt(positions / TRAINING_PATCHES)))
            patches = _patches((image - mean) / level, side, step)
            if valid is not None:
                complete = _patches(valid[..., None], side, step).all(1)
                patches = patches[complete] if complete.any() else patches
            mixtures[side] = _fit_mixture(patches)
    return Denoiser(noise_std, level, mean, mixtures)


def _fit_mixture(x: Tensor) -> list[Gaussian]:
    """Fit a mixture to patches (n, d) with unit noise by expectation–maximisation, started by k-means."""
    n, d = x.shape
    classes = max(1, min(CLASSES, n // d))
    # k-means clusters the Wiener estimates in the principal directions of all patches
    single = _fit_gaussian(x, torch.ones_like(x[:, 0]))
    scores = ((x - single.mean) @ single.basis * (single.variance / (1 + single.variance))).cpu().numpy()
    labels = np.zeros(n, np.int64)
    if classes > 1 and scores.shape[1]:
        centres = np.random.default_rng(0).choice(n, classes, replace=False)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of a class that loses all of its patches: it is dropped
            labels = kmeans2(scores, scores[centres], iter=15, minit="matrix")[1]
    probabilities = torch.nn.functional.one_hot(torch.from_numpy(labels).long(), classes).to(x)
    mixture = [single]
    for _ in range(EM_ITERATIONS):
        mixture = [_fit_gaussian(x, p) for p in probabilities.T if p.sum() > MIN_PATCHES] or [single]
        probabilities = _class_probabilities(x, mixture)
    return mixture


def _fit_gaussian(x: Tensor, probability: Tensor) -> Gaussian:
    """Fit one class to patches (n, d) that belong to it with some probabilities (n,)."""
    assigned = probability > MIN_PROBABILITY
    size = probability.sum()
    x, weight = x[assigned], probability[assigned, None]
    mean = (x * weight).sum(0) / size
    x = x - mean
    values, vectors = torch.linalg.eigh((x * weight).T @ x / size)
    ratio = x.shape[1] / size
    signal = values > (1 + ratio.sqrt()) ** 2
    values, vectors = values[signal], vectors[:, signal]
    variance = variance_without_inflation(values, ratio) - 1
    return Gaussian((size / len(assigned)).log(), mean, vectors, variance)


def _class_probabilities(x: Tensor, mixture: list[Gaussian]) -> Tensor:
    """Posterior probability of each of K classes for patches (n, d): (n, K)."""
    scores, length = [], x.square().sum(1)
    for gaussian in mixture:
        projected = x @ gaussian.basis - gaussian.mean @ gaussian.basis
        distance = length - 2 * (x @ gaussian.mean) + gaussian.mean.square().sum()
        distance -= projected.square() @ (gaussian.variance / (1 + gaussian.variance))
        scores.append(gaussian.log_weight - (distance + gaussian.variance.log1p().sum()) / 2)
    return torch.stack(scores, 1).softmax(1)


def _posterior(x: Tensor, mixture: list[Gaussian]) -> tuple[Tensor, Tensor]:
    """Posterior mean of patches (n, d) and, for each value, the fraction of its noise variance that remains."""
    mean, remaining = torch.zeros_like(x), torch.zeros_like(x)
    for gaussian, probability in zip(mixture, _class_probabilities(x, mixture).T, strict=True):
        assigned = (probability > MIN_PROBABILITY).nonzero().squeeze(1)
        weight = probability[assigned, None]
        gain = gaussian.variance / (1 + gaussian.variance)  # of the Wiener filter
        estimate = gaussian.mean + ((x[assigned] - gaussian.mean) @ gaussian.basis * gain) @ gaussian.basis.T
        mean.index_add_(0, assigned, weight * estimate)
        remaining.index_add_(0, assigned, weight * (gaussian.basis.square() @ gain))
    return mean, remaining


def _patches(image: Tensor, side: int, step: int = 1) -> Tensor:
    """Patches of an image H×W×B, (n, B·side²), every ``step`` pixels."""
    return image.unfold(0, side, step).unfold(1, side, step).flatten(0, 1).flatten(1)


def _aggregate(patches: Tensor, image: Tensor, side: int) -> Tensor:
    """Mean, at every pixel, over all patches (n, B·side²) of an image H×W×B that contain it."""
    rows, columns, bands = image.shape
    positions = (rows - side + 1, columns - side + 1)
    patches = patches.view(*positions, bands, side, side)
    total, count = torch.zeros_like(image), image.new_zeros(rows, columns, 1)
    for i in range(side):
        for j in range(side):
            pixels = slice(i, i + positions[0]), slice(j, j + positions[1])
            total[pixels] += patches[..., i, j]
            count[pixels] += 1
    return total / count
