"""The low-pass filter of multiresolution analysis: the PSF, or a Gaussian that has its gain at Nyquist's frequency."""

from __future__ import annotations

from cmath import exp, pi
from enum import Enum
from math import ceil, log, sqrt

import torch
from torch import Tensor

from udaln.errors import InputError
from udaln.estimation.psf import centre_shift
from udaln.physics.degradation import Degradation
from udaln.physics.simulation import SIGMA_PER_FWHM, gaussian_psf

REACH = 3.0  # standard deviations of a Gaussian that its window contains
GAINS = 0.01, 0.99  # of a PSF at Nyquist's frequency, as far as it is believed


class Filter(Enum):
    """The low-pass filter: the ``psf`` of the pair, or the ``gaussian`` nearest to it in pan-sharpening's sense."""

    gaussian = "gaussian"
    psf = "psf"


def low_pass_filter(degradation: Degradation, kind: Filter, gain: float | None = None) -> Tensor:
    """The filter of a pair.

    In the field it is a Gaussian whose frequency response at Nyquist's frequency is that of the sensor, its modulation
    transfer function (MTF), and lies where the sensor's PSF lies.

    Source: Aiazzi, Alparone, Baronti, Garzelli and Selva, Photogramm. Eng. Remote Sens. 72(5), 2006.

    Args:
        degradation: Of the pair.
        kind: Which filter.
        gain: Of the Gaussian at Nyquist's frequency of the LR-HSI; that of the PSF if None.

    Returns:
        k×k float64, summing to 1.
    """
    psf, scale = degradation.psf, degradation.scale
    if kind is Filter.psf:
        return psf / psf.sum()
    std = scale * sqrt(-2 * log(nyquist_gain(psf, scale) if gain is None else gain)) / pi
    place = centre_shift(psf.cpu().numpy(), scale, (0.0, 0.0))
    beyond = max(0, ceil(REACH * std + max(map(abs, place)) - scale / 2))
    return gaussian_psf(scale + 2 * beyond, scale, std / SIGMA_PER_FWHM, place).to(psf.device)


def nyquist_gain(psf: Tensor, scale: int) -> float:
    """Size of a PSF's frequency response at Nyquist's frequency of the LR pixels: geometric mean of both directions.

    Args:
        psf: k×k.
        scale: Scale factor r: the frequency is 1/(2r) per HR pixel.
    """
    wave = torch.tensor([exp(-1j * pi * position / scale) for position in range(len(psf))]).to(psf.device)
    responses = [abs(complex(wave @ profile.to(wave))) / float(psf.sum()) for profile in (psf.sum(0), psf.sum(1))]
    lowest, highest = GAINS
    return min(max(sqrt(responses[0] * responses[1]), lowest), highest)


def check_gain(gain: float | None) -> None:
    """Refuse a gain that no Gaussian has.

    Raises:
        InputError: Names the key.
    """
    if gain is not None and not 0 < gain < 1:
        raise InputError(f"method.nyquist_gain: expected a number between 0 and 1, or null, got {gain:g}")
