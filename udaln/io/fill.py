"""Fill that no file declares: one spectrum that is repeated exactly where there are no data."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from udaln.io.image import Cause, Image, Pixels
from udaln.io.missing import IN_MEMORY, strips
from udaln.io.views import masked

FILLED = 0.5  # fraction of the pixels in which a band that tells has data
CANDIDATES = 6  # most frequent repeated spectra that are examined
BLOCKS = 4  # 2×2 blocks of one spectrum that are no chance
MANY = 5  # of so many bands, a measured spectrum never has the same value in all
SURELY_MANY = 12  # of so many, not even one pixel has, far from all others
RIM = 0.1  # fraction of the pixels along the rim above which fill of few bands needs no gap to the measurements
SMOOTH = 0.2  # fraction of 2×2 blocks of equal pixels above which an image is made of flat areas anyway
GAP = 0.05  # distance of fill from the measurements, as a fraction of their range
JUMP = 0.5  # distance of the pixels beside fill from it, relative to that of others; beside clipped values it is small
STEPS = 3  # levels that fill of few bands is away from the measurements
TAIL = 0.5  # percentile of the measurements that counts as their end


@dataclass(frozen=True)
class Fill:
    """One spectrum that stands for no data.

    Attributes:
        spectrum: B, NaN in bands that do not tell.
    """

    spectrum: Pixels

    def flags(self, values: Pixels) -> NDArray[np.bool_]:
        """The pixels of h×w×B values that have this spectrum, h×w×1 bool."""
        telling = ~np.isnan(self.spectrum)
        return np.asarray((values[..., telling] == self.spectrum[telling]).all(2, keepdims=True))

    def __str__(self) -> str:
        """The value, or the range of values."""
        low, high = np.nanmin(self.spectrum), np.nanmax(self.spectrum)
        return f"{low:g}" if low == high else f"{low:g} to {high:g} (one value for each band)"


def without_fill(image: Image) -> Image:
    """View of an image with NaN in place of undeclared fill; the image itself if it has none.

    Fill is a spectrum that many pixels have exactly, in blocks, and that no measurement has: the same value in all of
    many bands, or a value beyond those of all other pixels. Values of single bands, such as zeros, are not fill.
    """
    for fill in find_fill(image.read(*window) for window in strips(image, IN_MEMORY)):
        image = masked(image, Cause(f"undeclared fill {fill}", _flags(image, fill)))
    return image


def _flags(image: Image, fill: Fill) -> Callable[[slice, slice], NDArray[np.bool_]]:
    return lambda rows, cols: fill.flags(image.read(rows, cols))


def find_fill(windows: Iterable[Pixels]) -> list[Fill]:
    """The fill in windows of an image.

    Args:
        windows: Each h×w×B, as wide as the image; NaN where there are no data.
    """
    windows = [np.where(np.isfinite(window), window, np.nan) for window in windows]
    pixels = np.concatenate([window.reshape(-1, window.shape[2]) for window in windows])
    pixels = pixels[np.isfinite(pixels).any(1)]
    if len(pixels) < 2:
        return []
    varying = np.isfinite(pixels).mean(0) > FILLED
    varying[varying] = np.nanmax(pixels[:, varying], 0) > np.nanmin(pixels[:, varying], 0)
    if not varying.any():
        return []
    found: list[Fill] = []
    while len(found) < CANDIDATES:
        others = _without(pixels[:, varying], [fill.spectrum[varying] for fill in found])
        candidates = _repeated(windows, varying, found)
        fill = next((s for s in candidates if _is_fill(s, others, windows, varying)), None)
        fill = next(iter(_constant(others)), None) if fill is None else fill
        if fill is None:
            break
        spectrum = np.full(len(varying), np.nan, pixels.dtype)
        spectrum[varying] = fill
        found.append(Fill(spectrum))
    return found


def _repeated(windows: list[Pixels], varying: NDArray[np.bool_], found: list[Fill]) -> list[Pixels]:
    """Spectra of blocks of 2×2 pixels that are all the same, most frequent first."""
    repeated = []
    for window in windows:
        corner, same = blocks(window[..., varying])
        repeated.append(_without(corner[same], [fill.spectrum[varying] for fill in found]))
    spectra, counts = np.unique(np.concatenate(repeated), axis=0, return_counts=True)
    frequent = np.argsort(-counts)[:CANDIDATES]
    return [spectra[i] for i in frequent if counts[i] >= BLOCKS]


def _constant(pixels: Pixels) -> list[Pixels]:
    """Of N×B pixels, spectra with the same value in all of many bands, far beyond the values of nearly all others."""
    if pixels.shape[1] < SURELY_MANY:
        return []
    spectra = np.unique(pixels[(pixels == pixels[:, :1]).all(1)], axis=0)
    low, high = np.nanpercentile(pixels, (TAIL, 100 - TAIL), axis=0)
    span = high - low
    return [spectrum for spectrum in spectra if (spectrum < low - span).all() or (spectrum > high + span).all()]


def blocks(part: Pixels) -> tuple[Pixels, NDArray[np.bool_]]:
    """The upper left pixels of all 2×2 blocks, and whether the four pixels of a block are the same."""
    corner = part[:-1, :-1]
    same = (corner == part[1:, :-1]) & (corner == part[:-1, 1:]) & (corner == part[1:, 1:])
    return corner, np.asarray(same.all(2))


def _is_fill(spectrum: Pixels, pixels: Pixels, windows: list[Pixels], varying: NDArray[np.bool_]) -> bool:
    """Whether a repeated spectrum stands for no data.

    Args:
        spectrum: Of the bands that vary.
        pixels: N×(these bands), without the fill that is known.
        windows: See `find_fill`.
        varying: B bool, which bands these are.
    """
    others = _without(pixels, [spectrum])
    if not len(others):
        return False
    constant = bool((spectrum == spectrum[0]).all())
    if constant and len(spectrum) >= MANY:
        return True
    if len(spectrum) < MANY and jump(spectrum, others, windows, varying) < JUMP:
        return False
    low, high = np.nanpercentile(others, (TAIL, 100 - TAIL), axis=0)
    margin = GAP * (high - low)
    if len(spectrum) < MANY:  # a dark image of few levels is no series of fills
        margin = np.maximum(margin, STEPS * np.array([step(others[:, band]) for band in range(len(spectrum))]))
    above = margin if len(spectrum) >= MANY else high - low  # few bands are often saturated together
    if (spectrum < low - margin).all() or (spectrum > high + above).all():
        return _flat_share(windows, varying, spectrum) <= SMOOTH or (constant and at_rim(spectrum, windows, varying))
    extreme = (spectrum <= np.nanmin(others, 0)).all() or (spectrum >= np.nanmax(others, 0)).all()
    if not (constant and extreme and at_rim(spectrum, windows, varying)):
        return False
    return len(spectrum) >= MANY or _flat_share(windows, varying, spectrum) <= SMOOTH


def step(values: Pixels) -> float:
    """The smallest difference of a band's values; 0 if they are all the same."""
    steps = np.diff(np.unique(values[np.isfinite(values)]))
    return float(steps.min()) if steps.size else 0.0


