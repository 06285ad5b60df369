"""Area-to-point kriging of one tile: prior covariances, and the posterior mean and variance at HR pixels."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from udaln.consistency.covariance import Covariates
from udaln.consistency.variances import Variances, fit_variances

SPATIAL_RANGE = 32.0  # range of the covariance [LR pixels]
TREND_VARIANCE = 1.0  # prior variance of an affine correction of the map, relative to the correlated covariance
NEARBY_VARIANCE = 0.1  # that of errors which neither colour nor brightness tells, relative to the same
PIXELS_AT_ONCE = 256  # HR pixels whose covariances with all others are computed together: about what fits in a cache


with warnings.catch_warnings():  # torch warns once of each; no thread can set filters for itself
    warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta")
    warnings.filterwarnings("ignore", "Sparse invariant checks are implicitly disabled")  # by torch 2.11
    torch.sparse_csr_tensor([0, 1], [0], [1.0], (1, 1), check_invariants=False)  # several times as fast as COO


class HRGrid(NamedTuple):
    """The grid of HR pixels, numbered row by row.

    Attributes:
        covariates: Of all pixels.
        columns: Pixels in a row.
        scale: Scale factor r.
    """

    covariates: Covariates
    columns: int
    scale: int


class Supports(NamedTuple):
    """The supports of n LR pixels: the HR pixels that the PSF averages.

    Attributes:
        pixels: Numbers of the HR pixels, (n, K).
        weights: PSF weights, (K,) float32.
    """

    pixels: Tensor
    weights: Tensor

    def matrix(self, values: Tensor, columns: int) -> Tensor:
        """A sparse matrix, n × columns, with a value (n, K) for each HR pixel of each support."""
        starts = torch.arange(0, self.pixels.numel() + 1, self.pixels.shape[1], device=self.pixels.device)
        ordered, order = self.pixels.sort(1)
        values, size = values.gather(1, order).flatten(), (len(self.pixels), columns)
        return torch.sparse_csr_tensor(starts, ordered.flatten(), values, size, check_invariants=False)


class Prior(NamedTuple):
    """Prior covariances of n LR pixels and p target HR pixels, relative to the sill or to the nugget.

    Attributes:
        lr: Correlated covariance of the LR pixels, n×n.
        target_lr: That of the targets with the LR pixels, p×n.
        target: That of each target with itself, (p,).
        lr_nugget: Covariance of the LR pixels that independent HR pixels cause, n×n.
        target_lr_nugget: That of the targets with the LR pixels, p×n.
        target_nugget: That of each target with itself, (p,).
    """

    lr: Tensor
    target_lr: Tensor
    target: Tensor
    lr_nugget: Tensor
    target_lr_nugget: Tensor
    target_nugget: Tensor


def krige_tile(
    values: Tensor,
    noise: Tensor,
    grid: HRGrid,
    supports: Supports,
    targets: Tensor,
    origin: tuple[int, int],
    *,
    with_variance: bool,
) -> Tensor:
    """Predict the components of the residual at p HR pixels from those at n LR pixels.

    Args:
        values: Components at the LR pixels, (n, m).
        noise: Variance of each component that is noise, (m,).
        grid: The HR pixels.
        supports: Of the LR pixels.
        targets: Numbers of the HR pixels to predict, (p,).
        origin: Row and column of the tile's first HR pixel.
        with_variance: Return the posterior variances, too.

    Returns:
        Posterior means, (1, p, m), or means and variances, (2, p, m); float32.
    """
    prior = _prior(grid, supports, targets, origin)
    fit = fit_variances(values, prior.lr, prior.lr_nugget, noise)
    signal_nugget = _signal_nugget(fit, noise)
    mean: Tensor = prior.target_lr @ (fit.dual_weights * fit.sill)
    mean += prior.target_lr_nugget @ (fit.dual_weights * signal_nugget)
    if not with_variance:
        return mean.float()[None]
    return torch.stack([mean, _variance(prior, fit, signal_nugget)]).float()


def _prior(grid: HRGrid, supports: Supports, targets: Tensor, origin: tuple[int, int]) -> Prior:
    """The prior covariances of a tile."""
    local, index = torch.unique(torch.cat([supports.pixels.flatten(), targets]), return_inverse=True)
    supported = supports.pixels.numel()
    weights = supports.weights
    supports, place = Supports(index[:supported].view_as(supports.pixels), weights), index[supported:]
    covariates, at_targets = grid.covariates.at(local), grid.covariates.at(targets)
    psf = supports.matrix(weights.expand_as(supports.pixels).double(), len(local))

    positions = _positions(local, grid, origin)
    brightness = supports.matrix(weights * covariates.brightness[supports.pixels], len(local))
    alike = _seen(brightness, torch.cat([covariates.shape, positions], 1)) * covariates.brightness[:, None]
    near = _seen(psf.float(), positions)
    norm, near_norm = ((psf @ part.double()).diagonal().mean() for part in (alike, near))
    near_norm = near_norm / NEARBY_VARIANCE
    hr_lr = alike.double() / norm + near.double() / near_norm  # l × n
    lr = psf @ hr_lr
    msi = psf @ covariates.msi.double()
    trend_scale = TREND_VARIANCE / (msi.shape[1] + 1)

    def trend(at: Tensor) -> Tensor:
        """Covariance of an affine function of the MSI bands, (…, c), with that at the LR pixels: (…, n)."""
        return trend_scale * (1 + at.double() @ msi.T)

    power = covariates.brightness.double().square()
    nugget = power + (psf @ power[:, None]).mean()  # half of it, on average, is larger in bright pixels
    hr_lr_nugget = psf.to_dense().T * nugget[:, None]
    lr_nugget = psf @ hr_lr_nugget
    nugget_norm = lr_nugget.diagonal().mean()
    return Prior(
        lr=(lr + lr.T) / 2 + trend(msi),
        target_lr=hr_lr[place] + trend(at_targets.msi),
        target=power[place] / norm + 1 / near_norm + trend_scale * (1 + at_targets.msi.double().square().sum(1)),
        lr_nugget=lr_nugget / nugget_norm,
        target_lr_nugget=hr_lr_nugget[place] / nugget_norm,
        target_nugget=nugget[place] / nugget_norm,
    )


def _signal_nugget(fit: Variances, noise: Tensor) -> Tensor:
    """Variance of the HR pixels' nugget that is not noise, (m,): noise beyond the LR pixels' nugget is part of it."""
    hr_nugget = fit.nugget * fit.hr_fraction
    remaining_noise = noise - fit.nugget * (1 - fit.hr_fraction)
    return hr_nugget * (1 - (remaining_noise / hr_nugget.clamp(min=1e-300)).clamp(0, 1))


def _variance(prior: Prior, fit: Variances, signal_nugget: Tensor) -> Tensor:
    """Posterior variance of m components at p targets, (p, m): the prior variance minus what the data explain."""
    covariances = torch.stack([prior.target_lr, prior.target_lr_nugget])
    variance = torch.empty(len(prior.target), len(fit.sill)).to(prior.target)
    for basis in fit.bases:  # the components that share one
        same = fit.hr_fraction == basis.hr_fraction
        correlated, nugget = basis.axes.T @ torch.linalg.solve_triangular(basis.lower, covariances.mT, upper=False)
        weight = 1 / fit.eigenvalues[:, same]
        sill, own = fit.sill[same], signal_nugget[same]
        explained = sill**2 * (correlated.square().T @ weight)
        explained += 2 * sill * own * ((correlated * nugget).T @ weight)
        explained += own**2 * (nugget.square().T @ weight)
        variance[:, same] = prior.target[:, None] * sill + prior.target_nugget[:, None] * own - explained
    return variance.clamp(min=0)


def _positions(pixels: Tensor, grid: HRGrid, origin: tuple[int, int]) -> Tensor:
    """Positions of HR pixels relative to the tile's origin, in ranges of the covariance, (n, 2)."""
    down, right = pixels // grid.columns - origin[0], pixels % grid.columns - origin[1]
    return torch.stack([down, right], 1).float() / (grid.scale * SPATIAL_RANGE)


def _seen(psf: Tensor, coordinates: Tensor) -> Tensor:
    """Correlations of l HR pixels, at coordinates (l, d), with what n LR pixels see of them by an n×l matrix: l×n."""
    return torch.cat([psf @ block for block in _correlations(coordinates)], 1).T


def _correlations(coordinates: Tensor) -> Iterator[Tensor]:
    """exp(−distance) between all points (n, d), in blocks of columns of the n×n matrix."""
    coordinates = coordinates - coordinates.mean(0)  # small numbers have small rounding errors
    square = coordinates.square().sum(1, keepdim=True)
    one = torch.ones_like(square)
    left, right = torch.cat([coordinates, square, one], 1), torch.cat([-2 * coordinates, one, square], 1)
    for start in range(0, len(right), PIXELS_AT_ONCE):
        distance = left @ right[start : start + PIXELS_AT_ONCE].T
        distance[start : start + PIXELS_AT_ONCE].fill_diagonal_(0)  # the square root amplifies rounding there
        yield distance.clamp_(min=0).sqrt_().neg_().exp_()
