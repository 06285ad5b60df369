"""The checks that every measure makes of its images, and the pixels that it compares."""

import torch
from torch import Tensor

from udaln.errors import InputError


def check_cube(name: str, cube: Tensor) -> None:
    """Check that an argument is a floating-point H×W×C cube with at least one value.

    Raises:
        InputError: If it is not; the message begins with ``name``.
    """
    if not isinstance(cube, Tensor):
        raise InputError(f"{name}: expected a torch tensor, got {type(cube).__name__}")
    if cube.ndim != 3 or cube.numel() == 0:
        raise InputError(f"{name}: expected an H×W×C cube that is not empty, got shape {tuple(cube.shape)}")
    if not cube.is_floating_point():
        raise InputError(f"{name}: expected floating-point values, got {cube.dtype}")


def checked_pair(reference: Tensor, fused: Tensor) -> tuple[Tensor, Tensor]:
    """Both images, H×W×C, in float64.

    Raises:
        InputError: If they are not floating-point cubes of one shape, with at least one value.
    """
    for name, cube in (("reference", reference), ("fused", fused)):
        check_cube(name, cube)
    if fused.shape != reference.shape:
        raise InputError(f"fused: expected the reference's shape {tuple(reference.shape)}, got {tuple(fused.shape)}")
    return reference.double(), fused.double()


def valid_pixels(reference: Tensor, fused: Tensor) -> tuple[Tensor, Tensor]:
    """Both images, H×W×C, in float64, without the pixels in which the fused image holds no data.

    Returns:
        Both as N×1×C for N valid pixels. If all pixels are valid, or none is, both keep their shape: in the second case
        the NaNs reach the result.

    Raises:
        InputError: If they are not floating-point cubes of one shape, with at least one value.
    """
    reference, fused = checked_pair(reference, fused)
    invalid = without_data(fused)
    if not invalid.any() or invalid.all():
        return reference, fused
    return reference[~invalid][:, None], fused[~invalid][:, None]


def without_data(fused: Tensor) -> Tensor:
    """Mask, H×W bool, of the pixels that are NaN in any band."""
    return torch.isnan(fused).any(2)
