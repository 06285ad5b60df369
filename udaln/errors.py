"""What a user gets wrong: the error that says so, and checks of images that raise it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the command line knows errors without PyTorch, which takes seconds to import
    from torch import Tensor


class InputError(ValueError):
    """Something given by the user cannot be used.

    The message is one line: the file, config key or argument at fault, what was expected and what came. The
    command line prints that line and exits non-zero; from Python it is an ordinary ``ValueError``.
    """


def scale_factor(lr_hsi: Tensor, hr_msi: Tensor) -> int:
    """The scale factor that the sizes of a pair imply.

    Raises:
        InputError: If it is not one whole number of at least 2 for both rows and columns.
    """
    (h, w), (rows, columns) = lr_hsi.shape[:2], hr_msi.shape[:2]
    scale = rows // h
    if scale < 2 or (rows, columns) != (scale * h, scale * w):
        swapped = 0 < rows < h and (h, w) == (h // rows * rows, h // rows * columns)
        raise InputError(
            f"sizes: expected an HR-MSI of r·{h}×r·{w} pixels for a whole scale factor r ≥ 2, got {rows}×{columns}"
            + ("; are the two images swapped?" if swapped else "")
        )
    return scale


def check_image(image: Tensor, name: str) -> None:
    """Refuse an image that cannot be fused.

    Raises:
        InputError: If it is not H×W×B, holds NaN or infinity, or has a band without any signal.
    """
    if image.ndim != 3 or 0 in image.shape:
        raise InputError(f"{name}: expected a cube of rows×columns×bands, got shape {tuple(image.shape)}")
    if bad := int((~image.float().isfinite()).sum()):  # the networks calculate in float32
        raise InputError(f"{name}: expected finite values, got {bad} NaN or infinite ones")
    if dead := (image == 0).flatten(0, 1).all(0).nonzero().flatten().tolist():
        listed = ", ".join(map(str, dead[:8])) + (", …" if len(dead) > 8 else "")
        raise InputError(f"{name}: expected a signal in every band, got only zeros in band {listed} (counted from 0)")


def check_shape(name: str, value: Tensor, expected: tuple[int, ...]) -> None:
    """Refuse a tensor of another shape.

    Raises:
        InputError: If it is not of the shape expected.
    """
    if tuple(value.shape) != expected:
        raise InputError(
            f"{name}: expected shape {'×'.join(map(str, expected))}, got {'×'.join(map(str, value.shape))}"
        )
