"""The field's measures of a fused image against its reference, as pure functions.

All take two H×W×C cubes, the reference first, of any floating dtype and on any device that knows float64; all compute
in float64 and return a float64 tensor without dimensions. A pixel of the fused image that is NaN in any band holds no
data and is left out of both cubes; if none is left the result is NaN. A NaN of the reference makes the result NaN,
unless it lies in a pixel or band that is left out.
"""

import math

import torch
from torch import Tensor
from torch.linalg import vector_norm

from udaln.errors import InputError
from udaln.metrics.quality_map import quality_map

_PIXELS = (0, 1)  # the dimensions of a cube that run over its pixels
_VALUES_AT_ONCE = 2**18  # uiqi works on few bands at a time: float64 blocks of this size stay in a CPU's cache


def psnr(reference: Tensor, fused: Tensor) -> Tensor:
    """Peak signal-to-noise ratio: 10·log10(max(reference_b)² / MSE_b) per band b, mean over the bands.

    The peak is each band's own, not one for the cube. A band restored without error is at +∞, and so is then the
    mean; a band whose reference is zero everywhere, yet not restored so, is at −∞.

    Args:
        reference: the true image, H×W×C.
        fused: the image to judge, of the same shape.

    Returns:
        The ratio in dB; higher is better.

    Raises:
        InputError: the two are not floating-point cubes of one shape, with at least one value.

    Example:
        >>> reference = torch.tensor([[[1.0, 2.0], [0.5, 1.0]]])
        >>> round(psnr(reference, 0.9 * reference).item(), 3)
        22.041
    """
    reference, fused = _pixels(reference, fused)
    mse = (reference - fused).square().mean(_PIXELS)
    ratio = 10 * torch.log10(reference.amax(_PIXELS).square() / mse)
    return ratio.masked_fill(mse == 0, math.inf).mean()


def sam(reference: Tensor, fused: Tensor) -> Tensor:
    """Spectral angle: arccos(⟨a, b⟩ / (‖a‖·‖b‖)) between the two spectra of each pixel, mean over the pixels.

    A pixel with a zero spectrum in either image has no angle and is left out; `zero_spectra` counts these pixels. If
    none is left the result is NaN. The angle between the unit vectors u and v is computed as 2·atan2(‖u − v‖, ‖u + v‖),
    the same angle without the error that the arccosine has for nearly equal spectra (Kahan, "How futile are mindless
    assessments of roundoff in floating-point computation?", 2006, §12).

    Args:
        reference: the true image, H×W×C.
        fused: the image to judge, of the same shape.

    Returns:
        The angle in degrees, 0 to 180; lower is better.

    Raises:
        InputError: the two are not floating-point cubes of one shape, with at least one value.

    Example:
        >>> reference = torch.tensor([[[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]]])
        >>> fused = torch.tensor([[[1.0, 1.0], [2.0, 2.0], [1.0, 0.0]]])
        >>> round(sam(reference, fused).item(), 3)
        22.5
    """
    reference, fused = _pixels(reference, fused)
    a, no_a = _unit_spectra(reference)
    b, no_b = _unit_spectra(fused)
    angle = 2 * torch.atan2(vector_norm(a - b, dim=-1), vector_norm(a + b, dim=-1))
    left_out = no_a | no_b
    return torch.rad2deg(angle.masked_fill(left_out, 0).sum() / (~left_out).sum())


def zero_spectra(reference: Tensor, fused: Tensor) -> Tensor:
    """How many pixels `sam` leaves out, because their spectrum is zero in the reference or in the fused image.

    Args:
        reference: the true image, H×W×C.
        fused: the image to judge, of the same shape.

    Returns:
        The number of pixels (int64).

    Raises:
        InputError: the two are not floating-point cubes of one shape, with at least one value.

    Example:
        >>> reference = torch.tensor([[[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]]])
        >>> zero_spectra(reference, reference)
        tensor(1)
    """
    reference, fused = _pixels(reference, fused)
    return (_unit_spectra(reference)[1] | _unit_spectra(fused)[1]).sum()


