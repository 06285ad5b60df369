"""Bands of the HR-MSI that the LR-HSI does not explain: quality flags, classes, indices, heights, temperatures."""

from __future__ import annotations

import math
from itertools import product
from typing import NamedTuple

import numpy as np
import torch
from scipy.optimize import nnls
from torch import Tensor

from udaln.errors import scale_factor
from udaln.estimation.arrays import Array
from udaln.estimation.noise import homogeneous_patches, unique_variances
from udaln.io.calculated_bands import calculated_bands
from udaln.physics.windows import degrade

COMPONENTS = 15  # principal components of the LR-HSI that explain the HR-MSI
PIXELS_PER_COMPONENT = 8
FOLDS = 4  # of the LR pixels, in blocks: each is predicted by the others
WEIGHTS = (0.0, 0.1, 0.2, 0.3)  # of the LR pixels beside one, along each axis, in what its spectrum shows
REACH = 4  # the two images may be displaced by so many LR pixels
LITTLE = 0.6  # a band of which a larger fraction of the variance is predicted has to do with the LR-HSI
REST = 0.03  # fraction of a band's variance that a wrong PSF or noise may leave unexplained
WORSE = 8.0  # so many times that of the band that is explained best is too much
SURE_PIXELS = 400  # LR pixels from which on this holds; with fewer, more is left to chance
LEAST_PIXELS = 24  # with fewer LR pixels nothing can be said
FEW_LEVELS = 16  # a band of so few distinct values, where the others have many times more, is a mask or classes
MORE_LEVELS = 10
LOOKED_AT = 1_000_000  # pixels among which distinct values are counted
RIDGE = 1e-10  # of the mean variance of a band: the covariance of many bands is near singular


class _Pixels(NamedTuple):
    """The LR pixels of both images, displaced so that they agree best.

    Attributes:
        spectra: LR-HSI, N×C.
        means: HR-MSI, averaged over LR pixels, N×c.
        predicted: Fraction of the variance of each MSI band that the LR-HSI predicts, c.
    """

    spectra: Tensor
    means: Tensor
    predicted: Tensor


def unexplained_bands(
    lr_hsi: Tensor, hr_msi: Tensor, lr_valid: Tensor, hr_valid: Tensor, declared: Tensor | None = None
) -> Tensor:
    """Bands of the HR-MSI that are no mixture of hyperspectral bands, by prediction of LR pixels that are held out.

    Each band, averaged over LR pixels, is predicted by an offset and a mixture of the bands of the LR-HSI, with weights
    that are not negative, as a spectral response is. The displacement of the two images is the one at which most is
    predicted. A band that is predicted much worse than the best one shows something else than the LR-HSI does. So does
    a band of few distinct values: thresholds and classes of other bands are predicted in part. A band that is declared
    to measure radiation is believed to, unless it is hardly predicted: it may lie beyond the LR-HSI's range in part.

    Args:
        lr_hsi: h×w×C, the bands with a signal, finite.
        hr_msi: rh×rw×c, finite where it is valid.
        lr_valid: h×w bool, the valid pixels.
        hr_valid: rh×rw×c bool, the valid values.
        declared: c bool, the MSI bands whose wavelengths are known.

    Returns:
        c bool.
    """
    found = _few_levels(hr_msi, hr_valid)
    pixels = None if len(found) < 2 else _agreeing(lr_hsi, hr_msi, lr_valid, hr_valid)
    if pixels is None or pixels.predicted.max() < LITTLE:  # the pair is no pair, whatever its bands are
        return found
    rest, response = _mixed(pixels.spectra, pixels.means)
    found = found | calculated_bands(hr_msi, hr_valid, rest)
    chance = max(1.0, SURE_PIXELS / len(pixels.spectra))
    least, most = torch.full_like(rest, REST * chance), WORSE * math.sqrt(chance) * rest.min()
    if declared is not None:
        least[declared] = 1 - LITTLE
    if ((rest > least) & (rest > most)).any():
        rest = rest - _noise(pixels, response, hr_msi, hr_valid, scale_factor(lr_hsi, hr_msi)).clamp(max=1 - LITTLE)
    return found | (rest > least) & (rest > most)


