"""Area-to-point kriging: what an LR residual says of the HR pixels under it.

A spectral map leaves a residual Y − PX̂ at low resolution. Where it is error of the map, it is shared by pixels that
look alike and lie near each other; where it is detail of single pixels, it belongs to those under that LR pixel alone;
the rest is noise of Y. Kriging (Kyriakidis 2004, of areas; in remote sensing Wang, Shi and Atkinson 2016) weighs the
three by their covariances and gives the posterior mean of the HR residual, with the PSF as the weights of the areas.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from udaln.consistency.covariance import Field, Sites
from udaln.consistency.tiles import Box, Part, tiles_of
from udaln.consistency.variances import most_probable
from udaln.physics.windows import windows

SPACE_RANGE = 32.0  # of the covariance [LR pixels]
NIL = 1e-9  # of a PSF's height: what is nothing
UNKNOWN = 10.0  # how much larger the residual may be in gaps of the HR-MSI
TREND = 1.0  # prior variance of an affine correction of the map, relative to the covariance
AT_ONCE = 256  # HR pixels whose covariances with all others are calculated together: about what stays in a cache


class Kriged(NamedTuple):
    """An HR residual and how far to trust it, in the components of its field: times ``Field.spectra``, it has bands.

    Attributes:
        mean: Posterior mean, rows×columns×m float32.
        variance: Posterior variance, likewise; none where it was not asked for.
    """

    mean: Tensor
    variance: Tensor | None


def krige(
    field: Field,
    residual: Tensor,
    seen: Tensor,
    hr_msi: Tensor,
    psf: Tensor,
    shift: tuple[int, int],
    part: Part,
    done: Callable[[float], None] | None = None,
    *,
    gaps: Tensor | None = None,
    with_variance: bool = False,
) -> Kriged:
    """The posterior mean of an HR residual whose PSF-weighted means were seen under noise.

    Each component of the residual has the covariance
    q·(1 − a)·(brightness · brightness' · exp(−distance) + trend) + q·a·[same pixel], where the distance is that of
    spectral shape and position together. q and a are the most probable given the data, tile by tile. Without noise the
    result's PSF-weighted means are the residual, and it is zero in every direction in which the residual is.

    Args:
        field: What the residual is like.
        residual: Of the part that is read, where it was seen, n×C.
        seen: Which of its N = h·w LR pixels these are, N bool.
        hr_msi: Its HR-MSI, as free of noise as can be, rh×rw×c.
        psf: k×k.
        shift: Of its windows [HR pixels].
        part: What is read and what is asked for.
        done: Told after each tile which share of the work is done.
        gaps: rh×rw bool, the HR pixels of which nothing is known: their residual may be larger.
        with_variance: Calculate the posterior variance, too: it takes longer than the mean.

    Returns:
        The HR residual of what is asked for.
    """
    scale = round((hr_msi[..., 0].numel() / len(seen)) ** 0.5)
    device, across = hr_msi.device, hr_msi.shape[1]
    values = residual.double() @ field.analysis
    row = seen.cumsum(0) - 1  # of an LR pixel in the residual
    sites = field.sites(hr_msi)
    if gaps is not None:
        sites = sites._replace(brightness=torch.where(gaps.flatten(), UNKNOWN * sites.brightness, sites.brightness))
    felt = psf.flatten() > NIL * psf.max()  # the rest of a wide window costs, and tells nothing
    weights = psf.flatten()[felt].float()
    number = torch.arange(hr_msi[..., 0].numel(), device=device).view(*hr_msi.shape[:2], 1)
    under = windows(number, psf.shape[0], scale, shift)[:, felt, 0]  # HR pixels of each LR pixel, (N, K)
    sides = [(span.stop - span.start) * scale for span in part.wanted]
    lr_number = torch.arange(len(under), device=device).view(-1, across // scale)
    results = torch.zeros(1 + with_variance, *sides, len(field.spectra), device=device)
    counted = torch.zeros(*sides, 1, device=device)  # weights of the tiles
    tiles = list(tiles_of(part)) if len(field.spectra) else []
    for count, (around, fade) in enumerate(tiles):
        box = _where(fade > 0, around, part.wanted)
        lr = lr_number[part.inside(around)].flatten()
        lr = lr[seen[lr]]
        if not len(lr):
            continue
        top, left = part.inside(around, scale)
        layout = top.start * across + left.start, across, scale
        pixels = number[part.inside(box, scale)][..., 0]
        given = values[row[lr]], field.noise, sites, weights, under[lr], pixels.flatten()
        told = _tile(*given, layout, with_variance=with_variance).view(-1, *pixels.shape, values.shape[1])
        within = Part(part.sides, around, around).inside(box)
        weight = fade[within].to(device).repeat_interleave(scale, 0).repeat_interleave(scale, 1)[..., None]
        place = Part(part.sides, part.wanted, part.wanted).inside(box, scale)
        results[:, *place] += weight * told
        counted[place] += weight
        if done:
            done((count + 1) / len(tiles))
    results /= counted.clamp(min=1e-12)
    return Kriged(results[0], results[1] if with_variance else None)


def _where(counts: Tensor, around: Box, wanted: Box) -> Box:
    """The rectangle, in the whole image, of what counts of a tile, (rows, columns) bool, and is asked for."""
    spans = []
    for axis, (seen, span) in enumerate(zip(around, wanted, strict=True)):
        at = counts.any(1 - axis).nonzero()
        spans.append(slice(max(span.start, seen.start + int(at[0])), min(span.stop, seen.start + int(at[-1]) + 1)))
    return spans[0], spans[1]


def _tile(
    values: Tensor,
    noise: Tensor,
    sites: Sites,
    weights: Tensor,
    under: Tensor,
    pixels: Tensor,
    layout: tuple[int, int, int],
    *,
    with_variance: bool,
) -> Tensor:
    """The components at some HR pixels, given those at n LR pixels, (n, m), and the HR pixels under them, (n, K).

    Args:
        values: The components at the LR pixels.
        noise: Variance of each that is not scene, (m,).
        sites: Of all HR pixels.
        weights: The PSF's, K.
        under: Numbers of HR pixels.
        pixels: Likewise.
        layout: The number of the HR pixel in the tile's corner, how many there are in a row, and the scale factor.
        with_variance: Return the variances, too.

    Returns:
        (1, pixels, m) or, with their variances, (2, pixels, m).
    """
    local, place = torch.unique(torch.cat([under.flatten(), pixels]), return_inverse=True)
    owners, place = place[: under.numel()].view_as(under), place[under.numel() :]
    near = sites.at(local)
    spots = torch.cat([near.shape, _places(local, layout)], 1)
    spread = _spread(owners, weights.expand_as(owners).double(), len(local))  # the PSF as a matrix, n × local
    lit = _spread(owners, weights * near.brightness[owners], len(local))
    alike = torch.cat([lit @ block for block in _alike(spots)], 1)
    covariance = (near.brightness * alike).T  # of what is shared: of HR pixels with LR pixels, local × n
    trend = spread @ near.msi.double()

    def affine(at: Tensor) -> Tensor:
        """The trend's covariance with the LR pixels, (…, n)."""
        return TREND / (trend.shape[1] + 1) * (1 + at.double() @ trend.T)

    among = spread @ covariance.double()
    size = among.diagonal().mean()
    among = (among + among.T) / 2 / size + affine(trend)
    seen_by = spread.to_dense().T
    white = spread @ seen_by
    norm = white.diagonal().mean()
    found = most_probable(values, among, white / norm, noise)

    here = sites.at(pixels)
    left_over = noise - found.own * (1 - found.of_scene)  # what is left to be part of what belongs to the scene
    kept = 1 - (left_over / (found.own * found.of_scene).clamp(min=1e-300)).clamp(0, 1)
    shared = covariance[place].double() / size + affine(here.msi)
    mean: Tensor = shared @ (found.solved * found.shared)
    of_pixels = found.solved * (found.own * found.of_scene * kept / norm)
    of_pixels = (weights.double()[:, None] * of_pixels[:, None]).flatten(0, 1)  # of each LR pixel to those under it
    mean += torch.zeros(len(local), mean.shape[1]).to(mean).index_add_(0, owners.flatten(), of_pixels)[place]
    if not with_variance:
        return mean.float()[None]
    own = seen_by[place] / norm
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


def _places(pixels: Tensor, layout: tuple[int, int, int]) -> Tensor:
    """Where HR pixels lie, (n, 2), in ranges of the covariance from the corner of the tile."""
    corner, across, scale = layout
    down, right = pixels // across - corner // across, pixels % across - corner % across
    return torch.stack([down, right], 1).float() / (scale * SPACE_RANGE)


def _alike(places: Tensor) -> Iterator[Tensor]:
    """exp(−distance) of all places, (n, d), to each other, some columns at a time."""
    places = places - places.mean(0)  # small numbers round less
    square = places.square().sum(1, keepdim=True)
    one = torch.ones_like(square)
    left, right = torch.cat([places, square, one], 1), torch.cat([-2 * places, one, square], 1)
    for start in range(0, len(right), AT_ONCE):
        distance = left @ right[start : start + AT_ONCE].T
        distance[start : start + AT_ONCE].fill_diagonal_(0)  # the root makes rounding large there
        yield distance.clamp_(min=0).sqrt_().neg_().exp_()


def _spread(owners: Tensor, values: Tensor, columns: int) -> Tensor:
    """A sparse matrix with a row for each row of ``owners``, which names the columns of its values."""
    starts = torch.arange(0, owners.numel() + 1, owners.shape[1], device=owners.device)
    ordered, order = owners.sort(1)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta")  # several times as fast as COO
        return torch.sparse_csr_tensor(
            starts, ordered.flatten(), values.gather(1, order).flatten(), (len(owners), columns), check_invariants=False
        )