def _flat_share(windows: list[Pixels], varying: NDArray[np.bool_], spectrum: Pixels) -> float:
    """Fraction of the 2×2 blocks without a spectrum whose pixels are all the same."""
    flat = total = 0
    for window in windows:
        corner, same = blocks(window[..., varying])
        other = (corner != spectrum).any(2)
        flat, total = flat + int((same & other).sum()), total + int(other.sum())
    return flat / max(total, 1)


def jump(spectrum: Pixels, others: Pixels, windows: list[Pixels], varying: NDArray[np.bool_]) -> float:
    """How far the pixels beside those of a spectrum are from it, relative to all others."""
    beside = []
    for window in windows:
        part = window[..., varying]
        for image in (part, part.transpose(1, 0, 2)):
            same = (image == spectrum).all(2)
            beside += [image[1:][same[:-1] & ~same[1:]], image[:-1][same[1:] & ~same[:-1]]]
    near, far = (np.nansum(np.abs(pixels - spectrum), 1) for pixels in (np.concatenate(beside), others))
    return float(np.nanmedian(near) / np.nanmedian(far)) if near.size and np.nanmedian(far) > 0 else 0.0


def at_rim(spectrum: Pixels, windows: list[Pixels], varying: NDArray[np.bool_]) -> bool:
    """Whether a spectrum is that of much of the image's rim, and is more frequent there than elsewhere."""
    inside, rim = [], []
    for number, window in enumerate(windows):
        same = (window[..., varying] == spectrum).all(2)
        edge = np.zeros_like(same)
        edge[:, [0, -1]] = True
        if number == 0:
            edge[0] = True
        if number == len(windows) - 1:
            edge[-1] = True
        rim.append(same[edge])
        inside.append(same[~edge])
    share = float(np.concatenate(rim).mean())
    return share >= RIM and share > float(np.concatenate([*inside, np.zeros(1, bool)]).mean())


def _without(pixels: Pixels, spectra: list[Pixels]) -> Pixels:
    """The pixels, N×B, that have none of some spectra."""
    keep = np.ones(len(pixels), bool)
    for spectrum in spectra:
        keep &= (pixels != spectrum).any(1)
    return np.asarray(pixels[keep])
