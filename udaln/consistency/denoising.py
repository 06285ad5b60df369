"""The HR-MSI without its noise: the posterior mean under a Gaussian mixture of its own patches."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from scipy.cluster.vq import kmeans2
from torch import Tensor

from udaln.errors import InputError
from udaln.estimation.noise import variance_without_inflation
from udaln.scene import check_image

PATCHES = (2, 3)  # sides of the patches, one mixture for each; their results are averaged
REACH = max(PATCHES) - 1  # how far from a pixel the others lie that have a say in it
CLASSES = 20
STEPS = 10  # of expectation and maximisation
FEWEST = 5  # patches to a class: fewer are none
SAMPLES = 20_000  # patches a mixture is fitted to
AT_ONCE = 2**16  # patches in memory
QUIET = 1e-4  # noise below this share of a band's root mean square (80 dB) is left alone


class Denoised(NamedTuple):
    """An image and how far to trust it.

    Attributes:
        image: H×W×B, dtype of the noisy image.
        variance: Variance of the error that remains, H×W×B, in squared units of the image.
    """

    image: Tensor
    variance: Tensor


class Gaussian(NamedTuple):
    """One Gaussian of a mixture of patches without noise: mean + basis · N(0, diag(power)), d numbers a patch."""

    log_weight: Tensor
    mean: Tensor  # (d,)
    basis: Tensor  # (d, rank)
    power: Tensor  # (rank,)


@dataclass(frozen=True)
class Denoiser:
    """What frees an image, or any part of it, of its noise.

    Attributes:
        sigma: Standard deviation of the noise of each band, (B,) float64.
        level: The same, with a least one for bands that have as good as none.
        mean: Of each band, (B,) float64.
        mixtures: Of patches of each size in units of the level, none where there is no noise.
    """

    sigma: Tensor
    level: Tensor
    mean: Tensor
    mixtures: dict[int, list[Gaussian]]

    def __call__(self, image: Tensor) -> Denoised:
        """Denoise an image H×W×B; of a part of a larger one what is within ``REACH`` of its border lacks neighbours."""
        if not self.mixtures:
            return Denoised(image, (self.sigma * self.sigma).to(image).expand_as(image))
        results = [self._by_patches(image, side, mixture) for side, mixture in self.mixtures.items()]
        out, kept = (torch.stack(parts).mean(0) for parts in zip(*results, strict=True))
        noisy = self.sigma >= self.level
        variance = kept * (self.level * self.level).to(kept)
        return Denoised(
            torch.where(noisy, out, image), torch.where(noisy, variance, (self.sigma * self.sigma).to(image))
        )

    def _by_patches(self, image: Tensor, side: int, mixture: list[Gaussian]) -> tuple[Tensor, Tensor]:
        """Denoised by patches of one size; the share of its own noise that each value keeps. In strips of rows."""
        rows, columns = image.shape[:2]
        out, kept = torch.empty_like(image), torch.empty_like(image)
        strip = max(1, AT_ONCE // columns)
        for top in range(0, rows, strip):
            bottom = min(top + strip, rows)
            first, last = max(0, top - side + 1), min(rows, bottom + side - 1)  # all patches that touch the strip
            part = (image[first:last] - self.mean) / self.level
            estimate, share = _posterior(_patches(part, side), mixture)
            inside = slice(top - first, bottom - first)
            out[top:bottom] = (_averaged(estimate, part, side)[inside] * self.level + self.mean).to(out)
            kept[top:bottom] = _averaged(share, part, side)[inside].to(kept)
        return out, kept


def fit_denoiser(image: Tensor, sigma: Tensor, valid: Tensor | None = None) -> Denoiser:
    """Learn to estimate an image seen under white Gaussian noise of a known level in each band.

    The image is divided by its noise. Its patches, all bands together, are drawn from a mixture of Gaussians plus
    unit noise; expectation–maximisation fits it to the noisy patches themselves, as Houdard, Bouveyron and Delon
    (HDMI, 2018) do. Each class keeps the directions that stand out of its noise: its sample eigenvalues are shrunk as
    Donoho, Gavish and Johnstone (2018) show for few samples, which leaves a rank of its own to each class. Every patch
    is replaced by its posterior mean, every pixel by the mean over the patches around it. What error remains follows
    from the posterior covariances: a mean over patches makes less, classes fitted to few patches more, about equally.

    Args:
        image: H×W×B.
        sigma: Standard deviation of the noise of each band, (B,), in units of the image. Bands with as good as none
            are returned as they are, and still help the others.
        valid: H×W bool, the pixels that hold data; patches with any other have no part in the mixture. All if none.

    Returns:
        What takes the noise from this image, and from others of the kind; where no band is noisy, it changes nothing.

    Raises:
        InputError: If the image cannot be used or ``sigma`` is not one finite number ≥ 0 a band.
    """
    check_image(image, "image to denoise")
    if sigma.shape != image.shape[2:] or not torch.isfinite(sigma).all() or (sigma < 0).any():
        raise InputError(f"noise: expected one finite level ≥ 0 for each of {image.shape[2]} bands, got {sigma}")
    sigma = sigma.double().to(image.device)
    level = torch.maximum(sigma, QUIET * image.double().square().mean((0, 1)).sqrt())
    mean = image.mean((0, 1), dtype=torch.float64) if valid is None else image[valid].mean(0, dtype=torch.float64)
    mixtures = {}
    if (sigma >= level).any() and min(image.shape[:2]) >= max(PATCHES) and sigma.any():
        for side in PATCHES:
            step = max(1, round(math.sqrt((image.shape[0] - side + 1) * (image.shape[1] - side + 1) / SAMPLES)))
            drawn = _patches((image - mean) / level, side, step)
            if valid is not None:
                whole = _patches(valid[..., None], side, step).all(1)
                drawn = drawn[whole] if whole.any() else drawn
            mixtures[side] = _mixture(drawn)
    return Denoiser(sigma, level, mean, mixtures)


def denoise(image: Tensor, sigma: Tensor, valid: Tensor | None = None) -> Denoised:
    """An image freed of its noise by what it tells itself: `fit_denoiser` and its result in one."""
    return fit_denoiser(image, sigma, valid)(image)


def _mixture(x: Tensor) -> list[Gaussian]:
    """The mixture that patches (n, d) with unit noise come from."""
    n, d = x.shape
    classes = max(1, min(CLASSES, n // d))
    # Where a patch belongs is first judged in the directions that all patches show above the noise.
    whole = _gaussian(x, torch.ones_like(x[:, 0]))
    start = ((x - whole.mean) @ whole.basis * (whole.power / (1 + whole.power))).cpu().numpy()
    labels = np.zeros(n, np.int64)
    if classes > 1 and start.shape[1]:
        drawn = np.random.default_rng(0).choice(n, classes, replace=False)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of a class that loses all of its patches: it is dropped
            labels = kmeans2(start, start[drawn], iter=15, minit="matrix")[1]
    members = torch.nn.functional.one_hot(torch.from_numpy(labels).long(), classes).to(x)
    mixture = [whole]
    for _ in range(STEPS):
        mixture = [_gaussian(x, member) for member in members.T if member.sum() > FEWEST] or [whole]
        members = _membership(x, mixture)
    return mixture


def _gaussian(x: Tensor, member: Tensor) -> Gaussian:
    """The Gaussian of the patches (n, d) that belong to a class with these probabilities (n,)."""
    ours = member > 1e-3
    size = member.sum()
    x, member = x[ours], member[ours, None]
    mean = (x * member).sum(0) / size
    x = x - mean
    values, vectors = torch.linalg.eigh((x * member).T @ x / size)
    ratio = x.shape[1] / size
    signal = values > (1 + ratio.sqrt()) ** 2
    values, vectors = values[signal], vectors[:, signal]
    power = variance_without_inflation(values, ratio) - 1
    return Gaussian((size / len(ours)).log(), mean, vectors, power)


def _membership(x: Tensor, mixture: list[Gaussian]) -> Tensor:
    """The probability (n, K) of each class for patches (n, d)."""
    scores, length = [], x.square().sum(1)
    for one in mixture:
        inside = x @ one.basis - one.mean @ one.basis
        distance = length - 2 * (x @ one.mean) + one.mean.square().sum()
        distance -= inside.square() @ (one.power / (1 + one.power))
        scores.append(one.log_weight - (distance + one.power.log1p().sum()) / 2)
    return torch.stack(scores, 1).softmax(1)


def _posterior(x: Tensor, mixture: list[Gaussian]) -> tuple[Tensor, Tensor]:
    """Posterior mean (n, d) of patches and, for each of its numbers, the share of its own noise that it keeps."""
    mean, kept = torch.zeros_like(x), torch.zeros_like(x)
    for one, member in zip(mixture, _membership(x, mixture).T, strict=True):
        ours = (member > 1e-3).nonzero().squeeze(1)
        weight = member[ours, None]
        gain = one.power / (1 + one.power)
        estimate = one.mean + ((x[ours] - one.mean) @ one.basis * gain) @ one.basis.T
        mean.index_add_(0, ours, weight * estimate)
        kept.index_add_(0, ours, weight * (one.basis.square() @ gain))
    return mean, kept


def _patches(image: Tensor, side: int, step: int = 1) -> Tensor:
    """Patches of an image H×W×B, (n, B·side²), every ``step`` pixels."""
    return image.unfold(0, side, step).unfold(1, side, step).flatten(0, 1).flatten(1)


def _averaged(patches: Tensor, image: Tensor, side: int) -> Tensor:
    """The mean, at every pixel of an image, of all its patches (n, B·side²)."""
    rows, columns, bands = image.shape
    across = (rows - side + 1, columns - side + 1)
    patches = patches.view(*across, bands, side, side)
    total, count = torch.zeros_like(image), image.new_zeros(rows, columns, 1)
    for i in range(side):
        for j in range(side):
            here = slice(i, i + across[0]), slice(j, j + across[1])
            total[here] += patches[..., i, j]
            count[here] += 1
    return total / count
