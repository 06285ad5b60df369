"""Measures of the quality of a fused image against its reference, as pure functions.

All take two H×W×C cubes, the reference first, of any floating dtype and on any device that supports float64; all
compute in float64 and return a float64 tensor without dimensions. A pixel of the fused image that is NaN in any band
holds no data and is excluded from both cubes; if no pixel remains, the result is NaN. A NaN of the reference makes the
result NaN, unless it lies in an excluded pixel or band.
"""

import math

import torch
from torch import Tensor
from torch.linalg import vector_norm

from udaln.errors import InputError
from udaln.metrics.checks import checked_pair, valid_pixels, without_data
from udaln.metrics.quality_map import band_blocks, quality_map

_PIXELS = (0, 1)  # the pixel dimensions of a cube


def psnr(reference: Tensor, fused: Tensor) -> Tensor:
    """Peak signal-to-noise ratio: 10·log10(max(reference_b)² / MSE_b) per band b, mean over the bands.

    Each band has a peak of its own. A band without error has a ratio of +∞, and so has then the mean. A band whose
    reference is zero everywhere, but not its fused image, has −∞.

    Args:
        reference: The true image, H×W×C.
        fused: The fused image, of the same shape.

    Returns:
        The ratio in dB; higher is better.

    Raises:
        InputError: If the two are not floating-point cubes of one shape, with at least one value.

    Example:
        >>> reference = torch.tensor([[[1.0, 2.0], [0.5, 1.0]]])
        >>> round(psnr(reference, 0.9 * reference).item(), 3)
        22.041
    """
    reference, fused = valid_pixels(reference, fused)
    mse = (reference - fused).square().mean(_PIXELS)
    ratio = 10 * torch.log10(reference.amax(_PIXELS).square() / mse)
    return ratio.masked_fill(mse == 0, math.inf).mean()


def sam(reference: Tensor, fused: Tensor) -> Tensor:
    """Spectral angle: arccos(⟨a, b⟩ / (‖a‖·‖b‖)) between the two spectra of each pixel, mean over the pixels.

    A pixel with a zero spectrum in either image has no angle and is excluded; `zero_spectra` counts these pixels. If
    none remains, the result is NaN. The angle between the unit vectors u and v is computed as
    2·atan2(‖u − v‖, ‖u + v‖), without the error of the arccosine for nearly equal spectra (Kahan, "How futile are
    mindless assessments of roundoff in floating-point computation?", 2006, §12).

    Args:
        reference: The true image, H×W×C.
        fused: The fused image, of the same shape.

    Returns:
        The angle in degrees, 0 to 180; lower is better.

    Raises:
        InputError: If the two are not floating-point cubes of one shape, with at least one value.

    Example:
        >>> reference = torch.tensor([[[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]]])
        >>> fused = torch.tensor([[[1.0, 1.0], [2.0, 2.0], [1.0, 0.0]]])
        >>> round(sam(reference, fused).item(), 3)
        22.5
    """
    reference, fused = valid_pixels(reference, fused)
    a, zero_a = _unit_spectra(reference)
    b, zero_b = _unit_spectra(fused)
    angle = 2 * torch.atan2(vector_norm(a - b, dim=-1), vector_norm(a + b, dim=-1))
    excluded = zero_a | zero_b
    return torch.rad2deg(angle.masked_fill(excluded, 0).sum() / (~excluded).sum())


def zero_spectra(reference: Tensor, fused: Tensor) -> Tensor:
    """Number of pixels that `sam` excludes: those with a zero spectrum in the reference or in the fused image.

    Args:
        reference: The true image, H×W×C.
        fused: The fused image, of the same shape.

    Returns:
        The number of pixels (int64).

    Raises:
        InputError: If the two are not floating-point cubes of one shape, with at least one value.

    Example:
        >>> reference = torch.tensor([[[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]]])
        >>> zero_spectra(reference, reference)
        tensor(1)
    """
    reference, fused = valid_pixels(reference, fused)
    return (_unit_spectra(reference)[1] | _unit_spectra(fused)[1]).sum()


def ergas(reference: Tensor, fused: Tensor, scale: int) -> Tensor:
    """Relative global error: 100/scale · sqrt(mean over the bands b of MSE_b / mean(reference_b)²).

    "Erreur relative globale adimensionnelle de synthèse" of Wald, "Data Fusion: Definitions and Architectures", 2002.
    A band whose reference has mean zero makes it ∞, or NaN if that band has no error.

    Args:
        reference: The true image, H×W×C.
        fused: The fused image, of the same shape.
        scale: The scale factor of the fusion, LR pixel size / HR pixel size (not its inverse).

    Returns:
        The error in percent of the signal, per unit of scale; lower is better.

    Raises:
        InputError: If the two are not floating-point cubes of one shape, with at least one value, or `scale` is not
            positive.

    Example:
        >>> reference = torch.tensor([[[1.0, 2.0], [1.0, 2.0]]])
        >>> round(ergas(reference, 0.9 * reference, scale=4).item(), 3)
        2.5
    """
    reference, fused = valid_pixels(reference, fused)
    if scale <= 0:
        raise InputError(f"scale: expected a positive scale factor, got {scale}")
    mse = (reference - fused).square().mean(_PIXELS)
    return 100 / scale * (mse / reference.mean(_PIXELS).square()).mean().sqrt()


