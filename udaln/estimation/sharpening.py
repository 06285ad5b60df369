"""Bands with large pixels brought to the small pixels of other bands of the same instrument.

Sentinel-2 has four bands of 10 m and six of 20 m. What a band shows within its pixels is taken from the bands with
smaller pixels by linear regression, and what the regression leaves is interpolated: component substitution with
regression and injection (Aiazzi et al., IEEE TGRS 45(10), 2007). The blur of each band is estimated as well. A second
regression, with weights that fade with the distance, makes up for what differs from place to place. Bands of a scanner
that look along different lines are displaced from each other above the ground, as on clouds. There, pixels around a
place count as well. Each of these is tried on larger pixels, whose truth is known, and done where it helps.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d, pad

from udaln.physics.interpolation import interpolate

REACH = 3  # pixels around a place that may count [small pixels]
BLURS = (0.0, 0.5, 0.75, 1.0, 1.25)  # FWHM of a band's Gaussian blur beyond the mean over its pixels [large pixels]
RIDGE = 1e-3  # of the mean variance
BETTER = 0.5  # pixels around count only if the squared error is less than so much of that without them
ROWS = 4  # at least so many pixels for each unknown
NEAR = 1.5  # standard deviation of the weights of the local regression [large pixels]
MARGIN = 14  # around a window, what its values depend on [large pixels]


@dataclass(frozen=True)
class Sharpener:
    """Sharpens bands with large pixels.

    Attributes:
        scale: Small pixels along the side of a large one, r.
        kernels: Weights of the pixels of the sharp bands around a place, B×c×k×k.
        sharp_mean: Subtracted from the sharp bands, c.
        mean: Of the bands with large pixels, B.
        blurs: Of `BLURS`, the one of each band, B [small pixels].
        local: The bands with a local regression, B bool.
        variance: Mean variance of the sharp bands, averaged over large pixels.
    """

    scale: int
    kernels: Tensor
    sharp_mean: Tensor
    mean: Tensor
    blurs: Tensor
    local: Tensor
    variance: float

    def __call__(self, sharp: Tensor, bands: Tensor) -> Tensor:
        """Sharpen a window.

        Args:
            sharp: The bands with small pixels, rh×rw×c. NaN counts as the mean.
            bands: The bands with large pixels, h×w×B, NaN where there are no data.

        Returns:
            rh×rw×B. Averaged over the large pixels, with the blur of each band, it is nearly ``bands``.
        """
        there = sharp.isfinite().all(2, keepdim=True)
        sharp = (sharp - self.sharp_mean.to(sharp)).nan_to_num()
        image = _correlated(sharp, self.kernels) + self.mean.to(sharp)
        if self.local.any():
            image[..., self.local] += self._locally(sharp, there, (bands - self._seen(image))[..., self.local]).to(
                sharp
            )
        return image + interpolate((bands - self._seen(image)).nan_to_num(), self.scale)

    def _seen(self, image: Tensor) -> Tensor:
        """The bands as they would be seen, h×w×B."""
        seen = image.new_empty(image.shape[0] // self.scale, image.shape[1] // self.scale, image.shape[2])
        for blur in sorted(set(self.blurs.tolist())):
            same = self.blurs == blur
            seen[..., same] = _averaged(_blurred(image[..., same], blur), self.scale)
        return seen

    def _locally(self, sharp: Tensor, there: Tensor, rest: Tensor) -> Tensor:
        """What a local regression of the rest on the sharp bands adds to the bands with one, rh×rw×b.

        Args:
            sharp: Without mean and gaps, rh×rw×c.
            there: Where it has data, rh×rw×1.
            rest: What is left of these bands, h×w×b; NaN where there are no data.
        """
        count, rest = sharp.shape[2], rest.double()
        valid = (_averaged(there.double(), self.scale) == 1) & rest.isfinite().all(2, keepdim=True)
        added = torch.empty(*sharp.shape[:2], rest.shape[2], dtype=torch.float64)
        for blur in sorted(set(self.blurs[self.local].tolist())):
            same = self.blurs[self.local] == blur
            features = _averaged(_blurred(sharp.double(), blur), self.scale)
            features = torch.cat([features, torch.ones_like(features[..., :1])], 2) * valid
            targets = torch.cat([features, rest[..., same].nan_to_num()], 2)
            products = features[..., :, None] * targets[..., None, :]
            moments = _blurred(products.flatten(2), NEAR * 2.3548).view(products.shape)
            moments = moments / moments[..., -1:, count : count + 1].clamp(min=1e-6)
            mean, shift = moments[..., count, :count], moments[..., count, count + 1 :]
            covariance = moments[..., :count, :count] - mean[..., :, None] * mean[..., None, :]
            covariance = covariance + RIDGE * self.variance * torch.eye(count, dtype=torch.float64)
            with_rest = moments[..., :count, count + 1 :] - mean[..., :, None] * shift[..., None, :]
            weights = interpolate(torch.linalg.solve(covariance, with_rest).flatten(2), self.scale)
            weights = weights.view(*sharp.shape[:2], count, -1)
            detail = sharp.double() - interpolate(mean, self.scale)
            added[..., same] = (detail[..., None] * weights).sum(2) + interpolate(shift, self.scale)
        return added


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
    unexplained, local, displaced = _tried_on_larger_pixels(sharp, bands, scale)
    kernels, blurs = sharpener.kernels.clone(), torch.where(unexplained | displaced, 0.0, sharpener.blurs)
    kernels[unexplained] = 0
    sharpener = replace(sharpener, kernels=kernels, blurs=blurs, local=local)
    return _merged(sharpener, _fit(sharp, bands, scale, REACH, 0.0)[0], displaced) if displaced.any() else sharpener


def _best_blur(sharp: Tensor, bands: Tensor, scale: int) -> Sharpener:
    """The sharpener from the pixel itself, with the blur that explains each band best."""
    fits = [_fit(sharp, bands, scale, 0, scale * blur) for blur in BLURS]
    best = torch.stack([error for _, error in fits]).argmin(0)
    kernels = torch.stack([fit.kernels for fit, _ in fits])[best, torch.arange(len(best))]
    return replace(fits[0][0], kernels=kernels, blurs=scale * torch.tensor(BLURS, dtype=torch.float64)[best])


def _tried_on_larger_pixels(sharp: Tensor, bands: Tensor, scale: int) -> tuple[Tensor, Tensor, Tensor]:
    """What helps, of each band, B bool: interpolation alone, a local regression, the pixels around a place.

    Both images are averaged once more, so that ``bands`` are the truth to be found. Of too few pixels, nothing is said
    to help.
    """
    height, width = (side // scale * scale for side in bands.shape[:2])
    nothing = torch.zeros(bands.shape[2], dtype=torch.bool)
    if not height or not width:
        return nothing, nothing, nothing
    truth = bands[:height, :width]
    coarse, fine = _averaged(truth, scale), _averaged(sharp[: height * scale, : width * scale], scale)

    def error(image: Tensor) -> Tensor:
        return (image - truth).square().nanmean((0, 1))

    (single, misfit), (around, far_misfit) = (_fit(fine, coarse, scale, reach, 0.0) for reach in (0, REACH))
    plain, global_error = error(interpolate(coarse, scale)), error(single(fine, coarse))
    local_error = error(replace(single, local=~nothing)(fine, coarse))
    known, best = misfit.isfinite(), torch.minimum(global_error, local_error)
    far = torch.where(far_misfit.isfinite(), error(around(fine, coarse)), torch.inf)
    displaced = (far < BETTER * best) & (far < plain)
    unexplained = ~displaced & (plain < best) & known
    return unexplained, ~displaced & ~unexplained & (local_error < global_error) & known, displaced


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
        nothing = Sharpener(scale, zeros(shape), zeros(shape[1]), zeros(count), zeros(count), zeros(count).bool(), 1.0)
        return nothing, bands.new_full((count,), torch.inf)
    sharp_mean = features.reshape(len(features), shape[1], -1).mean((0, 2))
    mean = targets.mean(0)
    features = features - sharp_mean.repeat_interleave(side**2)
    targets = targets - mean
    gram = features.T @ features
    ridge = RIDGE * gram.diagonal().mean() + torch.finfo(gram.dtype).tiny
    weights = torch.linalg.solve(gram + ridge * torch.eye(len(gram), dtype=gram.dtype), features.T @ targets)
    error = (targets - features @ weights).square().mean(0)
    variance, local = float(gram.diagonal().mean()) / len(features), zeros(count).bool()
    return Sharpener(scale, weights.T.reshape(shape), sharp_mean, mean, zeros(count), local, variance), error


def _merged(single: Sharpener, around: Sharpener, displaced: Tensor) -> Sharpener:
    """The kernels of ``around`` for the displaced bands, of ``single`` for the others, with one mean."""
    kernels = pad(single.kernels, (REACH,) * 4)
    kernels[displaced] = around.kernels[displaced]
    moved = kernels.sum((2, 3)) @ (single.sharp_mean - around.sharp_mean)
    mean = torch.where(displaced, around.mean + moved, single.mean)
    return replace(single, kernels=kernels, mean=mean)


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
