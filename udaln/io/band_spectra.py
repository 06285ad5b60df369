"""Bands that were interpolated from larger pixels, told by what they lack at high spatial frequencies.

An interpolated band has hardly any power beyond the Nyquist frequency of its own pixels, whichever way it was
interpolated. What a band has there is compared with the sharper bands of the same stack, and only with detail that is
none of noise. So a stack that is blurred as a whole, noisy, or smooth has no such band.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from udaln.io.image import Pixels

Numbers = NDArray[np.float64]

FILL = 4.0  # standard deviation of the weights with which gaps are filled [pixels]
FACTORS = (2, 3, 4, 5, 6)  # pixels of interpolated bands per pixel, along each side
PERIODS, LEAST = 10, 48  # large pixels, and pixels, that are needed along each side of a window
SHARPER = 4.0  # a band is judged by those with so many times its detail; it differed by up to 5 in bands of one sensor
LITTLE = 0.05  # of their detail: interpolated bands had up to 0.05, bands of one sensor 0.12 and more
VERY_LITTLE = 0.005  # the same of detail that no second band confirms, such as a panchromatic band's
WIDE = (0.02, 0.08)  # spatial frequencies at which all bands show the same [cycles per pixel]
RING = 0.02  # width of the rings of spatial frequency at which bands are compared [cycles per pixel]
AT_NYQUIST = 0.32  # transfer there: 2/π of the mean over a pixel, times 1/2 of any interpolation
LEAST_TOLD = 0.8  # the factor that the transfer tells by the true one: 0.86 to 1.25, or more where bands are displaced


@dataclass(frozen=True)
class _Spectra:
    """Fourier coefficients of the bands.

    Attributes:
        values: n×c complex.
        across: The larger of the two spatial frequencies of each, n [cycles per pixel].
        along: The smaller, n.
    """

    values: NDArray[np.complex128]
    across: Numbers
    along: Numbers

    def power(self, zone: NDArray[np.bool_]) -> Numbers:
        """Mean power of each band at some frequencies, c."""
        power: Numbers = np.square(np.abs(self.values[zone])).mean(0)
        return power


def interpolated_factors(windows: Sequence[Pixels], candidates: NDArray[np.bool_]) -> NDArray[np.int64]:
    """How many times larger than the image's the pixels are that each band was interpolated from.

    Args:
        windows: Parts of the image, each H×W×c, NaN where there are no data.
        candidates: c bool, the bands that are looked at and compared with each other.

    Returns:
        c, whole numbers, rounded; 1 for bands without a sign of larger pixels.
    """
    factors = np.ones(len(candidates), np.int64)
    chosen = np.flatnonzero(candidates)
    smallest = min((side for window in windows for side in window.shape[:2]), default=0)
    if smallest < LEAST or len(chosen) < 2:
        return factors
    spectra = _spectra([window[..., chosen] for window in windows])
    distance = np.full(len(chosen), np.inf)
    for factor in (factor for factor in FACTORS if factor * PERIODS <= smallest):
        for detail, coherent, coloured in _details(spectra, factor):
            for band in range(len(chosen)):
                sharper = np.flatnonzero(detail > SHARPER * detail[band])
                if not _little(detail[band], detail[sharper], coherent[np.ix_(sharper, sharper)], coloured[sharper]):
                    continue
                told = _factor(spectra, band, sharper) / factor
                if told > LEAST_TOLD and abs(np.log(told)) < distance[band]:
                    factors[chosen[band]], distance[band] = factor, abs(np.log(told))
    return factors


def _spectra(windows: Sequence[Pixels]) -> _Spectra:
    """The spectra of the windows, tapered, one after the other."""
    values, across, along = [], [], []
    for window in windows:
        image = _filled(window)
        taper = np.outer(*(np.hanning(side + 2)[1:-1] for side in image.shape[:2]))[..., None]
        image = image - (image * taper).sum((0, 1)) / taper.sum()
        values.append(np.fft.rfft2(image * taper, axes=(0, 1)).reshape(-1, image.shape[2]))
        down, right = np.abs(np.fft.fftfreq(image.shape[0]))[:, None], np.fft.rfftfreq(image.shape[1])[None]
        across.append(np.maximum(down, right).ravel())
        along.append(np.minimum(down, right).ravel())
    return _Spectra(np.concatenate(values), np.concatenate(across), np.concatenate(along))


def _filled(window: Pixels) -> Numbers:
    """A window with gaps filled by the values around them, so that their borders show no detail."""
    image: Numbers = window.astype(np.float64)
    there = np.isfinite(image)
    if there.all():
        return image
    image[~there] = 0
    mean = image.sum((0, 1)) / np.maximum(there.sum((0, 1)), 1)
    width = (FILL, FILL, 0)
    weight = gaussian_filter(there.astype(np.float64), width) + 1e-6
    around = (gaussian_filter(np.where(there, image - mean, 0), width)) / weight + mean
    return np.where(there, image, around)


def _ratio(spectra: _Spectra, zone: NDArray[np.bool_], other: NDArray[np.bool_]) -> Numbers:
    """The power of each band at some frequencies by that at others, c."""
    ratio: Numbers = spectra.power(zone) / np.maximum(spectra.power(other), np.finfo(np.float64).tiny)
    return ratio


def _factor(spectra: _Spectra, band: int, sharper: NDArray[np.intp]) -> float:
    """The size of a band's own pixels, by the frequency up to which it shows what the sharper bands do; 1 if all."""
    wide = (spectra.across > WIDE[0]) & (spectra.across < WIDE[1])
    features, target = spectra.values[:, sharper], spectra.values[:, band]
    gram = np.real(features[wide].conj().T @ features[wide])
    ridge = 1e-3 * np.trace(gram) / len(gram) + np.finfo(np.float64).tiny
    weights = np.linalg.solve(gram + ridge * np.eye(len(gram)), np.real(features[wide].conj().T @ target[wide]))
    model = features @ weights
    rings = (spectra.across / RING).astype(int)
    common = np.bincount(rings, np.real(model.conj() * target))
    power = np.bincount(rings, np.square(np.abs(model)))
    transfer = np.convolve(np.pad(common / np.maximum(power, np.finfo(np.float64).tiny), 1, "edge"), (0.25, 0.5, 0.25))[
        2:-2
    ]
    transfer = transfer / transfer[1:4].mean() - AT_NYQUIST
    below = np.flatnonzero(transfer[1:] < 0) + 1
    if not len(below) or not np.isfinite(transfer).all():
        return 1.0
    ring = below[0]
    step = transfer[ring - 1] / max(transfer[ring - 1] - transfer[ring], 1e-9)
    return float(0.5 / (RING * (ring - 0.5 + min(max(step, 0.0), 1.0))))