def cc(reference: Tensor, fused: Tensor) -> Tensor:
    """Cross-correlation: Pearson's coefficient of each band over its pixels, mean over the bands.

    A band that is constant in either image has no coefficient and is excluded; if none remains, the result is NaN.

    Args:
        reference: The true image, H×W×C.
        fused: The fused image, of the same shape.

    Returns:
        The coefficient, −1 to 1; higher is better.

    Raises:
        InputError: If the two are not floating-point cubes of one shape, with at least one value.

    Example:
        >>> reference = torch.tensor([[[1.0, 5.0], [2.0, 5.0], [3.0, 5.0]]])
        >>> fused = torch.tensor([[[1.0, 4.0], [3.0, 5.0], [2.0, 6.0]]])
        >>> round(cc(reference, fused).item(), 3)
        0.5
    """
    a, b = (_centred(cube) for cube in valid_pixels(reference, fused))
    norm_a, norm_b = a.square().sum(_PIXELS).sqrt(), b.square().sum(_PIXELS).sqrt()
    constant = (norm_a == 0) | (norm_b == 0)
    coefficient: Tensor = (a * b).sum(_PIXELS) / (norm_a * norm_b)
    return coefficient[~constant].mean()


def uiqi(reference: Tensor, fused: Tensor, window: int = 32) -> Tensor:
    """Universal image quality index Q, mean over all positions of a sliding uniform window and over the bands.

    Wang and Bovik, "A universal image quality index", IEEE Signal Processing Letters 9(3), 2002. In one window of the
    reference (x) and of the fused image (y)

        Q = 2·x̄·ȳ / (x̄² + ȳ²) · 2·σ_xy / (σ_x² + σ_y²).

    A factor whose denominator is zero counts as 1. If both windows are constant, only their means are compared, and
    two equal constant windows have Q = 1; if only one is constant, Q = 0. Constant means a standard deviation below
    1e-7 of the root mean square, which is within the rounding of float32.

    A window is evaluated on its pixels in which the fused image holds data, and excluded if these are fewer than half.

    Args:
        reference: The true image, H×W×C.
        fused: The fused image, of the same shape.
        window: Side of the window in pixels, moved one pixel at a time within the image; along a side that is shorter,
            that of the image.

    Returns:
        The index, −1 to 1; higher is better.

    Raises:
        InputError: If the two are not floating-point cubes of one shape, with at least one value, or `window` is below
            2.

    Example:
        >>> reference = torch.tensor([[1.0, 2.0], [3.0, 4.0]])[:, :, None]
        >>> round(uiqi(reference, 2 * reference).item(), 3)
        0.64
    """
    reference, fused = checked_pair(reference, fused)
    if window < 2:
        raise InputError(f"window: expected at least 2 pixels, got {window}")
    height, width, bands = reference.shape
    if gaps := bool(fused.isnan().any()):
        fused = fused.masked_fill(without_data(fused)[..., None], torch.nan)
    x, y = reference.permute(2, 0, 1), fused.permute(2, 0, 1)
    maps = (quality_map(x[block].contiguous(), y[block].contiguous(), window) for block in band_blocks(reference))
    if reference.isnan().any():
        return reference.new_tensor(torch.nan)
    if not gaps:
        positions = (height - min(window, height) + 1) * (width - min(window, width) + 1)
        return torch.stack([quality.sum() for quality in maps]).sum() / (positions * bands)
    return torch.cat(list(maps)).nanmean()


def rmse(reference: Tensor, fused: Tensor) -> Tensor:
    """Root mean square error over the whole cube.

    Args:
        reference: The true image, H×W×C.
        fused: The fused image, of the same shape.

    Returns:
        The error in the unit of the images; lower is better.

    Raises:
        InputError: If the two are not floating-point cubes of one shape, with at least one value.

    Example:
        >>> reference = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])
        >>> rmse(reference, reference + 0.5).item()
        0.5
    """
    reference, fused = valid_pixels(reference, fused)
    return (reference - fused).square().mean().sqrt()


def _unit_spectra(cube: Tensor) -> tuple[Tensor, Tensor]:
    """The spectra scaled to norm 1 (H×W×C), and the mask of zero spectra (H×W), which remain zero."""
    norm = vector_norm(cube, dim=-1, keepdim=True)
    zero = norm == 0
    return cube / norm.masked_fill(zero, 1), zero.squeeze(-1)


def _centred(cube: Tensor) -> Tensor:
    """Each band minus its mean."""
    cube = cube - cube[0, 0]  # makes a constant band exactly zero; its mean may be rounded
    return cube - cube.mean(_PIXELS)
