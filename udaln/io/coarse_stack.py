"""A stack of bands of unequal sharpness: those that were upsampled are brought back to their pixels, and sharpened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from udaln.io.bad_bands import describe_bands
from udaln.io.band_spectra import interpolated_factors
from udaln.io.coarse_bands import coarse_factors
from udaln.io.image import Image, Pixels
from udaln.io.sharpened import sharpened
from udaln.io.views import averaged, extended, select_bands

WHOLE = 480  # sides of an image up to which all of it is looked at [pixels]
WINDOW = 120  # side of the windows that a larger one is looked at through: a multiple of all factors [pixels]
WINDOWS = 4  # along each side
WITH_DATA = 0.5  # a window counts if so much of it has data


def with_sharpened_bands(image: Image) -> Image:
    """View of an HR-MSI in which bands that were upsampled are sharpened by the others.

    Their own pixels are the means over as many pixels as each was made of. Where these begin need not be known: means
    over others are the same bands, slightly more blurred. The image itself if it has no such bands beside sharp ones.
    """
    factors = upsampled_factors(windows_of(image))
    sharp = np.flatnonzero(factors == 1)
    if len(sharp) in (0, len(factors)):
        return image
    parts, notes = {}, []
    for factor in sorted(set(factors.tolist()) - {1}):
        bands = np.flatnonzero(factors == factor)
        both = [extended(select_bands(image, chosen.tolist()), factor) for chosen in (sharp, bands)]
        order = range(len(sharp), len(sharp) + len(bands))
        parts[factor] = bands, sharpened(both[0], averaged(both[1], factor), order)
        named = describe_bands(torch.from_numpy(factors == factor))
        notes.append(f"{named}: upsampled from pixels {factor} times as large; sharpened by the others")

    def read(rows: slice, cols: slice) -> Pixels:
        values = np.array(image.read(rows, cols))
        for bands, part in parts.values():
            missing = np.isnan(values[..., bands])
            values[..., bands] = np.where(missing, np.nan, part.read(rows, cols))
        return values

    return replace(image, read=read, notes=(*image.notes, *notes))


def upsampled_factors(windows: Sequence[Pixels]) -> NDArray[np.int64]:
    """How many times larger than the image's the pixels are that each band was made of, c; 1 for sharp ones.

    Args:
        windows: Parts of the image, each H×W×c, NaN where there are no data.
    """
    mosaic = torch.from_numpy(np.concatenate(windows))
    repeated: NDArray[np.int64] = coarse_factors(mosaic, torch.isfinite(mosaic)).numpy()
    return np.where(repeated > 1, repeated, interpolated_factors(windows, repeated == 1))


def windows_of(image: Image) -> list[Pixels]:
    """All of an image or, of a large one, windows spread over it, as far as they have data."""
    spans = [_spans(side) for side in image.shape[:2]]
    whole = len(spans[0]) == len(spans[1]) == 1
    windows = []
    for rows in spans[0]:
        for columns in spans[1]:
            window = image.read(rows, columns)
            if whole or np.isfinite(window).mean() >= WITH_DATA:
                windows.append(window if whole else window[: _last(window.shape[0])])
    return windows or [image.read(spans[0][0], spans[1][0])]


def _spans(side: int) -> list[slice]:
    if side <= WHOLE:
        return [slice(0, side)]
    starts = np.linspace(0, side // WINDOW - 1, WINDOWS).astype(int) * WINDOW
    return [slice(start, start + WINDOW) for start in starts.tolist()]


def _last(rows: int) -> int:
    """The rows of a window after which another one goes on with the same position in all large pixels."""
    return rows // WINDOW * WINDOW or rows
