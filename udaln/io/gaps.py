"""Values that are no measurements: where they are, and what stands there while the rest is fused."""

from __future__ import annotations

import torch
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from udaln.errors import InputError


def holding(
    image: Tensor,
    name: str,
    *,
    valid: Tensor | None = None,
    nodata: float | None = None,
    saturation: float | None = None,
) -> Tensor:
    """Which values of an image are measurements.

    Args:
        image: H×W×B.
        name: What the image is called, in messages.
        valid: H×W bool, which pixels may be used; all if none.
        nodata: The value that stands for none, beside NaN and infinity.
        saturation: The value from which on one is no measurement either.

    Returns:
        H×W×B bool.

    Raises:
        InputError: If the image is no cube, the mask is not of its size, or no value is left; names what leaves none.
    """
    if image.ndim != 3 or 0 in image.shape:
        raise InputError(f"{name}: expected a cube of rows×columns×bands, got shape {tuple(image.shape)}")
    holds = torch.isfinite(image.float())  # the networks calculate in float32
    if not holds.any():
        raise InputError(f"{name}: expected finite values, got NaN or infinite ones only")
    if valid is not None:
        if valid.shape != image.shape[:2]:
            sizes = ["×".join(map(str, shape)) or "a single number" for shape in (image.shape[:2], valid.shape)]
            raise InputError(f"{name} mask: expected {sizes[0]}, got {sizes[1]}")
        holds &= valid[..., None]
    if not holds.any():
        raise InputError(f"{name} mask: expected it to leave some pixels with data, got none")
    for key, allowed in (
        ("nodata", None if nodata is None else image != nodata),
        ("saturation", None if saturation is None else image < saturation),
    ):
        if allowed is not None:
            holds &= allowed
            if not holds.any():
                raise InputError(f"{key}: expected it to leave some values of the {name}, got none")
    return holds


def without_gaps(image: Tensor, valid: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
    """An image with every pixel finite, and which of them hold data.

    Args:
        image: H×W×B; a pixel with NaN or infinity in any band holds none.
        valid: H×W bool, which pixels hold data beyond that; all if none.

    Returns:
        The image, in which the nearest valid pixel stands for each that is not, and H×W bool, none if all are valid.
    """
    finite = torch.isfinite(image).all(2)
    valid = finite if valid is None else finite & valid
    if valid.all() or not valid.any():
        return image, None if valid.all() else valid
    nearest = distance_transform_edt(~valid.numpy(), return_distances=False, return_indices=True)
    rows, columns = torch.from_numpy(nearest).long()
    return image[rows, columns], valid
