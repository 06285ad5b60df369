"""The shift between LR-HSI and HR-MSI, estimated before either sensor is known."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.sparse import csr_array
from scipy.special import ndtr
from torch import Tensor

from udaln.errors import InputError
from udaln.estimation.arrays import Array, Mask

MAX_COMPONENTS = 15  # principal components of the LR-HSI that explain the HR-MSI
MAX_SHIFT = 0.25  # largest shift of the phase correlation, relative to the side of the LR image
MIN_LR_PIXELS = 16  # that must overlap
FULLY_VALID = 0.999  # share of valid HR pixels in an LR pixel, but for rounding
MIN_SHARE = 0.97  # of an LR pixel's Gaussian that must lie on valid HR pixels
WIDTHS = (0.4, 0.8, 1.3)  # standard deviations that the search for the Gaussian starts from [r]
REACH = 4.0  # of a Gaussian [standard deviations]
MAX_LR_PIXELS = 5000  # about as many LR pixels suffice
WIDTH_LIMITS = (0.1, 3.0)  # of the standard deviation [r]
ROUNDING = 1e-10  # standard deviation of an image that is rounding error, relative to its values


@dataclass(frozen=True)
class Registration:
    """Where a pixel of the LR-HSI lies on the HR-MSI, and how wide it is.

    Attributes:
        shift: Displacement down and to the right of the nominal position [HR pixels].
        std: Standard deviation of the Gaussian PSF along rows and columns [HR pixels].
    """

    shift: tuple[float, float]
    std: tuple[float, float]


def register(
    lr_hsi: Tensor,
    hr_msi: Tensor,
    scale: int,
    support: Tensor,
    lr_valid: Tensor | None = None,
    hr_valid: Tensor | None = None,
) -> Registration:
    """Estimate how far the LR-HSI is displaced down and to the right of its nominal position on the HR-MSI.

    1. Whole LR pixels: phase correlation (Kuglin and Hines, 1975) of each MSI band, averaged over r×r pixels, with the
       mean of the hyperspectral bands that it may cover.
    2. Around that shift and around zero, the Gaussian PSF with which the principal components of the LR-HSI explain the
       blurred MSI bands best. Its two widths are unknown, too: with a wrong width, blur passes for a shift.

    Args:
        lr_hsi: Y, h×w×C.
        hr_msi: Z, rh×rw×c.
        scale: Scale factor r.
        support: C×c bool, the hyperspectral bands that each MSI band may cover.
        lr_valid: h×w bool, the valid pixels; all if None.
        hr_valid: rh×rw bool, likewise.

    Returns:
        The shift and the widths; no shift and the widths of an LR pixel if the images are too small or too flat.

    Raises:
        InputError: If the sizes do not match.
    """
    y = lr_hsi.detach().cpu().double().numpy()
    z = hr_msi.detach().cpu().double().numpy()
    if z.shape[:2] != (scale * y.shape[0], scale * y.shape[1]):
        raise InputError(f"sizes: expected an HR-MSI of {scale} times {y.shape[:2]} pixels, got {z.shape[:2]}")
    lr_mask = np.ones(y.shape[:2]) if lr_valid is None else lr_valid.cpu().numpy().astype(float)
    hr_mask = np.ones(z.shape[:2]) if hr_valid is None else hr_valid.cpu().numpy().astype(float)
    means, valid = _block_means(z, hr_mask, scale)
    y = np.where(lr_mask[..., None] > 0, y, y[lr_mask > 0].mean(0))
    best, shift, std = ROUNDING, (0.0, 0.0), (scale * WIDTHS[0], scale * WIDTHS[0])
    if valid.any():
        covered = support.cpu().numpy().astype(float)
        coarse = phase_correlation(
            y @ (covered / covered.sum(0)), np.where(valid[..., None], means, means[valid].mean(0))
        )
        images = _Images(_principal_components(y, lr_mask), lr_mask, z * hr_mask[..., None], hr_mask, scale)
        for start in dict.fromkeys([(0, 0), (coarse[0] * scale, coarse[1] * scale)]):
            explained, gaussian = _gaussian_fit(images, scale, start)
            if explained > best:
                best, shift = explained, (float(gaussian[0]), float(gaussian[1]))
                std = (float(np.exp(gaussian[2]) * scale), float(np.exp(gaussian[3]) * scale))
    return Registration(shift, std)


def _block_means(image: Array, mask: Array, scale: int) -> tuple[Array, Mask]:
    """Means of the r×r HR pixels under each LR pixel, h×w×B, and whether all of these are valid, h×w."""
    blocks = (image * mask[..., None]).reshape(image.shape[0] // scale, scale, -1, scale, image.shape[2])
    share = mask.reshape(mask.shape[0] // scale, scale, -1, scale).mean((1, 3))
    return blocks.mean((1, 3)), share > FULLY_VALID


def phase_correlation(y: Array, z: Array) -> tuple[int, int]:
    """The shift [LR pixels] at which two images, h×w×c, correlate best in phase, summed over bands."""
    taper = np.outer(*(np.hanning(side + 2)[1:-1] for side in y.shape[:2]))[..., None]
    spectra = [np.fft.fft2((image - image.mean((0, 1))) * taper, axes=(0, 1)) for image in (z, y)]
    cross = spectra[0] * spectra[1].conj()
    cross = (cross / np.maximum(np.abs(cross), max(1e-12 * np.abs(cross).max(), np.finfo(float).tiny))).sum(2)
    surface = np.fft.ifft2(cross).real
    limits = [int(MAX_SHIFT * side) for side in y.shape[:2]]
    rows, columns = (np.r_[0 : limit + 1, -limit:0] if limit else np.r_[0:1] for limit in limits)
    within = surface[np.ix_(rows, columns)]
    row, column = np.unravel_index(within.argmax(), within.shape)
    return int(rows[row]), int(columns[column])


def _principal_components(y: Array, lr_mask: Array) -> Array:
    """A constant image and the principal components of the LR-HSI as orthonormal images, h×w×m."""
    centred = (y - y[lr_mask > 0].mean(0)).reshape(-1, y.shape[2])
    count = min(MAX_COMPONENTS, y.shape[2], max(1, int(lr_mask.sum()) // 12))
    vectors, singular_values, _ = np.linalg.svd(centred, full_matrices=False)
    count = min(count, int((singular_values > ROUNDING * np.linalg.norm(y)).sum()))
    return np.concatenate([np.ones((*y.shape[:2], 1)), vectors[:, :count].reshape(*y.shape[:2], -1)], 2)


def _gaussian_fit(images: _Images, scale: int, start: tuple[int, int]) -> tuple[float, Array]:
    """The Gaussian near a shift [HR pixels] with which most of the MSI bands' variance is explained, and this share.

    A Gaussian is its shift, rows and columns, and the logarithms of its two standard deviations, relative to r.
    """
    step = max(1, scale // 4)
    offsets = np.arange(-scale, scale + 1, step)
    candidates = [
        np.array([start[0] + i, start[1] + j, np.log(width), np.log(width)])
        for width in WIDTHS
        for i in offsets
        for j in offsets
    ]
    explained = [images.explained(candidate) for candidate in candidates]
    best = int(np.argmax(explained))
    if not np.isfinite(explained[best]):
        return -np.inf, candidates[best]
    limits = [(shift - scale - 1, shift + scale + 1) for shift in start] + [tuple(np.log(WIDTH_LIMITS))] * 2
    fit = minimize(
        lambda x: -images.explained(x),
        candidates[best],
        method="Nelder-Mead",
        bounds=limits,
        options={
            "initial_simplex": candidates[best] + np.vstack([np.zeros(4), np.diag([step / 2, step / 2, 0.3, 0.3])]),
            "xatol": 1e-3,
            "fatol": 1e-9,
            "maxfev": 300,
        },
    )
    return float(-fit.fun), np.asarray(fit.x)


@dataclass(frozen=True)
class _Images:
    """What a registration compares.

    Attributes:
        basis: The LR-HSI as orthonormal images, h×w×m.
        lr_mask: 1 for the valid pixels of the LR-HSI, h×w.
        hr_msi: With 0 for invalid pixels, rh×rw×c.
        hr_mask: 1 for the valid pixels of the HR-MSI, rh×rw.
        scale: Scale factor r.
    """

    basis: Array
    lr_mask: Array
    hr_msi: Array
    hr_mask: Array
    scale: int

    def explained(self, gaussian: Array) -> float:
        """Share of the blurred MSI bands' variance that the LR-HSI explains, mean over bands; −∞ for too few pixels."""
        down, across = (
            self._weights(side, gaussian[axis], np.exp(gaussian[2 + axis]) * self.scale)
            for axis, side in enumerate(self.hr_mask.shape)
        )
        down = down[:: self.row_step]
        share = (across @ (down @ self.hr_mask).T).T
        used = (self.lr_mask[:: self.row_step] > 0) & (share > MIN_SHARE)
        basis = self.basis[:: self.row_step][used]
        if len(basis) < max(MIN_LR_PIXELS, 2 * basis.shape[1]):
            return -np.inf
        rows, columns = down.shape[0], self.hr_mask.shape[1]
        blurred = (down @ self.hr_msi.reshape(len(self.hr_msi), -1)).reshape(rows, columns, -1)
        blurred = (across @ blurred.transpose(1, 0, 2).reshape(columns, -1)).reshape(across.shape[0], rows, -1)
        z = blurred.transpose(1, 0, 2)[used] / share[used][:, None]
        regressors, _ = np.linalg.qr(basis)
        centred = z - z.mean(0)
        power, explained = (centred**2).sum(0), ((regressors.T @ centred) ** 2).sum(0)
        varies = power > ROUNDING**2 * (z**2).sum(0)  # a constant band has nothing to explain
        return float((explained * varies / np.maximum(power, np.finfo(float).tiny)).mean())

    @property
    def row_step(self) -> int:
        """Every which row of the LR-HSI is compared."""
        return max(1, self.lr_mask.size // MAX_LR_PIXELS)

    def _weights(self, side: int, shift: float, std: float) -> csr_array:
        """The weights of the HR pixels along one side in each LR pixel, side/r × side; without those beyond it."""
        count, reach = side // self.scale, math.ceil(REACH * std) + 1
        centres = np.arange(count) * self.scale + (self.scale - 1) / 2 + shift
        pixels = np.round(centres).astype(int)[:, None] + np.arange(-reach, reach + 1)
        weights = np.diff(ndtr((np.c_[pixels, pixels[:, -1] + 1] - 0.5 - centres[:, None]) / std), axis=1)
        inside = (pixels >= 0) & (pixels < side)
        lines = np.broadcast_to(np.arange(count)[:, None], pixels.shape)
        return csr_array((weights[inside], (lines[inside], pixels[inside])), shape=(count, side))