def ergas(reference: Tensor, fused: Tensor, scale: int) -> Tensor:
    """Relative global error: 100/scale · sqrt(mean over the bands b of MSE_b / mean(reference_b)²).

    "Erreur relative globale adimensionnelle de synthèse" of Wald, "Data Fusion: Definitions and Architectures", 2002.
    A band whose reference has the mean zero makes it ∞, or NaN where that band is restored without error.

    Args:
        reference: the true image, H×W×C.
        fused: the image to judge, of the same shape.
        scale: the scale factor of the fusion, LR pixel size / HR pixel size (not its inverse).

    Returns:
        The error in percent of the signal, per unit of scale; lower is better.

    Raises:
        InputError: the two are not floating-point cubes of one shape, with at least one value, or `scale` is not
            positive.

    Example:
        >>> reference = torch.tensor([[[1.0, 2.0], [1.0, 2.0]]])
        >>> round(ergas(reference, 0.9 * reference, scale=4).item(), 3)
        2.5
    """
    reference, fused = _pixels(reference, fused)
    if scale <= 0:
        raise InputError(f"scale: expected a positive scale factor, got {scale}")
    mse = (reference - fused).square().mean(_PIXELS)
    return 100 / scale * (mse / reference.mean(_PIXELS).square()).mean().sqrt()


def cc(reference: Tensor, fused: Tensor) -> Tensor:
    """Cross-correlation: Pearson's coefficient of each band over its pixels, mean over the bands.

    A band that is constant in either image has no coefficient and is left out; if none is left the result is NaN.

    Args:
        reference: the true image, H×W×C.
        fused: the image to judge, of the same shape.

    Returns:
        The coefficient, −1 to 1; higher is better.

    Raises:
        InputError: the two are not floating-point cubes of one shape, with at least one value.

    Example:
        >>> reference = torch.tensor([[[1.0, 5.0], [2.0, 5.0], [3.0, 5.0]]])
        >>> fused = torch.tensor([[[1.0, 4.0], [3.0, 5.0], [2.0, 6.0]]])
        >>> round(cc(reference, fused).item(), 3)
        0.5
    """
    a, b = (_centred(cube) for cube in _pixels(reference, fused))
    norm_a, norm_b = a.square().sum(_PIXELS).sqrt(), b.square().sum(_PIXELS).sqrt()
    constant = (norm_a == 0) | (norm_b == 0)
    coefficient: Tensor = (a * b).sum(_PIXELS) / (norm_a * norm_b)
    return coefficient[~constant].mean()


