"""Area-to-point kriging: what an LR residual says of the HR pixels under it.

A spectral map leaves a residual Y − PX̂ at low resolution. Where it is error of the map, it is shared by pixels that
look alike and lie near each other; where it is detail of single pixels, it belongs to those under that LR pixel alone;
the rest is noise of Y. Kriging (Kyriakidis 2004, of areas; in remote sensing Wang, Shi and Atkinson 2016) weighs the
three by their covariances and gives the posterior mean of the HR residual, with the PSF as the weights of the areas.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from udaln.solvers.noise import variance_without_inflation
from udaln.solvers.variances import most_probable
from udaln.windows import windows

SHAPE_RANGE = 12.0  # of the covariance, in standard deviations of the whitened spectral shape
SPACE_RANGE = 32.0  # of the covariance [LR pixels]
NIL = 1e-9  # of a PSF's height: what is nothing
UNKNOWN = 10.0  # how much larger the residual may be in gaps of the HR-MSI
TREND = 1.0  # prior variance of an affine correction of the map, relative to the covariance
TILE, HALO, SEAM = 10, 5, 2  # sides [LR pixels]: of a tile, of what is seen around it, of what fades into the next
EXACT = 1e-2  # of the residual's size: noise far below does not count
AT_ONCE = 1 << 24  # covariances in memory


class Kriged(NamedTuple):
    """An HR residual and how far to trust it.

    Attributes:
        image: Posterior mean, rh×rw×C float32.
        variance: Posterior variance, likewise; none where it was not asked for.
        unused: Variance of what was seen that lies outside of the components that stand out of the noise, (C,).
    """

    image: Tensor
    variance: Tensor | None
    unused: Tensor


class _Components(NamedTuple):
    """The residual in components that are uncorrelated over the scene.

    Attributes:
        values: (N, m).
        spectra: (m, C), one of each component.
        noise: Variance of each that is not scene, (m,).
    """

    values: Tensor
    spectra: Tensor
    noise: Tensor


class _Sites(NamedTuple):
    """What the covariance of HR pixels depends on.

    Attributes:
        place: Spectral shape and position, each divided by its range, (…, c + 2).
        brightness: (…,); the error of a map grows with it.
        msi: MSI bands, centred and scaled, (…, c).
    """

    place: Tensor
    brightness: Tensor
    msi: Tensor

    def at(self, index: Tensor) -> _Sites:
        """Those of some."""
        return _Sites(*(part[index] for part in self))


def krige(
    residual: Tensor,
    seen: Tensor,
    hr_msi: Tensor,
    psf: Tensor,
    shift: tuple[int, int],
    noise: Tensor,
    misfit: Tensor | None = None,
    done: Callable[[float], None] | None = None,
    *,
    gaps: Tensor | None = None,
    with_variance: bool = False,
) -> Kriged:
    """The posterior mean of an HR residual whose PSF-weighted means were seen under noise.

    The residual is taken apart into spectral components. Each has the covariance
    q·(1 − a)·(brightness · brightness' · exp(−distance) + trend) + q·a·[same pixel], where the distance is that of
    spectral shape and position together. q and a are the most probable given the data, tile by tile. Without noise the
    result's PSF-weighted means are the residual, and it is zero in every direction in which the residual is.

    Args:
        residual: Where it was seen, n×C.
        seen: Which of the N = h·w LR pixels these are, N bool.
        hr_msi: The HR-MSI, as free of noise as can be, rh×rw×c.
        psf: k×k.
        shift: Of its windows [HR pixels].
        noise: Standard deviation of the noise in each band of the residual, (C,).
        misfit: Covariance of what else in the residual is not of the HR residual, C×C, if there is any.
        done: Told after each tile which share of the work is done.
        gaps: rh×rw bool, the HR pixels of which nothing is known: their residual may be larger.
        with_variance: Calculate the posterior variance, too: it takes longer than the mean.

    Returns:
        The HR residual; its variance is that of the components that stand out of the noise.
    """
    scale = round((hr_msi[..., 0].numel() / len(seen)) ** 0.5)
    sides = hr_msi.shape[0] // scale, hr_msi.shape[1] // scale
    unwanted = torch.diag(noise.double() ** 2) + (0 if misfit is None else misfit)
    parts = _components(residual.double(), unwanted, hr_msi.shape[2])
    row = seen.cumsum(0) - 1  # of an LR pixel in the residual
    sites = _sites(hr_msi, scale)
    if gaps is not None:
        sites = sites._replace(brightness=torch.where(gaps.flatten(), UNKNOWN * sites.brightness, sites.brightness))
    felt = psf.flatten() > NIL * psf.max()  # the rest of a wide window costs, and tells nothing
    weights = psf.flatten()[felt].float()
    number = torch.arange(hr_msi[..., 0].numel(), device=hr_msi.device).view(*hr_msi.shape[:2], 1)
    seen_by = windows(number.double(), psf.shape[0], scale, shift)[:, felt, 0]
    under = seen_by.round().long()  # HR pixels of each LR pixel, (N, K)
    results = torch.zeros(1 + with_variance, number.numel(), len(parts.spectra), device=hr_msi.device)
    counted = torch.zeros(number.numel(), 1, device=hr_msi.device)  # weights of the tiles
    tiles = list(_tiles(*sides))
    for count, (around, fade) in enumerate(tiles if len(parts.spectra) else []):
        fade = fade.to(hr_msi.device).repeat_interleave(scale, 0).repeat_interleave(scale, 1)
        rows, columns = (slice(part.start * scale, part.stop * scale) for part in around)
        wanted = fade > 0
        pixels = number[rows, columns, 0][wanted]
        lr = torch.arange(len(under), device=hr_msi.device).view(sides)[around].flatten()
        lr = lr[seen[lr]]
        if not len(lr):
            continue
        part = _tile(parts, sites, weights, under[lr], pixels, row[lr], with_variance=with_variance)
        results[:, pixels] += fade[wanted][:, None] * part
        counted[pixels] += fade[wanted][:, None]
        if done:
            done((count + 1) / len(tiles))
    results /= counted.clamp(min=1e-12)
    image = (results[0] @ parts.spectra.float()).view(*hr_msi.shape[:2], -1)
    variance = (results[1] @ parts.spectra.float() ** 2).view_as(image) if with_variance else None
    unused = (residual - parts.values @ parts.spectra).square().mean(0)
    return Kriged(image, variance, unused)


def _components(residual: Tensor, noise: Tensor, msi_bands: int) -> _Components:
    """The residual's principal components where its noise, of covariance C×C, is white; those it explains left out.

    The largest of many noise variances are larger than the noise: a component counts from the edge of their
    distribution on (Marchenko and Pastur 1967), and what its variance gains from noise is taken as noise
    (Baik and Silverstein 2006).
    """
    least = EXACT**2 * residual.square().mean(0)
    root = torch.linalg.cholesky(noise + torch.diag(least.clamp(min=torch.finfo(torch.float32).tiny)))
    whitened = torch.linalg.solve_triangular(root, residual.T, upper=False).T
    _, sizes, axes = torch.linalg.svd(whitened, full_matrices=False)
    variance = sizes**2 / len(residual)
    noise_axes = torch.linalg.solve_triangular(root.T, axes.T, upper=True)
    floor = (noise_axes * (noise @ noise_axes)).sum(0).clamp(min=1e-12 * max(1.0, float(variance.max())))
    ratio = len(noise) / max(1, len(residual) - msi_bands - 1)
    seen = variance / floor
    true = variance_without_inflation(seen, ratio)
    counts = (seen > (1 + ratio**0.5) ** 2) & (variance > 0)
    return _Components(
        (whitened @ axes.T)[:, counts],
        (axes @ root.T)[counts],
        (variance - (true - 1) * floor)[counts],
    )


def _sites(hr_msi: Tensor, scale: int) -> _Sites:
    """The sites of all HR pixels, in the order of the image."""
    rows, columns = hr_msi.shape[:2]
    pixels = hr_msi.flatten(0, 1).double()
    relative = pixels / pixels.square().mean(0).sqrt()
    brightness = torch.linalg.vector_norm(relative, dim=1)
    shape = relative / brightness.clamp(min=1e-6 * brightness.mean())[:, None]
    shape = shape - shape.mean(0)
    variance, axes = torch.linalg.eigh(shape.T @ shape / len(shape))
    white = shape @ (axes / variance.clamp(min=1e-6 * variance.max().clamp(min=1e-12)).sqrt())
    y, x = (torch.arange(n, device=pixels.device) / scale / SPACE_RANGE for n in (rows, columns))
    grid = torch.cartesian_prod(y, x)
    spread = pixels.std(0).clamp(min=1e-12)
    return _Sites(
        torch.cat([white / SHAPE_RANGE, grid], 1).float(),
        brightness.float(),
        ((pixels - pixels.mean(0)) / spread).float(),
    )


def _tile(
    parts: _Components,
    sites: _Sites,
    weights: Tensor,
    under: Tensor,
    pixels: Tensor,
    lr: Tensor,
    *,
    with_variance: bool,
) -> Tensor:
    """The components at some HR pixels, given those at n LR pixels and the HR pixels under them, (n, K).

    Returns:
        (1, pixels, m) or, with their variances, (2, pixels, m).
    """
    local, owners = torch.unique(under, return_inverse=True)
    near = sites.at(local)
    spread = _spread(owners, weights.expand_as(owners), len(local))  # the PSF as a matrix, n × local
    lit = _spread(owners, weights * near.brightness[owners], len(local)).float()
    trend = (spread @ near.msi.double()).float()

    def covariance(at: _Sites) -> Tensor:
        """With the LR pixels, (…, n)."""
        blocks = torch.split(at.place, max(1, AT_ONCE // len(local)))
        alike = torch.cat([lit @ torch.cdist(near.place, block).neg_().exp_() for block in blocks], 1)
        return (at.brightness * alike).T

    def affine(at: Tensor) -> Tensor:
        """The trend's covariance with the LR pixels, (…, n)."""
        return TREND / (trend.shape[1] + 1) * (1 + at @ trend.T).double()

    among = spread @ covariance(near).double()
    size = among.diagonal().mean()
    among = (among + among.T) / 2 / size + affine(trend)
    white = spread @ spread.to_dense().T
    norm = white.diagonal().mean()
    found = most_probable(parts.values[lr], among, white / norm, parts.noise)

    here = sites.at(pixels)
    noise = parts.noise - found.own * (1 - found.of_scene)  # what is left to be part of what belongs to the scene
    kept = 1 - (noise / (found.own * found.of_scene).clamp(min=1e-300)).clamp(0, 1)
    place = torch.searchsorted(local, pixels).clamp(max=len(local) - 1)
    under_any = (local[place] == pixels)[:, None]
    own = under_any * spread.to_dense().T[place] / norm
    shared = covariance(here).double() / size + affine(here.msi)
    mean: Tensor = shared @ (found.solved * found.shared) + own @ (found.solved * found.own * found.of_scene * kept)
    if not with_variance:
        return mean.float()[None]
    before = (here.brightness**2 / size + TREND / (trend.shape[1] + 1) * (1 + here.msi.square().sum(1))).double()
    left = torch.empty_like(mean)
    for basis in found.bases:  # the components that share one
        ours = found.of_scene == basis.of_scene
        seen = basis.axes.T @ torch.linalg.solve_triangular(basis.lower, torch.stack([shared, own]).mT, upper=False)
        weight = 1 / found.spectrum[:, ours]
        alone = found.own[ours] * found.of_scene[ours] * kept[ours]
        told = found.shared[ours] ** 2 * (seen[0].square().T @ weight)
        told += 2 * found.shared[ours] * alone * ((seen[0] * seen[1]).T @ weight)
        told += alone**2 * (seen[1].square().T @ weight)
        left[:, ours] = before[:, None] * found.shared[ours] + alone / norm - told
    return torch.stack([mean, left.clamp(min=0)]).float()


def _spread(owners: Tensor, values: Tensor, columns: int) -> Tensor:
    """A sparse matrix with a row for each row of ``owners``, which names the columns of its values; float64."""
    rows = torch.arange(len(owners), device=owners.device)[:, None].expand_as(owners)
    index = torch.stack([rows.flatten(), owners.flatten()])
    shape = (len(owners), columns)
    return torch.sparse_coo_tensor(index, values.double().flatten(), shape, check_invariants=False).coalesce()


def _tiles(rows: int, columns: int) -> Iterator[tuple[tuple[slice, slice], Tensor]]:
    """Of each tile the LR pixels that are seen, and how much what it says of each of them counts, (seen rows, columns).

    A scene of up to two tiles a side is one tile.
    """
    for (top, above), (left, beside) in ((a, b) for a in _spans(rows) for b in _spans(columns)):
        yield (top, left), above[:, None] * beside


def _spans(side: int) -> Iterator[tuple[slice, Tensor]]:
    """The same along one side."""
    count = 1 if side <= TILE + 2 * HALO else round(side / TILE)
    edges = [round(i * side / count) for i in range(count + 1)]
    for first, last in pairwise(edges):
        seen = slice(max(0, first - HALO), min(side, last + HALO))
        middle = torch.arange(seen.start, seen.stop) + 0.5
        inside = torch.minimum(
            middle - first if first else torch.full_like(middle, torch.inf),
            last - middle if last < side else torch.full_like(middle, torch.inf),
        )
        yield seen, ((inside + SEAM) / (2 * SEAM)).clamp(0, 1)
