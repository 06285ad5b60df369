"""The shift between LR-HSI and HR-MSI, estimated before either sensor is known."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import uniform_filter
from torch import Tensor

from udaln.errors import InputError
from udaln.estimation.arrays import Array

MAX_COMPONENTS = 15  # principal components of the LR-HSI that explain the HR-MSI
MAX_SHIFT = 0.25  # largest shift of the phase correlation, relative to the side of the LR image
MIN_LR_PIXELS = 16  # that must overlap
FULLY_VALID = 0.999  # share of valid HR pixels in an LR pixel, but for rounding
ROUNDING = 1e-10  # standard deviation of an image that is rounding error, relative to its values


def register(
    lr_hsi: Tensor,
    hr_msi: Tensor,
    scale: int,
    support: Tensor,
    lr_valid: Tensor | None = None,
    hr_valid: Tensor | None = None,
) -> tuple[float, float]:
    """Estimate how far the LR-HSI is displaced down and to the right of its nominal position on the HR-MSI.

    1. Whole LR pixels: phase correlation (Kuglin and Hines, 1975) of each MSI band, averaged over r×r pixels, with the
       mean of the hyperspectral bands that it may cover.
    2. Whole HR pixels: around that shift and around zero, the shift at which the principal components of the LR-HSI
       explain most of the variance of all MSI bands.
    3. Fractions of an HR pixel: the maximum of a parabola through the neighbouring shifts.

    Args:
        lr_hsi: Y, h×w×C.
        hr_msi: Z, rh×rw×c.
        scale: Scale factor r.
        support: C×c bool, the hyperspectral bands that each MSI band may cover.
        lr_valid: h×w bool, the valid pixels; all if None.
        hr_valid: rh×rw bool, likewise.

    Returns:
        Rows and columns [HR pixels]; (0, 0) if the images are too small or too flat for an estimate.

    Raises:
        InputError: If the sizes do not match.
    """
    y = lr_hsi.detach().cpu().double().numpy()
    z = hr_msi.detach().cpu().double().numpy()
    if z.shape[:2] != (scale * y.shape[0], scale * y.shape[1]):
        raise InputError(f"sizes: expected an HR-MSI of {scale} times {y.shape[:2]} pixels, got {z.shape[:2]}")
    lr_mask = np.ones(y.shape[:2]) if lr_valid is None else lr_valid.cpu().numpy().astype(float)
    hr_mask = np.ones(z.shape[:2]) if hr_valid is None else hr_valid.cpu().numpy().astype(float)
    means, valid_share = _block_means(z * hr_mask[..., None], scale), _block_means(hr_mask[..., None], scale)[..., 0]
    y = np.where(lr_mask[..., None] > 0, y, y[lr_mask > 0].mean(0))
    valid = valid_share > FULLY_VALID
    if not valid.any():
        return 0.0, 0.0
    means = np.where(valid[..., None], means, means[valid].mean(0))
    covered = support.cpu().numpy().astype(float)
    coarse = _phase_correlation(y @ (covered / covered.sum(0)), means[::scale, ::scale])
    basis = _principal_components(y, lr_mask)
    best, shift = ROUNDING, (0.0, 0.0)
    for start in dict.fromkeys([(0, 0), (coarse[0] * scale, coarse[1] * scale)]):
        explained, candidate = _refined_shift(basis, lr_mask, means, valid_share, scale, start)
        if explained > best:
            best, shift = explained, candidate
    return shift


def _block_means(image: Array, scale: int) -> Array:
    """Mean over the r×r pixels from each pixel on, rh×rw×B; that of LR pixel (i, j) is at (ri, rj)."""
    origin = -(scale // 2)
    return np.asarray(uniform_filter(image, (scale, scale, 1), mode="nearest", origin=(origin, origin, 0)))


def _phase_correlation(y: Array, z: Array) -> tuple[int, int]:
    """The shift [LR pixels] at which two images, h×w×c, correlate best in phase, summed over bands."""
    taper = np.outer(*(np.hanning(side + 2)[1:-1] for side in y.shape[:2]))[..., None]
    spectra = [np.fft.fft2((image - image.mean((0, 1))) * taper, axes=(0, 1)) for image in (z, y)]
    cross = spectra[0] * spectra[1].conj()
    cross = (cross / np.maximum(np.abs(cross), 1e-12 * np.abs(cross).max())).sum(2)
    surface = np.fft.ifft2(cross).real
    limits = [int(MAX_SHIFT * side) for side in y.shape[:2]]
    rows, columns = (np.r_[0 : limit + 1, -limit:0] if limit else np.r_[0:1] for limit in limits)
    within = surface[np.ix_(rows, columns)]
    row, column = np.unravel_index(within.argmax(), within.shape)
    return int(rows[row]), int(columns[column])


def _principal_components(y: Array, lr_mask: Array) -> Array:
    """A constant image and the principal components of the LR-HSI as orthonormal images, h×w×m."""
    centred = (y - y[lr_mask > 0].mean(0)).reshape(-1, y.shape[2])
    count = min(MAX_COMPONENTS, y.shape[2], max(1, int(lr_mask.sum()) // 8))
    vectors, singular_values, _ = np.linalg.svd(centred, full_matrices=False)
    count = min(count, int((singular_values > ROUNDING * np.linalg.norm(y)).sum()))
    return np.concatenate([np.ones((*y.shape[:2], 1)), vectors[:, :count].reshape(*y.shape[:2], -1)], 2)


def _refined_shift(
    basis: Array, lr_mask: Array, means: Array, valid_share: Array, scale: int, start: tuple[int, int]
) -> tuple[float, tuple[float, float]]:
    """The largest explained share of the MSI bands' variance near a shift, and its subpixel shift [HR pixels]."""
    offsets = range(-scale - 1, scale + 2)  # the outermost serve the parabola only
    explained = np.array(
        [
            [
                _explained_variance(basis, lr_mask, means, valid_share, scale, (start[0] + i, start[1] + j))
                for j in offsets
            ]
            for i in offsets
        ]
    )
    inner = explained[1:-1, 1:-1]
    row, column = (int(index) + 1 for index in np.unravel_index(inner.argmax(), inner.shape))
    shift = (
        start[0] + offsets[row] + _parabola_maximum(explained[:, column], row),
        start[1] + offsets[column] + _parabola_maximum(explained[row], column),
    )
    return float(inner.max()), (float(shift[0]), float(shift[1]))