def uiqi(reference: Tensor, fused: Tensor, window: int = 32) -> Tensor:
    """Universal image quality index Q, mean over all positions of a sliding uniform window and over the bands.

    Wang and Bovik, "A universal image quality index", IEEE Signal Processing Letters 9(3), 2002. In one window of the
    reference (x) and of the fused image (y)

        Q = 2·x̄·ȳ / (x̄² + ȳ²) · 2·σ_xy / (σ_x² + σ_y²).

    A factor whose denominator is zero counts as 1. So where both windows are flat only their means are compared, and
    two flat and equal windows have Q = 1; where one alone is flat Q = 0. Flat means a spread below 1e-7 of the root
    mean square, which float32 values cannot tell from none.

    Of a window, the pixels of the fused image that hold data count; where fewer than half do, it is left out.

    Args:
        reference: the true image, H×W×C.
        fused: the image to judge, of the same shape.
        window: side of the window in pixels, moved one pixel at a time within the image; in a direction in which the
            image is smaller, its size is taken instead.

    Returns:
        The index, −1 to 1; higher is better.

    Raises:
        InputError: the two are not floating-point cubes of one shape, with at least one value, or `window` is below 2.

    Example:
        >>> reference = torch.tensor([[1.0, 2.0], [3.0, 4.0]])[:, :, None]
        >>> round(uiqi(reference, 2 * reference).item(), 3)
        0.64
    """
    reference, fused = _cubes(reference, fused)
    if window < 2:
        raise InputError(f"window: expected at least 2 pixels, got {window}")
    height, width, bands = reference.shape
    if empty := bool(fused.isnan().any()):
        fused = fused.masked_fill(_empty(fused)[..., None], torch.nan)
    at_once = max(1, _VALUES_AT_ONCE // (height * width))
    blocks = (torch.split(cube.permute(2, 0, 1), at_once) for cube in (reference, fused))
    maps = (quality_map(x.contiguous(), y.contiguous(), window) for x, y in zip(*blocks, strict=True))
    if reference.isnan().any():
        return reference.new_tensor(torch.nan)
    if not empty:
        positions = (height - min(window, height) + 1) * (width - min(window, width) + 1)
        return torch.stack([quality.sum() for quality in maps]).sum() / (positions * bands)
    return torch.cat(list(maps)).nanmean()


def rmse(reference: Tensor, fused: Tensor) -> Tensor:
    """Root mean square error over the whole cube.

    Args:
        reference: the true image, H×W×C.
        fused: the image to judge, of the same shape.

    Returns:
        The error in the unit of the images; lower is better.

    Raises:
        InputError: the two are not floating-point cubes of one shape, with at least one value.

    Example:
        >>> reference = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])
        >>> rmse(reference, reference + 0.5).item()
        0.5
    """
    reference, fused = _pixels(reference, fused)
    return (reference - fused).square().mean().sqrt()


def check_cube(name: str, cube: Tensor) -> None:
    """Refuse what is not a floating-point H×W×C cube with at least one value; the message begins with ``name``."""
    if not isinstance(cube, Tensor):
        raise InputError(f"{name}: expected a torch tensor, got {type(cube).__name__}")
    if cube.ndim != 3 or cube.numel() == 0:
        raise InputError(f"{name}: expected an H×W×C cube that is not empty, got shape {tuple(cube.shape)}")
    if not cube.is_floating_point():
        raise InputError(f"{name}: expected floating-point values, got {cube.dtype}")


def _cubes(reference: Tensor, fused: Tensor) -> tuple[Tensor, Tensor]:
    """Both images in float64, once they are known to be comparable."""
    for name, cube in (("reference", reference), ("fused", fused)):
        check_cube(name, cube)
    if fused.shape != reference.shape:
        raise InputError(f"fused: expected the reference's shape {tuple(reference.shape)}, got {tuple(fused.shape)}")
    return reference.double(), fused.double()


def _empty(fused: Tensor) -> Tensor:
    """The pixels, H×W bool, that hold no data."""
    return fused.isnan().any(2)


def _pixels(reference: Tensor, fused: Tensor) -> tuple[Tensor, Tensor]:
    """Both images in float64; of N pixels left, as N×1×C; as they are where none would be, so that the NaN show."""
    reference, fused = _cubes(reference, fused)
    empty = _empty(fused)
    if not empty.any() or empty.all():
        return reference, fused
    return reference[~empty][:, None], fused[~empty][:, None]


def _unit_spectra(cube: Tensor) -> tuple[Tensor, Tensor]:
    """The spectra scaled to norm 1 (H×W×C), and which of them are zero (H×W) and stay so."""
    norm = vector_norm(cube, dim=-1, keepdim=True)
    zero = norm == 0
    return cube / norm.masked_fill(zero, 1), zero.squeeze(-1)


def _centred(cube: Tensor) -> Tensor:
    """Each band less its mean; a constant band becomes exactly zero, which subtracting the mean alone may miss."""
    cube = cube - cube[0, 0]
    return cube - cube.mean(_PIXELS)
