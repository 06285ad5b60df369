"""A stack of bands of unequal sharpness: those that were upsampled are brought back to their pixels, and sharpened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from udaln.io.bad_bands import describe_bands
from udaln.io.band_spectra import interpolated_factors
from udaln.io.coarse_bands import coarse_factors
from udaln.io.image import Cause, Image, Pixels, image_of
from udaln.io.own_pixels import first_pixel, kernels_of, own_factor, own_pixels
from udaln.io.sharpened import sharpened
from udaln.io.views import cropped, extended, masked, select_bands

WHOLE = 480  # sides of an image up to which all of it is looked at [pixels]
WINDOW = 120  # side of the windows that a larger one is looked at through: a multiple of all factors [pixels]
WINDOWS = 4  # along each side
WITH_DATA = 0.5  # a window counts if so much of it has data


def with_sharpened_bands(image: Image, scale: int) -> Image:
    """View of an HR-MSI in which bands that were upsampled are sharpened by the others.

    A band of pixels that are not smaller than those of the LR-HSI tells nothing that the LR-HSI does not: it is without
    data. The image itself if it has no bands that were upsampled beside sharp ones.

    Args:
        image: The HR-MSI.
        scale: Scale factor of the pair, r.
    """
    windows = windows_of(image)
    factors = upsampled_factors(windows)
    sharp = np.flatnonzero(factors == 1)
    if len(sharp) in (0, len(factors)):
        return image
    parts, notes, causes = [], [], list(image.causes)
    left_out = factors >= max(scale, 2)
    for factor in sorted(set(factors.tolist()) - {1}):
        bands = np.flatnonzero(factors == factor)
        found = f"{describe_bands(torch.from_numpy(factors == factor))}: upsampled from pixels {factor} times as large"
        if factor >= scale:
            notes.append(f"{found}, which are not smaller than those of the LR-HSI; left out")
            continue
        parts.append((bands, _sharpened_part(image, windows, (sharp, bands), factor)))
        notes.append(f"{found}; sharpened by the others")

    def read(rows: slice, cols: slice) -> Pixels:
        values = np.array(image.read(rows, cols))
        for bands, part in parts:
            missing = np.isnan(values[..., bands])
            values[..., bands] = np.where(missing, np.nan, part.read(rows, cols))
        values[..., left_out] = np.nan
        return values

    def flags(rows: slice, cols: slice) -> NDArray[np.bool_]:
        return np.broadcast_to(left_out, (rows.stop - rows.start, cols.stop - cols.start, len(left_out)))

    if left_out.any():
        causes.append(Cause("bands no finer than the LR-HSI", flags))
    return replace(image, read=read, causes=tuple(causes), notes=(*image.notes, *notes))


def _sharpened_part(
    image: Image, windows: Sequence[Pixels], bands: tuple[NDArray[np.intp], NDArray[np.intp]], factor: int
) -> Image:
    """View of upsampled bands, sharpened.

    Args:
        image: H×W×c.
        windows: Of it.
        bands: The sharp ones, and those that were upsampled from pixels ``factor`` times as large.
        factor: Pixels along the side of a large one.
    """
    coarse = [window[..., bands[1]] for window in windows]
    begin = first_pixel(coarse[0], factor)
    kernels = kernels_of([window[begin[0] :, begin[1] :] for window in coarse], factor)
    before = -begin[0] % factor, -begin[1] % factor
    both = [extended(select_bands(image, chosen.tolist()), factor, before) for chosen in bands]
    inside = [slice(first, first + side) for first, side in zip(before, image.shape[:2], strict=True)]
    order = range(len(bands[0]), len(bands[0]) + len(bands[1]))
    fitted = masked(both[0], Cause("beyond the border", lambda *window: _outside(window, inside)))
    return cropped(sharpened(both[0], own_pixels(both[1], factor, kernels), order, fitted), inside[0], inside[1])


def _outside(window: tuple[slice, ...], inside: Sequence[slice]) -> NDArray[np.bool_]:
    """Which pixels of a window are not in another, h×w×1 bool."""
    rows, columns = (
        (np.arange(part.start, part.stop) < whole.start) | (np.arange(part.start, part.stop) >= whole.stop)
        for part, whole in zip(window, inside, strict=True)
    )
    return np.asarray((rows[:, None] | columns)[..., None])


def sharpened_values(hr_msi: Tensor, valid: Tensor, scale: int) -> tuple[Tensor, Tensor, tuple[str, ...]]:
    """The same for an HR-MSI in memory.

    Args:
        hr_msi: rh×rw×c.
        valid: rh×rw×c bool, which values are valid.
        scale: r.

    Returns:
        The values and which of them are valid, and what was done, as text.
    """
    image = image_of(torch.where(valid, hr_msi, torch.nan).numpy())
    found = with_sharpened_bands(image, scale)
    if found is image:
        return hr_msi, valid, ()
    result = torch.from_numpy(found.whole())
    return result, valid & torch.isfinite(result), found.notes


def upsampled_factors(windows: Sequence[Pixels]) -> NDArray[np.int64]:
    """How many times larger than the image's the pixels are that each band was made of, c; 1 for sharp ones.

    Args:
        windows: Parts of the image, each H×W×c, NaN where there are no data.
    """
    mosaic = torch.from_numpy(np.concatenate(windows))
    repeated: NDArray[np.int64] = coarse_factors(mosaic, torch.isfinite(mosaic)).numpy()
    told = interpolated_factors(windows, repeated == 1)
    own = [own_factor(windows[0][..., [band]], factor) if factor > 2 else factor for band, factor in enumerate(told)]
    return np.where(repeated > 1, repeated, own)


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