def _explained_variance(
    basis: Array, lr_mask: Array, means: Array, valid_share: Array, scale: int, shift: tuple[int, int]
) -> float:
    """Share of the MSI bands' variance that the basis explains at a shift, mean over bands; −∞ for too few pixels."""
    inside = []
    for step, side in zip(shift, basis.shape[:2], strict=True):
        first, last = -(step // scale), (side * scale - scale - step) // scale  # whole LR pixels within the image
        inside.append(np.arange(max(0, first), min(side - 1, last) + 1))
    rows, columns = inside
    hr_index = np.ix_(rows * scale + shift[0], columns * scale + shift[1])
    used = (lr_mask[np.ix_(rows, columns)] > 0) & (valid_share[hr_index] > FULLY_VALID)
    if used.sum() < max(MIN_LR_PIXELS, 2 * basis.shape[2]):
        return -np.inf
    regressors, _ = np.linalg.qr(basis[np.ix_(rows, columns)][used])
    z = means[hr_index][used]
    centred = z - z.mean(0)
    power, explained = (centred**2).sum(0), ((regressors.T @ centred) ** 2).sum(0)
    varies = power > ROUNDING**2 * (z**2).sum(0)  # a constant band has nothing to explain
    return float((explained * varies / np.maximum(power, np.finfo(float).tiny)).mean())


def _parabola_maximum(values: Array, index: int) -> float:
    """Position of the maximum of the parabola through a value and its neighbours, −½ to ½ from the value."""
    if not 0 < index < len(values) - 1 or not np.isfinite(values[index - 1 : index + 2]).all():
        return 0.0
    before, here, after = values[index - 1 : index + 2]
    curvature = before - 2 * here + after
    return float(np.clip(0.5 * (before - after) / curvature, -0.5, 0.5)) if curvature < 0 else 0.0