def explained(lr_hsi: Tensor, hr_msi: Tensor, lr_valid: Tensor, hr_valid: Tensor) -> Tensor | None:
    """Fraction of the variance of each MSI band that the LR-HSI predicts, at the displacement at which it is most.

    Args:
        lr_hsi: h×w×C, finite.
        hr_msi: rh×rw×c, finite where it is valid.
        lr_valid: h×w bool, the valid pixels.
        hr_valid: rh×rw×c bool, the valid values.

    Returns:
        c, at most 1; None if there are too few LR pixels.
    """
    pixels = _agreeing(lr_hsi, hr_msi, lr_valid, hr_valid)
    return None if pixels is None else pixels.predicted


def _agreeing(lr_hsi: Tensor, hr_msi: Tensor, lr_valid: Tensor, hr_valid: Tensor) -> _Pixels | None:
    """The LR pixels at the displacement at which most is predicted; None if there are too few. Arguments as above."""
    scale = scale_factor(lr_hsi, hr_msi)
    box = torch.full((scale, scale), 1 / scale**2, dtype=torch.float64)
    means = degrade(torch.where(hr_valid, hr_msi, 0).double(), box, scale)
    covered = degrade(hr_valid.double(), box, scale).amin(2) > 1 - 1e-9
    best: _Pixels | None = None
    steps = [range(-reach, reach + 1) for reach in (min(REACH, side // 2) for side in lr_hsi.shape[:2])]
    place = (0, 0)
    for down, right in product(*steps):
        found = _pixels((lr_hsi, lr_valid), (means, covered), (down, right))
        if found is not None and (best is None or found.predicted.max() > best.predicted.max()):
            best, place = found, (down, right)
    for axis in (0, 1):
        sharp, whole = means, covered.double()
        for before, after in product(WEIGHTS, repeat=2):
            blurred = _weighted(sharp, axis, before, after), _weighted(whole, axis, before, after) > 1 - 1e-9
            found = _pixels((lr_hsi, lr_valid), blurred, place)
            if best is not None and found is not None and found.predicted.max() > best.predicted.max():
                best, (means, covered) = found, blurred
    return best


def _pixels(lr_hsi: tuple[Tensor, Tensor], lr_msi: tuple[Tensor, Tensor], step: tuple[int, int]) -> _Pixels | None:
    """The valid pixels of both images, each with its mask, displaced by whole LR pixels; None if there are too few."""
    y, y_valid = (_moved(image, *step) for image in lr_hsi)
    z, z_valid = (_moved(image, -step[0], -step[1]) for image in lr_msi)
    valid = y_valid & z_valid
    if valid.sum() < LEAST_PIXELS:
        return None
    spectra, targets = y[valid].double(), z[valid]
    return _Pixels(spectra, targets, _predicted(spectra, targets))


def _weighted(image: Tensor, axis: int, before: float, after: float) -> Tensor:
    """Mean of each pixel and its two neighbours along an axis, with their weights; beyond the border it is repeated."""
    length = image.shape[axis]
    at = torch.arange(length)
    neighbours = [image.index_select(axis, (at + step).clamp(0, length - 1)) for step in (-1, 1)]
    return (1 - before - after) * image + before * neighbours[0] + after * neighbours[1]


def _moved(image: Tensor, down: int, right: int) -> Tensor:
    """The part of an image that is left if it is moved by whole pixels over another of its size."""
    rows, columns = (
        slice(max(0, step), side + min(0, step)) for step, side in zip((down, right), image.shape[:2], strict=False)
    )
    return image[rows, columns]


def _predicted(spectra: Tensor, targets: Tensor) -> Tensor:
    """Fraction of the variance of each MSI band that principal components of the held-out spectra explain, c."""
    count = max(1, min(COMPONENTS, spectra.shape[1], len(spectra) // PIXELS_PER_COMPONENT))
    spectra = spectra - spectra.mean(0)
    values, vectors = torch.linalg.eigh(spectra.T @ spectra)
    scores = spectra @ vectors[:, -count:] / values[-count:].clamp(min=1e-12 * values[-1] + 1e-300).sqrt()
    design = torch.cat([scores, scores.new_full((len(scores), 1), len(scores) ** -0.5)], 1)
    errors, spread = torch.zeros_like(targets[0]), torch.zeros_like(targets[0])
    for held, kept in _folds(len(design)):
        found = torch.linalg.lstsq(design[kept], targets[kept], driver="gelsd").solution
        errors += (targets[held] - design[held] @ found).square().sum(0)
        spread += (targets[held] - targets[kept].mean(0)).square().sum(0)
    return 1 - errors / spread.clamp(min=torch.finfo(torch.float64).tiny)


def _mixed(spectra: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """What non-negative mixtures of the held-out spectra leave of each MSI band.

    Returns:
        The fraction of its variance, c; the weights of the mixtures, mean of the folds, C×c.
    """
    errors, spread = torch.zeros_like(targets[0]), torch.zeros_like(targets[0])
    response = spectra.new_zeros(spectra.shape[1], targets.shape[1])
    for held, kept in _folds(len(spectra)):
        mean, target_mean = spectra[kept].mean(0), targets[kept].mean(0)
        design = spectra[kept] - mean
        covariance = design.T @ design
        ridge = RIDGE * covariance.diagonal().mean() + torch.finfo(torch.float64).tiny
        factor = torch.linalg.cholesky(covariance + ridge * torch.eye(len(covariance), dtype=torch.float64))
        projected = torch.linalg.solve_triangular(factor, design.T @ (targets[kept] - target_mean), upper=False)
        weights = torch.from_numpy(np.stack([_weights(factor.T.numpy(), one) for one in projected.T.numpy()], 1))
        difference = targets[held] - target_mean
        errors += (difference - (spectra[held] - mean) @ weights).square().sum(0)
        spread += difference.square().sum(0)
        response += weights / FOLDS
    return errors / spread.clamp(min=torch.finfo(torch.float64).tiny), response


def _noise(pixels: _Pixels, response: Tensor, hr_msi: Tensor, hr_valid: Tensor, scale: int) -> Tensor:
    """Fraction of the variance of each MSI band, in LR pixels, that noise can leave unexplained, c.

    That of the LR-HSI counts twice: it is in the mixture, and makes the weights wrong.
    """
    lr_noise = response.square().T @ unique_variances(pixels.spectra[:, :, None])
    patches = homogeneous_patches(torch.where(hr_valid, hr_msi, 0), hr_valid.all(2))
    hr_noise = unique_variances(patches) / scale**2
    return (2 * lr_noise + hr_noise) / pixels.means.var(0).clamp(min=torch.finfo(torch.float64).tiny)


def _weights(design: Array, target: Array) -> Array:
    """Non-negative least squares; zeros if it does not converge."""
    try:
        return np.asarray(nnls(design, target)[0])
    except RuntimeError:
        return np.zeros(design.shape[1])


def _folds(count: int) -> list[tuple[Tensor, Tensor]]:
    """The pixels held out, a block of rows each, and the others."""
    pixels = torch.arange(count)
    return [
        (held, torch.cat([part for part in pixels.tensor_split(FOLDS) if part is not held]))
        for held in pixels.tensor_split(FOLDS)
    ]


def _few_levels(image: Tensor, valid: Tensor) -> Tensor:
    """Bands that have few distinct values where the others have many, c bool."""
    step = math.ceil(math.sqrt(image.shape[0] * image.shape[1] / LOOKED_AT))
    image, valid = image[::step, ::step], valid[::step, ::step]
    levels = torch.tensor([len(torch.unique(image[..., band][valid[..., band]])) for band in range(image.shape[2])])
    return (levels <= FEW_LEVELS) & (levels * MORE_LEVELS <= levels.max())
