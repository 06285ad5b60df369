"""Missing values: which values are valid, and what replaces the others during the fusion."""

from __future__ import annotations

from typing import NamedTuple

import torch
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from udaln.errors import InputError, scale_factor
from udaln.io.imputation import impute

LEAST_MEASURED = 0.5  # fraction of the bands of a pixel that must be measured
UNPREDICTED = 0.01  # fraction of the variance of a band that need not follow from the others
PIXELS_PER_BAND = 20  # complete pixels that are needed to tell
FEW_BANDS = 3  # of fewer bands, all must be


def valid_values(image: Tensor, name: str, *, valid: Tensor | None = None) -> Tensor:
    """Which values of an image are valid measurements.

    Args:
        image: H×W×B.
        name: Name of the image in messages.
        valid: H×W bool, the pixels that may be used; None if all.

    Returns:
        H×W×B bool.

    Raises:
        InputError: If the image is not a cube, the mask has another size, or no value is valid.
    """
    if image.ndim != 3 or 0 in image.shape:
        remedy = "; a single band is passed as image[..., None]" if image.ndim == 2 and name == "HR-MSI" else ""
        raise InputError(f"{name}: expected a cube of rows×columns×bands, got shape {tuple(image.shape)}{remedy}")
    result = torch.isfinite(image.float())  # the networks calculate in float32
    if not result.any():
        raise InputError(f"{name}: expected finite values, got NaN or infinite ones only")
    if valid is not None:
        if valid.shape != image.shape[:2]:
            sizes = ["×".join(map(str, shape)) or "a single number" for shape in (image.shape[:2], valid.shape)]
            raise InputError(f"{name} mask: expected {sizes[0]}, got {sizes[1]}")
        result &= valid[..., None]
    if not result.any():
        raise InputError(f"{name} mask: expected it to leave some pixels with data, got none")
    return result


class Filled(NamedTuple):
    """An image without gaps, and what in it was measured.

    Attributes:
        image: H×W×B, all finite.
        valid: H×W bool, the pixels that hold data; None if all do.
        gaps: H×W×B bool, the values of these pixels that were estimated from their other bands; None if there are none.
    """

    image: Tensor
    valid: Tensor | None
    gaps: Tensor | None


def fill_gaps(
    image: Tensor, valid: Tensor | None = None, *, predictable: bool = False, beside: Tensor | None = None
) -> Filled:
    """Fill the gaps of an image, so that all values are finite.

    A pixel holds data if at least `LEAST_MEASURED` of its bands are measured; what is missing in the others is
    estimated from these. Every other pixel is replaced by the nearest that holds data. Where no pixel does, nothing is
    filled.

    Args:
        image: H×W×B; NaN and infinity are not measured.
        valid: False for what is not measured either: H×W bool for pixels, or H×W×B for values. None if there is none.
        predictable: Whether a pixel holds data only if the bands that it lacks follow from the others.
        beside: What another image shows of the same pixels, H×W×D, NaN where nothing; the gaps are estimated from it,
            too.
    """
    measured = torch.isfinite(image)
    if valid is not None:
        measured = measured & (valid if valid.ndim == 3 else valid[..., None])
    whole = measured.all(2)
    if whole.all():
        return Filled(image, None, None)
    enough = measured.double().mean(2) >= LEAST_MEASURED if image.shape[2] >= FEW_BANDS else whole
    if predictable and (enough & ~whole).any():
        enough = enough & (measured | _predictable(image[whole])).all(2)
    if not enough.any():
        return Filled(image, enough, None)
    gaps = None
    if (enough & ~whole).any():
        gaps = enough[..., None] & ~measured
        image = _imputed(image, measured, enough, beside)
    if enough.all():
        return Filled(image, None, gaps)
    nearest = distance_transform_edt(~enough.numpy(), return_distances=False, return_indices=True)
    rows, columns = torch.from_numpy(nearest).long()
    return Filled(image[rows, columns], enough, gaps)


def _imputed(image: Tensor, measured: Tensor, pixels: Tensor, beside: Tensor | None) -> Tensor:
    """The image with what pixels lack in some bands estimated from the others and from what is beside it."""
    if beside is None:
        return impute(image, measured, pixels)
    both = torch.cat([image, beside.to(image)], 2)
    return impute(both, torch.cat([measured, beside.isfinite()], 2), pixels)[..., : image.shape[2]]


def _predictable(pixels: Tensor) -> Tensor:
    """Which bands of N×B pixels, without gaps, are linear in the others up to `UNPREDICTED` of their variance."""
    bands = pixels.shape[1]
    if len(pixels) < PIXELS_PER_BAND * bands:
        return torch.zeros(bands, dtype=torch.bool)
    scaled = pixels.double() - pixels.double().mean(0)
    scaled = scaled / scaled.square().mean(0).sqrt().clamp(min=torch.finfo(torch.float64).tiny)
    covariance = scaled.T @ scaled / len(scaled) + 1e-9 * torch.eye(bands, dtype=torch.float64)
    unpredicted: Tensor = 1 / torch.linalg.inv(covariance).diagonal()
    return unpredicted < UNPREDICTED


def means_in_lr_pixels(lr_hsi: Tensor, hr_msi: Filled) -> Tensor:
    """The HR-MSI averaged over LR pixels, h×w×c; NaN where a part of one has no data.

    Args:
        lr_hsi: h×w×C.
        hr_msi: rh×rw×c.
    """
    rows, columns, scale = *lr_hsi.shape[:2], scale_factor(lr_hsi, hr_msi.image)
    image = hr_msi.image if hr_msi.valid is None else torch.where(hr_msi.valid[..., None], hr_msi.image, torch.nan)
    return image.reshape(rows, scale, columns, scale, -1).mean((1, 3))
