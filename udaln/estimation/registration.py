"""Where the LR-HSI lies on the grid of the HR-MSI, before either sensor is known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter
from torch import Tensor

from udaln.errors import InputError

Array = NDArray[np.float64]

COMPONENTS = 15  # principal components of the LR-HSI that explain the HR-MSI
REACH = 0.25  # of the LR image's side: the largest shift looked for
FEWEST = 16  # LR pixels that must overlap
ROUNDING = 1e-10  # of what varies in an image, against its values


def register(
    lr_hsi: Tensor,
    hr_msi: Tensor,
    scale: int,
    support: Tensor,
    lr_valid: Tensor | None = None,
    hr_valid: Tensor | None = None,
) -> tuple[float, float]:
    """How far the LR-HSI lies below and to the right of where the sizes of the pair put it.

    Whole LR pixels are found by phase correlation (Kuglin and Hines, 1975) of each MSI band, averaged over r×r pixels,
    with the mean of the hyperspectral bands it may cover; around that place and around none, HR pixel by HR pixel, the
    shift wins at which the LR-HSI's principal components explain most of all MSI bands. A parabola gives the rest.

    Args:
        lr_hsi: Y, h×w×C.
        hr_msi: Z, rh×rw×c.
        scale: Scale factor r.
        support: C×c bool, the hyperspectral bands that each MSI band may cover.
        lr_valid: h×w bool, the pixels that hold data; all if none.
        hr_valid: rh×rw bool, likewise.

    Returns:
        Rows and columns [HR pixels]; (0, 0) where the images are too small or too flat to tell.

    Raises:
        InputError: If the sizes do not fit each other.
    """
    y = lr_hsi.detach().cpu().double().numpy()
    z = hr_msi.detach().cpu().double().numpy()
    if z.shape[:2] != (scale * y.shape[0], scale * y.shape[1]):
        raise InputError(f"sizes: expected an HR-MSI of {scale} times {y.shape[:2]} pixels, got {z.shape[:2]}")
    seen = np.ones(y.shape[:2]) if lr_valid is None else lr_valid.cpu().numpy().astype(float)
    there = np.ones(z.shape[:2]) if hr_valid is None else hr_valid.cpu().numpy().astype(float)
    averaged, weight = _averaged(z * there[..., None], scale), _averaged(there[..., None], scale)[..., 0]
    y = np.where(seen[..., None] > 0, y, y[seen > 0].mean(0))
    whole_there = weight > 0.999
    if not whole_there.any():
        return 0.0, 0.0
    averaged = np.where(whole_there[..., None], averaged, averaged[whole_there].mean(0))
    reach = [int(REACH * side) for side in y.shape[:2]]
    whole = _whole_pixels(y @ _covered_mean(support), averaged, scale, reach)
    basis = _components(y, seen)
    best, found = ROUNDING, (0.0, 0.0)
    for start in dict.fromkeys([(0, 0), (whole[0] * scale, whole[1] * scale)]):
        score, place = _finest(basis, seen, averaged, weight, scale, start)
        if score > best:
            best, found = score, place
    return found


def _averaged(image: Array, scale: int) -> Array:
    """The mean over r×r pixels from each pixel on, rH×rW×B: that of LR pixel (i, j) lies at (ri, rj)."""
    origin = -(scale // 2)
    return np.asarray(uniform_filter(image, (scale, scale, 1), mode="nearest", origin=(origin, origin, 0)))


def _covered_mean(support: Tensor) -> Array:
    covered = support.cpu().numpy().astype(float)
    return np.asarray(covered / covered.sum(0))


def _whole_pixels(y: Array, averaged: Array, scale: int, reach: list[int]) -> tuple[int, int]:
    """The shift in LR pixels at which c pairs of images, h×w×c, correlate best in phase."""
    z = averaged[::scale, ::scale]
    taper = np.outer(*(np.hanning(side + 2)[1:-1] for side in y.shape[:2]))[..., None]
    spectra = [np.fft.fft2((image - image.mean((0, 1))) * taper, axes=(0, 1)) for image in (z, y)]
    cross = spectra[0] * spectra[1].conj()
    cross = (cross / np.maximum(np.abs(cross), 1e-12 * np.abs(cross).max())).sum(2)
    surface = np.fft.ifft2(cross).real
    rows, columns = (np.r_[0 : most + 1, -most:0] if most else np.r_[0:1] for most in reach)
    near = surface[np.ix_(rows, columns)]
    row, column = np.unravel_index(near.argmax(), near.shape)
    return int(rows[row]), int(columns[column])


def _components(y: Array, seen: Array) -> Array:
    """Orthonormal images, h×w×m, that span a constant and the LR-HSI's principal components."""
    flat = (y - y[seen > 0].mean(0)).reshape(-1, y.shape[2])
    most = min(COMPONENTS, y.shape[2], max(1, int(seen.sum()) // 8))
    left, size, _ = np.linalg.svd(flat, full_matrices=False)
    most = min(most, int((size > ROUNDING * np.linalg.norm(y)).sum()))
    return np.concatenate([np.ones((*y.shape[:2], 1)), left[:, :most].reshape(*y.shape[:2], -1)], 2)


def _finest(
    basis: Array, seen: Array, averaged: Array, weight: Array, scale: int, start: tuple[int, int]
) -> tuple[float, tuple[float, float]]:
    """The best share of the MSI bands' variance explained near a shift, and where it is, to a part of a pixel."""
    reach = range(-scale - 1, scale + 2)  # one more than is looked for: a parabola takes both neighbours
    scores = np.array(
        [[_explained(basis, seen, averaged, weight, scale, (start[0] + i, start[1] + j)) for j in reach] for i in reach]
    )
    inner = scores[1:-1, 1:-1]
    row, column = (int(at) + 1 for at in np.unravel_index(inner.argmax(), inner.shape))
    place = (
        start[0] + reach[row] + _peak(scores[:, column], row),
        start[1] + reach[column] + _peak(scores[row], column),
    )
    return float(inner.max()), (float(place[0]), float(place[1]))


def _explained(basis: Array, seen: Array, averaged: Array, weight: Array, scale: int, shift: tuple[int, int]) -> float:
    """The share of the MSI bands' variance that the basis explains at a shift, mean over bands; −∞ of few pixels."""
    inside = []
    for moved, side in zip(shift, basis.shape[:2], strict=True):
        first, last = -(moved // scale), (side * scale - scale - moved) // scale  # whole LR pixels within the image
        inside.append(np.arange(max(0, first), min(side - 1, last) + 1))
    rows, columns = inside
    at = np.ix_(rows * scale + shift[0], columns * scale + shift[1])
    used = (seen[np.ix_(rows, columns)] > 0) & (weight[at] > 0.999)
    if used.sum() < max(FEWEST, 2 * basis.shape[2]):
        return -np.inf
    explaining, _ = np.linalg.qr(basis[np.ix_(rows, columns)][used])
    z = averaged[at][used]
    apart = z - z.mean(0)
    power, explained = (apart**2).sum(0), ((explaining.T @ apart) ** 2).sum(0)
    varies = power > ROUNDING**2 * (z**2).sum(0)  # a flat band explains nothing
    return float((explained * varies / np.maximum(power, np.finfo(float).tiny)).mean())


def _peak(scores: Array, at: int) -> float:
    """Where between its neighbours the peak of a curve lies, from −½ to ½."""
    if not 0 < at < len(scores) - 1 or not np.isfinite(scores[at - 1 : at + 2]).all():
        return 0.0
    before, here, after = scores[at - 1 : at + 2]
    bend = before - 2 * here + after
    return float(np.clip(0.5 * (before - after) / bend, -0.5, 0.5)) if bend < 0 else 0.0
