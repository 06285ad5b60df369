"""Missing values: which values are valid, and what replaces the others during the fusion."""

from __future__ import annotations

import torch
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from udaln.errors import InputError


def valid_values(
    image: Tensor,
    name: str,
    *,
    valid: Tensor | None = None,
    nodata: float | None = None,
    saturation: float | None = None,
) -> Tensor:
    """Which values of an image are valid measurements.

    Args:
        image: H×W×B.
        name: Name of the image in messages.
        valid: H×W bool, the pixels that may be used; None if all.
        nodata: The value that means no data, beside NaN and infinity.
        saturation: Values from this one on are saturated and not valid.

    Returns:
        H×W×B bool.

    Raises:
        InputError: If the image is not a cube, the mask has another size, or no value is valid. The message names the
            argument that leaves none.
    """
    if image.ndim != 3 or 0 in image.shape:
        raise InputError(f"{name}: expected a cube of rows×columns×bands, got shape {tuple(image.shape)}")
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
    for key, allowed in (
        ("nodata", None if nodata is None else image != nodata),
        ("saturation", None if saturation is None else image < saturation),
    ):
        if allowed is not None:
            result &= allowed
            if not result.any():
                raise InputError(f"{key}: expected it to leave some values of the {name}, got none")
    return result


def fill_gaps(image: Tensor, valid: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
    """Replace every pixel that is not valid by the nearest valid one, so that all values are finite.

    Args:
        image: H×W×B; a pixel with NaN or infinity in any band is not valid.
        valid: H×W bool, false for further pixels that are not valid; None if there are no further ones.

    Returns:
        The filled image, and its valid pixels, H×W bool, None if all are valid. Where no pixel is valid, nothing is
        filled.
    """
    finite = torch.isfinite(image).all(2)
    valid = finite if valid is None else finite & valid
    if valid.all() or not valid.any():
        return image, None if valid.all() else valid
    nearest = distance_transform_edt(~valid.numpy(), return_distances=False, return_indices=True)
    rows, columns = torch.from_numpy(nearest).long()
    return image[rows, columns], valid