def _details(spectra: _Spectra, factor: int) -> Iterator[tuple[Numbers, Numbers, Numbers]]:
    """How much detail each band has that pixels so many times larger do not show, in two zones of spatial frequency.

    Where both frequencies are high, an interpolated band is attenuated twice. At multiples of one per large pixel, all
    interpolation has its zeros.

    Returns:
        Of each zone: the detail, c; the share of it that each two bands have in common, c×c; the share of it that is
        none of white noise, c.
    """
    passed = (spectra.across > 0.15 / factor) & (spectra.across < 0.4 / factor)
    multiples = np.arange(1, factor // 2 + 1) / factor
    zeros = np.asarray((np.abs(spectra.across[:, None] - multiples) < 0.12 / factor).any(1))
    edge, corner = ((spectra.across > 0.4) & part for part in (spectra.along < 0.1, spectra.along > 0.4))
    coloured = np.clip(1 - _ratio(spectra, corner, edge), 0, 1)
    for zone in (spectra.along > 0.65 / factor, zeros):
        yield _ratio(spectra, zone, passed), _coherent(spectra.values[zone]), coloured


def _little(own: float, others: Numbers, coherent: Numbers, coloured: Numbers) -> bool:
    """Whether a band's detail is hardly any of that of the sharper ones, as far as theirs is none of noise."""
    if not len(others):
        return False
    confirmed, alone = (others * coherent.max(1)).max(), (others * coloured).max()
    return bool(own < LITTLE * confirmed or own < VERY_LITTLE * alone)


def _coherent(values: NDArray[np.complex128]) -> Numbers:
    """The share of the power that each two bands have in common, c×c; 0 of a band with itself."""
    products = values.conj().T @ values
    power = np.real(np.diag(products))
    shares: Numbers = np.square(np.abs(products)) / np.maximum(np.outer(power, power), np.finfo(np.float64).tiny)
    np.fill_diagonal(shares, 0)
    return shares
