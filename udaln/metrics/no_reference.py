"""Measures of the quality of a fused image without a reference, as pure functions.

They measure how well the fused image agrees with the two images of the pair: HQNR and its two factors, the spectral
and the spatial distortion. All take H×W×B cubes of any floating dtype and compute in float64, in blocks of bands.

NaN means no data. A window is evaluated on its valid pixels, and excluded from the means if fewer than half are valid;
an LR pixel whose PSF covers a NaN is not valid. If a band has no window left, the result is NaN.
"""

import torch
from torch import Tensor

from udaln.errors import InputError
from udaln.metrics.checks import check_cube
from udaln.metrics.quality_map import band_blocks, quality_map
from udaln.physics.windows import degrade

_HR_WINDOW = 32  # side of the window of QNR [pixels]
_MIN_WINDOW = 8  # side of the window that Wang and Bovik chose for Q [pixels]
_ROUNDING = 1e-7  # a band's standard deviation below this fraction of its mean is rounding error


def d_lambda(fused: Tensor, lr_hsi: Tensor, psf: Tensor, shift: tuple[int, int] = (0, 0)) -> Tensor:
    """Spectral distortion D_λ = 1 − Q(PX̂, Y), Q averaged over positions, then over bands.

    Khan, Alparone and Chanussot, "Pansharpening quality assessment using the modulation transfer functions of
    instruments", IEEE TGRS 47(11), 2009. Their Q4 is limited to four bands; here Q is `udaln.metrics.uiqi`, band by
    band. The window is that of `d_s` at low resolution.

    Args:
        fused: X̂, the fused image, rh×rw×C.
        lr_hsi: Y, the LR-HSI, h×w×C.
        psf: Point spread function, k×k with k ≥ r, sums to 1.
        shift: Displacement of the LR-HSI, down and to the right, from the place that the sizes imply [HR pixels].

    Returns:
        The distortion, 0 to 2; lower is better, and 0 if and only if PX̂ = Y (within rounding).

    Raises:
        InputError: If the images or the PSF do not fit each other.
    """
    scale = _scale(fused, lr_hsi)
    quality = [
        _quality(lr_hsi[..., block], _degraded(fused[..., block], psf, scale, shift), _lr_window(scale))
        for block in band_blocks(fused)
    ]
    return 1 - torch.cat(quality).mean()


def d_s(fused: Tensor, lr_hsi: Tensor, hr_msi: Tensor, lr_msi: Tensor) -> Tensor:
    """Spatial distortion D_S: mean over the bands i of |Q(X̂_i, Z_j) − Q(Y_i, (PZ)_j)|, Z_j the MSI band nearest to i.

    Alparone et al., "Multispectral and panchromatic data fusion assessment without reference", PE&RS 74(2), 2008,
    with exponent 1. It is defined for one panchromatic image; three choices extend it to an MSI of several bands:

    * Pairs: every HSI band is compared with the one MSI band that it is most correlated with at low resolution, the
      rule of selected-band hypersharpening (Selva et al., "Hyper-sharpening: a first approach on SIM-GA data", IEEE
      JSTARS 8(6), 2015); Hao et al., "A no-reference quality assessment method for hyperspectral sharpened images via
      Benford's law", Remote Sensing 16(7), 2024, adapt the indices of pansharpening by assigning bands. A mean over all
      pairs would be dominated by bands that have little in common: their Q differs between the two resolutions even
      for the true image, and hardly depends on blur.
    * Units: Q also compares means and contrasts. Z_j and (PZ)_j are therefore first given the gain and the offset for
      which (PZ)_j has the mean and the standard deviation of Y_i. The result is then invariant to a positive gain and
      an offset of any MSI band.
    * Windows: Q depends on the ground area of a window. Here it is the same at both resolutions: a side of w at low
      and r·w at high resolution, w = 32/r (rounded) but at least 8, and no larger than the image.

    An image that agrees with Z as Y does with PZ has 0, whether it is the true image or not: the measure responds to
    blur and noise, but not necessarily to a wrong spectrum. An image regressed on Z may score better than the truth.

    Args:
        fused: X̂, the fused image, rh×rw×C.
        lr_hsi: Y, the LR-HSI, h×w×C.
        hr_msi: Z, the HR-MSI, rh×rw×c.
        lr_msi: PZ, the HR-MSI at the LR-HSI's resolution, h×w×c.

    Returns:
        The distortion, 0 to 2; lower is better.

    Raises:
        InputError: If the images do not fit each other.
    """
    scale = _scale(fused, lr_hsi)
    for name, msi, hsi in (("hr_msi", hr_msi, fused), ("lr_msi", lr_msi, lr_hsi)):
        check_cube(name, msi)
        expected = (*hsi.shape[:2], hr_msi.shape[2])
        if msi.shape != expected:
            raise InputError(f"{name}: expected shape {_times(expected)}, got {_times(msi.shape)}")
    nearest, gain, offset = _best_bands(lr_hsi.double(), lr_msi.double())

    def agreement(hsi: Tensor, msi: Tensor, window: int) -> Tensor:
        quality = [
            _quality(hsi[..., block], msi[..., nearest[block]] * gain[block] + offset[block], window)
            for block in band_blocks(hsi)
        ]
        return torch.cat(quality)

    window = _lr_window(scale)
    return (agreement(fused, hr_msi, scale * window) - agreement(lr_hsi, lr_msi, window)).abs().mean()


