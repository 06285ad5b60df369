"""Bands with large pixels brought to the small pixels of other bands of the same instrument.

Sentinel-2 has four bands of 10 m and six of 20 m. What a band shows within its pixels is taken from the bands with
smaller pixels by linear regression, and what the regression leaves is interpolated: component substitution with
regression and injection (Aiazzi et al., IEEE TGRS 45(10), 2007), the blur of each band estimated as well. Bands of a
scanner that look along different lines are displaced from each other above the ground, as on clouds. There, pixels
around a place count as well.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d, pad

from udaln.physics.interpolation import interpolate

REACH = 3  # pixels around a place that may count [small pixels]
BLURS = (0.0, 1.0, 1.5, 2.0, 2.5)  # FWHM of a band's Gaussian blur beyond the mean over its pixels [small pixels]
RIDGE = 1e-3  # of the mean variance
BETTER = 0.5  # pixels around count only if the squared error is less than so much of that without them
ROWS = 4  # at least so many pixels for each unknown
MARGIN = 16  # around a window of small pixels, what its values depend on [small pixels]


@dataclass(frozen=True)
class Sharpener:
    """Sharpens bands with large pixels.

    Attributes:
        scale: Small pixels along the side of a large one, r.
        kernels: Weights of the pixels of the sharp bands around a place, B×c×k×k.
        sharp_mean: Subtracted from the sharp bands, c.
        mean: Of the bands with large pixels, B.
        blurs: Of `BLURS`, the one of each band, B.
    """

    scale: int
    kernels: Tensor
    sharp_mean: Tensor
    mean: Tensor
    blurs: Tensor

    def __call__(self, sharp: Tensor, bands: Tensor) -> Tensor:
        """Sharpen a window.

        Args:
            sharp: The bands with small pixels, rh×rw×c. NaN counts as the mean.
            bands: The bands with large pixels, h×w×B, NaN where there are no data.

        Returns:
            rh×rw×B. Averaged over the large pixels, with the blur of each band, it is nearly ``bands``.
        """
        image = _correlated((sharp - self.sharp_mean.to(sharp)).nan_to_num(), self.kernels) + self.mean.to(sharp)
        seen = torch.empty_like(bands)
        for blur in sorted(set(self.blurs.tolist())):
            same = self.blurs == blur
            seen[..., same] = _averaged(_blurred(image[..., same], blur), self.scale)
        return image + interpolate((bands - seen).nan_to_num(), self.scale)


def fit_sharpener(sharp: Tensor, bands: Tensor, scale: int) -> Sharpener:
    """Estimate how bands with large pixels follow from the sharp ones.

    Args:
        sharp: The bands with small pixels, rh×rw×c; NaN where there are no data.
        bands: The bands with large pixels, h×w×B, likewise.
        scale: r.

    Returns:
        The sharpener. Of too few pixels with data, it only interpolates.
    """
    sharp, bands = sharp.double(), bands.double()
    sharpener = _best_blur(sharp, bands, scale)
    unexplained, displaced = _tried_on_larger_pixels(sharp, bands, scale)
    kernels, blurs = sharpener.kernels.clone(), torch.where(unexplained | displaced, 0.0, sharpener.blurs)
    kernels[unexplained] = 0
    sharpener = replace(sharpener, kernels=kernels, blurs=blurs)
    return _merged(sharpener, _fit(sharp, bands, scale, REACH, 0.0)[0], displaced) if displaced.any() else sharpener


def _best_blur(sharp: Tensor, bands: Tensor, scale: int) -> Sharpener:
    """The sharpener from the pixel itself, with the blur that explains each band best."""
    fits = [_fit(sharp, bands, scale, 0, blur) for blur in BLURS]
    best = torch.stack([error for _, error in fits]).argmin(0)
    kernels = torch.stack([fit.kernels for fit, _ in fits])[best, torch.arange(len(best))]
    return replace(fits[0][0], kernels=kernels, blurs=torch.tensor(BLURS, dtype=torch.float64)[best])


def _tried_on_larger_pixels(sharp: Tensor, bands: Tensor, scale: int) -> tuple[Tensor, Tensor]:
    """Which bands are better interpolated, and which better sharpened by the pixels around a place, B bool each.

    Both images are averaged once more, so that ``bands`` are the truth to be found. Of too few pixels, no band is
    either.
    """
    height, width = (side // scale * scale for side in bands.shape[:2])
    nothing = torch.zeros(bands.shape[2], dtype=torch.bool)
    if not height or not width:
        return nothing, nothing
    truth = bands[:height, :width]
    coarse, fine = _averaged(truth, scale), _averaged(sharp[: height * scale, : width * scale], scale)
    interpolated = interpolate(coarse, scale)
    errors = [(interpolated - truth).square().nanmean((0, 1))]
    for reach in (0, REACH):
        sharpener, misfit = _fit(fine, coarse, scale, reach, 0.0)
        error = (sharpener(fine, coarse) - truth).square().nanmean((0, 1))
        errors.append(torch.where(misfit.isfinite(), error, torch.inf))
    plain, single, around = errors
    displaced = (around < BETTER * single) & (around < plain)
    return ~displaced & (plain < single) & single.isfinite(), displaced


def _fit(sharp: Tensor, bands: Tensor, scale: int, reach: int, blur: float) -> tuple[Sharpener, Tensor]:
    """Ridge regression of the bands on the sharp ones within ``reach``.

    Returns:
        The sharpener, and the mean squared error of each band: infinite if there are too few pixels.
    """
    (height, width, count), side = bands.shape, 2 * reach + 1
    mean_over_pixels = _averaged_everywhere(_blurred(sharp, blur), scale, reach)
    features = torch.stack(
        [
            mean_over_pixels[row : row + height * scale : scale, column : column + width * scale : scale]
            for row in range(side)
            for column in range(side)
        ],
        -1,
    ).reshape(height * width, -1)
    targets = bands.reshape(height * width, -1)
    rows = features.isfinite().all(1) & targets.isfinite().all(1)
    features, targets = features[rows], targets[rows]
    shape = count, sharp.shape[2], side, side
    zeros = bands.new_zeros
    if len(features) < ROWS * (features.shape[1] + 1):
        nothing = Sharpener(scale, zeros(shape), zeros(shape[1]), zeros(count), zeros(count))
        return nothing, bands.new_full((count,), torch.inf)
    sharp_mean = features.reshape(len(features), shape[1], -1).mean((0, 2))
    mean = targets.mean(0)
    features = features - sharp_mean.repeat_interleave(side**2)
    targets = targets - mean
    gram = features.T @ features
    ridge = RIDGE * gram.diagonal().mean() + torch.finfo(gram.dtype).tiny
    weights = torch.linalg.solve(gram + ridge * torch.eye(len(gram), dtype=gram.dtype), features.T @ targets)
    error = (targets - features @ weights).square().mean(0)
    return Sharpener(scale, weights.T.reshape(shape), sharp_mean, mean, zeros(count)), error


def _merged(single: Sharpener, around: Sharpener, displaced: Tensor) -> Sharpener:
    """The kernels of ``around`` for the displaced bands, of ``single`` for the others, with one mean."""
    kernels = pad(single.kernels, (REACH,) * 4)
    kernels[displaced] = around.kernels[displaced]
    moved = kernels.sum((2, 3)) @ (single.sharp_mean - around.sharp_mean)
    mean = torch.where(displaced, around.mean + moved, single.mean)
    return Sharpener(single.scale, kernels, single.sharp_mean, mean, single.blurs)


def _correlated(image: Tensor, kernels: Tensor) -> Tensor:
    """An image, H×W×c, through kernels, B×c×k×k: H×W×B."""
    reach = kernels.shape[-1] // 2
    if not reach:
        return image @ kernels[:, :, 0, 0].T.to(image)
    return conv2d(_bordered(image, reach), kernels.to(image))[0].movedim(0, -1)


def _blurred(image: Tensor, fwhm: float) -> Tensor:
    """An image, H×W×c, through a Gaussian."""
    if not fwhm:
        return image
    sigma = fwhm / 2.3548
    reach = int(4 * sigma) + 1
    weights = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, dtype=torch.float64) / sigma) ** 2)
    weights = (weights / weights.sum()).to(image)
    channels = _bordered(image, reach).movedim(0, 1)
    channels = conv2d(conv2d(channels, weights.view(1, 1, -1, 1)), weights.view(1, 1, 1, -1))
    return channels[:, 0].movedim(0, -1)


def _averaged(image: Tensor, scale: int) -> Tensor:
    """The means over squares of pixels, H/r×W/r×c."""
    return avg_pool2d(image.movedim(-1, 0), scale).movedim(0, -1)


def _averaged_everywhere(image: Tensor, scale: int, reach: int) -> Tensor:
    """The means over squares of pixels that begin at each pixel, from ``reach`` pixels beyond the border on."""
    padded = pad(image.movedim(-1, 0)[None], (reach, reach + scale - 1) * 2, mode="replicate")
    return avg_pool2d(padded[0], scale, stride=1).movedim(0, -1)


def _bordered(image: Tensor, reach: int) -> Tensor:
    """An image with its border repeated, 1×c×H×W."""
    return pad(image.movedim(-1, 0)[None], (reach,) * 4, mode="replicate")
