"""Area-to-point kriging of the LR residual: the posterior mean and variance of the HR residual, tile by tile.

A spectral map leaves a residual Y − PX̂ at low resolution. It has three parts: errors of the map, correlated between
pixels that are similar and near each other; detail of single HR pixels, the nugget; and noise of Y. Kriging with data
of areal support (Kyriakidis, 2004; in remote sensing Wang, Shi and Atkinson, 2016) separates the three by their
covariances. The PSF gives the weights of the HR pixels within the support of an LR pixel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from udaln import threads
from udaln.consistency.covariance import CovarianceModel, Covariates
from udaln.consistency.tile_kriging import HRGrid, Supports, krige_tile
from udaln.consistency.tiles import overlapping_tiles
from udaln.physics.part import Box, Part
from udaln.physics.windows import windows

NEGLIGIBLE = 1e-9  # PSF weights below this fraction of the largest are taken as zero
GAP_FACTOR = 10.0  # factor on the standard deviation of the residual in gaps of the HR-MSI


class Prediction(NamedTuple):
    """The posterior of an HR residual, by component: `CovarianceModel.spectra` maps components to bands.

    Attributes:
        mean: Posterior mean, rows×columns×m float32.
        variance: Posterior variance, rows×columns×m float32; none unless requested.
    """

    mean: Tensor
    variance: Tensor | None


def krige(
    model: CovarianceModel,
    residual: Tensor,
    valid: Tensor,
    hr_msi: Tensor,
    psf: Tensor,
    shift: tuple[int, int],
    part: Part,
    progress: Callable[[float], None] | None = None,
    *,
    gaps: Tensor | None = None,
    with_variance: bool = False,
) -> Prediction:
    """Predict the HR residual from the LR residual, its PSF-weighted mean under noise.

    Each component of the residual has the covariance
    q·[(1 − a)·(brightness · brightness' · exp(−distance) + nearness + trend) + a·[same pixel]]. The distance combines
    spectral shape and position; the nearness is exp(−distance) by position alone, for errors that neither colour nor
    brightness tells. The nugget, too, is larger in bright pixels. The sill q and the nugget share a are the most
    probable in each tile. Without noise, the PSF-weighted means of the result are the residual. A spectral direction
    in which the residual is zero stays so.

    Args:
        model: Covariance model of the scene.
        residual: LR residual at the n valid LR pixels of the part that is read, n×C.
        valid: Mask of these among its N = h·w LR pixels, N bool.
        hr_msi: Its HR-MSI, denoised, rh×rw×c.
        psf: k×k.
        shift: Displacement of the PSF windows [HR pixels].
        part: The rectangles that are read and wanted.
        progress: Called with the completed fraction of the work after each tile.
        gaps: Mask of HR pixels without data, rh×rw bool; their residual may be larger.
        with_variance: Compute the posterior variance, too, which takes longer than the mean.

    Returns:
        The HR residual in the wanted rectangle.
    """
    scale = round((hr_msi[..., 0].numel() / len(valid)) ** 0.5)
    scores = residual.double() @ model.analysis
    row = valid.cumsum(0) - 1  # of each LR pixel in the residual
    grid = HRGrid(_covariates(model, hr_msi, gaps), hr_msi.shape[1], scale)
    hr_number = torch.arange(hr_msi[..., 0].numel(), device=hr_msi.device).view(hr_msi.shape[:2])
    lr_number = torch.arange(len(valid), device=hr_msi.device).view(-1, hr_msi.shape[1] // scale)
    pixels, weights = _supports(psf, hr_number, scale, shift)
    image = _Blend(part, scale, 1 + with_variance, len(model.spectra), hr_msi.device)
    tiles = list(overlapping_tiles(part)) if len(model.spectra) else []

    def predict(tile: tuple[Box, Tensor]) -> tuple[Tensor, Box] | None:
        extent, blend = tile
        lr = lr_number[part.inside(extent)].flatten()
        lr = lr[valid[lr]]
        if not len(lr):
            return None
        box = _weighted_box(blend > 0, extent, part.wanted)
        targets = hr_number[part.inside(box, scale)]
        top, left = part.inside(extent, scale)
        data = scores[row[lr]], model.noise, grid, Supports(pixels[lr], weights)
        values = krige_tile(*data, targets.flatten(), (top.start, left.start), with_variance=with_variance)
        return values.view(-1, *targets.shape, len(model.spectra)), box

    workers = threads.workers(len(tiles), _tile_bytes(tiles, scale, with_variance)) if hr_msi.is_cpu else 1
    with threads.in_order(predict, tiles, workers) as predictions:
        for count, ((extent, blend), prediction) in enumerate(zip(tiles, predictions, strict=True), 1):
            if prediction is None:
                continue
            image.add(*prediction, extent, blend)
            if progress:
                progress(count / len(tiles))
    mean, *variance = image.blended()
    return Prediction(mean, variance[0] if with_variance else None)


def _covariates(model: CovarianceModel, hr_msi: Tensor, gaps: Tensor | None) -> Covariates:
    """The covariates of all HR pixels; a greater brightness in gaps stands for a larger residual."""
    covariates = model.covariates(hr_msi)
    if gaps is None:
        return covariates
    brightness = torch.where(gaps.flatten(), GAP_FACTOR * covariates.brightness, covariates.brightness)
    return covariates._replace(brightness=brightness)


def _supports(psf: Tensor, hr_number: Tensor, scale: int, shift: tuple[int, int]) -> Supports:
    """The supports of all LR pixels, without pixels of negligible weight, which cost time in a wide window."""
    used = psf.flatten().abs() > NEGLIGIBLE * psf.abs().max()
    pixels = windows(hr_number[..., None], psf.shape[0], scale, shift)[:, used, 0]
    return Supports(pixels, psf.flatten()[used].float())


def _tile_bytes(tiles: Sequence[tuple[Box, Tensor]], scale: int, with_variance: bool) -> int:
    """About what kriging the largest tile takes: matrices of its LR pixels by its HR pixels."""
    largest = max((blend.numel() for _, blend in tiles), default=0)
    return (104 if with_variance else 56) * (largest * scale) ** 2


def _weighted_box(weighted: Tensor, extent: Box, wanted: Box) -> Box:
    """The wanted rectangle within a tile's pixels of positive weight, (rows, columns) bool, in the whole pair."""
    spans = []
    for axis, (along, span) in enumerate(zip(extent, wanted, strict=True)):
        at = weighted.any(1 - axis).nonzero()
        spans.append(slice(max(span.start, along.start + int(at[0])), min(span.stop, along.start + int(at[-1]) + 1)))
    return spans[0], spans[1]


class _Blend:
    """The weighted mean of overlapping tiles in the wanted rectangle of a part."""

    def __init__(self, part: Part, scale: int, layers: int, components: int, device: torch.device) -> None:
        rows, columns = ((span.stop - span.start) * scale for span in part.wanted)
        self._part, self._scale = Part(part.sides, part.wanted, part.wanted), scale
        self._sum = torch.zeros(layers, rows, columns, components, device=device)
        self._weight = torch.zeros(rows, columns, 1, device=device)

    def add(self, tile: Tensor, box: Box, extent: Box, blend: Tensor) -> None:
        """Add a tile, layers×rows×columns×m, that fills a box, by the blend weights of its extent."""
        within = Part(self._part.sides, extent, extent).inside(box)
        weight = blend[within].to(tile.device)
        weight = weight.repeat_interleave(self._scale, 0).repeat_interleave(self._scale, 1)[..., None]
        place = self._part.inside(box, self._scale)
        self._sum[:, *place] += weight * tile
        self._weight[place] += weight

    def blended(self) -> Tensor:
        """The mean, layers×rows×columns×m, zero where no tile has been added; the sum is overwritten."""
        self._sum /= self._weight.clamp(min=1e-12)
        return self._sum