def hqnr(d_lambda: Tensor, d_s: Tensor) -> Tensor:
    """Hybrid quality with no reference, (1 − D_λ)·(1 − D_S).

    Aiazzi et al., "Full scale assessment of pansharpening methods and data products", Proc. SPIE 9244, 2014: the D_λ of
    Khan's protocol with the D_S of QNR.

    Args:
        d_lambda: The spectral distortion.
        d_s: The spatial distortion.

    Returns:
        The quality; higher is better, 1 at best.

    Example:
        >>> hqnr(torch.tensor(0.5), torch.tensor(0.5)).item()
        0.25
    """
    return (1 - d_lambda) * (1 - d_s)


def quality_without_reference(
    fused: Tensor, lr_hsi: Tensor, hr_msi: Tensor, psf: Tensor, shift: tuple[int, int] = (0, 0)
) -> dict[str, Tensor]:
    """The two distortions and HQNR, under the names d_lambda, d_s and hqnr.

    Args:
        fused: X̂, the fused image, rh×rw×C.
        lr_hsi: Y, the LR-HSI, h×w×C.
        hr_msi: Z, the HR-MSI, rh×rw×c.
        psf: Point spread function, k×k with k ≥ r, sums to 1.
        shift: Displacement of the LR-HSI, down and to the right, from the place that the sizes imply [HR pixels].

    Returns:
        The three figures, each a float64 tensor without dimensions.

    Raises:
        InputError: If the images or the PSF do not fit each other.
    """
    spectral = d_lambda(fused, lr_hsi, psf, shift)
    check_cube("hr_msi", hr_msi)
    if hr_msi.shape[:2] != fused.shape[:2]:
        raise InputError(f"hr_msi: expected {_times(fused.shape[:2])} pixels as in fused, got {_times(hr_msi.shape)}")
    scale = _scale(fused, lr_hsi)
    lr_msi = [_degraded(hr_msi[..., block], psf, scale, shift) for block in band_blocks(hr_msi)]
    spatial = d_s(fused, lr_hsi, hr_msi, torch.cat(lr_msi, -1))
    return {"d_lambda": spectral, "d_s": spatial, "hqnr": hqnr(spectral, spatial)}


def _scale(fused: Tensor, lr_hsi: Tensor) -> int:
    """The scale factor that the sizes of the fused image and of the LR-HSI imply, if they fit."""
    for name, cube in (("fused", fused), ("lr_hsi", lr_hsi)):
        check_cube(name, cube)
    h, w, bands = lr_hsi.shape
    scale = fused.shape[0] // h
    if scale < 2 or fused.shape != (scale * h, scale * w, bands):
        raise InputError(
            f"fused: expected r·{h}×r·{w}×{bands} for a whole scale factor r ≥ 2, as lr_hsi has "
            f"{_times(lr_hsi.shape)}, got {_times(fused.shape)}"
        )
    return scale


def _degraded(image: Tensor, psf: Tensor, scale: int, shift: tuple[int, int]) -> Tensor:
    """PX in float64, for a PSF whose shape is checked."""
    if psf.ndim != 2 or psf.shape[0] != psf.shape[1] or len(psf) < scale:
        raise InputError(f"psf: expected k×k values with k ≥ {scale}, the scale factor, got {_times(psf.shape)}")
    return degrade(image.double(), psf, scale, shift)


def _lr_window(scale: int) -> int:
    """Side of the window at low resolution [LR pixels]."""
    return max(round(_HR_WINDOW / scale), _MIN_WINDOW)


def _quality(x: Tensor, y: Tensor, window: int) -> Tensor:
    """Q of each band of two H×W×B cubes, mean over the window positions that hold enough data: B."""
    x, y = (cube.permute(2, 0, 1).double().contiguous() for cube in (x, y))
    return quality_map(x, y, window).flatten(1).nanmean(1)


def _best_bands(lr_hsi: Tensor, lr_msi: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The MSI band most correlated with each HSI band, and the gain and offset that match its mean and deviation.

    Only pixels with data in all bands are used. An MSI band that is constant (to float32's precision) is never chosen,
    unless all are; the gain is then infinite.

    Returns:
        Index of the MSI band, gain and offset, each (C,).
    """
    y, z = lr_hsi.flatten(0, 1), lr_msi.flatten(0, 1)
    complete = ~(y.isnan().any(1) | z.isnan().any(1))
    y, z = y[complete], z[complete]
    mean_y, mean_z = y.mean(0), z.mean(0)
    y, z = y - mean_y, z - mean_z
    std_y, std_z = y.square().mean(0).sqrt(), z.square().mean(0).sqrt()
    std_z = std_z.masked_fill(std_z <= _ROUNDING * mean_z.abs(), 0)
    nearest = (y.T @ z / std_z).masked_fill(std_z == 0, -torch.inf).argmax(1)
    gain = std_y / std_z[nearest]
    return nearest, gain, mean_y - gain * mean_z[nearest]


def _times(shape: tuple[int, ...]) -> str:
    """A shape in words: 3×4×5."""
    return "×".join(map(str, shape))
