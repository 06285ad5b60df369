"""The field's measures of a fused image that has no reference, as pure functions.

They ask whether the fused image agrees with the two images that it was made of: HQNR and the two distortions it is
made of. All take H×W×B cubes of any floating dtype and compute in float64, on few bands at a time.

A NaN stands for no data: a position whose window holds one is left out of the means. So is every LR pixel whose PSF
sees one. Where that leaves nothing of some band, the result is NaN.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from udaln.errors import InputError
from udaln.metrics.functional import check_cube
from udaln.metrics.quality_map import quality_map
from udaln.physics.windows import degrade

_HR_WINDOW, _SMALLEST_WINDOW = 32, 8  # sides in pixels: QNR's; the one that Wang and Bovik chose for Q
_FLAT = 1e-7  # a band's spread below this part of its mean is rounding error
_VALUES_AT_ONCE = 2**18  # few bands at a time: float64 blocks of this size stay in a CPU's cache


def d_lambda(fused: Tensor, lr_hsi: Tensor, psf: Tensor, shift: tuple[int, int] = (0, 0)) -> Tensor:
    """Spectral distortion D_λ = 1 − Q(PX̂, Y), Q averaged over positions, then over bands.

    Khan, Alparone and Chanussot, "Pansharpening quality assessment using the modulation transfer functions of
    instruments", IEEE TGRS 47(11), 2009, band by band: Q is `udaln.metrics.uiqi`, which any number of bands allows,
    in place of their Q4. The window is that of `d_s` at low resolution.

    Args:
        fused: X̂, the image to judge, rh×rw×C.
        lr_hsi: Y, the LR-HSI, h×w×C.
        psf: point spread function, k×k with k ≥ r, sums to 1.
        shift: how far down and to the right of its place by the sizes the LR-HSI lies [HR pixels].

    Returns:
        The distortion, 0 to 2; lower is better, and 0 if and only if PX̂ = Y (within rounding).

    Raises:
        InputError: the images or the PSF do not fit each other.
    """
    scale = _scale(fused, lr_hsi)
    quality = [
        _quality(lr_hsi[..., some], _degraded(fused[..., some], psf, scale, shift), _lr_window(scale))
        for some in _few_bands(fused)
    ]
    return 1 - torch.cat(quality).mean()


def d_s(fused: Tensor, lr_hsi: Tensor, hr_msi: Tensor, lr_msi: Tensor) -> Tensor:
    """Spatial distortion D_S: mean over the bands i of |Q(X̂_i, Z_j) − Q(Y_i, (PZ)_j)|, Z_j the MSI band nearest to i.

    Alparone et al., "Multispectral and panchromatic data fusion assessment without reference", PE&RS 74(2), 2008,
    with exponent 1. It is made for one panchromatic image; three choices make it valid for an MSI of several bands:

    * Pairs: every HSI band is judged by the one MSI band that it is most correlated with at low resolution, the rule of
      selected-band hypersharpening (Selva et al., "Hyper-sharpening: a first approach on SIM-GA data", IEEE JSTARS
      8(6), 2015); Hao et al., "A no-reference quality assessment method for hyperspectral sharpened images via
      Benford's law", Remote Sensing 16(7), 2024, adapt the indices of pansharpening by assigning bands. A mean over all
      pairs would be filled up by bands that have little in common: their Q differs between the two resolutions even
      for the true image, and tells little of blur.
    * Units: Q compares means and contrasts too. So Z_j and (PZ)_j are first given the gain and the offset with which
      (PZ)_j has the mean and the spread of Y_i. A positive gain and an offset of any MSI band then change nothing.
    * Windows: Q depends on the ground that a window covers. Here both cover the same: w at low and r·w at high
      resolution, w = 32/r (rounded) but at least 8, and no larger than the image.

    What agrees with Z as Y does with PZ is at 0, be it the true image or not: blur and noise show, a wrong spectrum
    need not. An image regressed on Z may score better than the truth.

    Args:
        fused: X̂, the image to judge, rh×rw×C.
        lr_hsi: Y, the LR-HSI, h×w×C.
        hr_msi: Z, the HR-MSI, rh×rw×c.
        lr_msi: PZ, the HR-MSI at the LR-HSI's resolution, h×w×c.

    Returns:
        The distortion, 0 to 2; lower is better.

    Raises:
        InputError: the images do not fit each other.
    """
    scale = _scale(fused, lr_hsi)
    for name, msi, hsi in (("hr_msi", hr_msi, fused), ("lr_msi", lr_msi, lr_hsi)):
        check_cube(name, msi)
        expected = (*hsi.shape[:2], hr_msi.shape[2])
        if msi.shape != expected:
            raise InputError(f"{name}: expected shape {_times(expected)}, got {_times(msi.shape)}")
    nearest, gain, offset = _matched(lr_hsi.double(), lr_msi.double())

    def agreement(hsi: Tensor, msi: Tensor, window: int) -> Tensor:
        quality = [
            _quality(hsi[..., some], msi[..., nearest[some]] * gain[some] + offset[some], window)
            for some in _few_bands(hsi)
        ]
        return torch.cat(quality)

    window = _lr_window(scale)
    return (agreement(fused, hr_msi, scale * window) - agreement(lr_hsi, lr_msi, window)).abs().mean()


def hqnr(d_lambda: Tensor, d_s: Tensor) -> Tensor:
    """Hybrid quality with no reference, (1 − D_λ)·(1 − D_S).

    Aiazzi et al., "Full scale assessment of pansharpening methods and data products", Proc. SPIE 9244, 2014: the D_λ of
    Khan's protocol with the D_S of QNR.

    Args:
        d_lambda: the spectral distortion.
        d_s: the spatial distortion.

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
        fused: X̂, the image to judge, rh×rw×C.
        lr_hsi: Y, the LR-HSI, h×w×C.
        hr_msi: Z, the HR-MSI, rh×rw×c.
        psf: point spread function, k×k with k ≥ r, sums to 1.
        shift: how far down and to the right of its place by the sizes the LR-HSI lies [HR pixels].

    Returns:
        The three figures, each a float64 tensor without dimensions.

    Raises:
        InputError: the images or the PSF do not fit each other.
    """
    spectral = d_lambda(fused, lr_hsi, psf, shift)
    check_cube("hr_msi", hr_msi)
    if hr_msi.shape[:2] != fused.shape[:2]:
        raise InputError(f"hr_msi: expected {_times(fused.shape[:2])} pixels as in fused, got {_times(hr_msi.shape)}")
    scale = _scale(fused, lr_hsi)
    lr_msi = [_degraded(hr_msi[..., some], psf, scale, shift) for some in _few_bands(hr_msi)]
    spatial = d_s(fused, lr_hsi, hr_msi, torch.cat(lr_msi, -1))
    return {"d_lambda": spectral, "d_s": spatial, "hqnr": hqnr(spectral, spatial)}


def _scale(fused: Tensor, lr_hsi: Tensor) -> int:
    """The scale factor, once fused and LR-HSI are known to fit."""
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
    if psf.ndim != 2 or psf.shape[0] != psf.shape[1] or len(psf) < scale:
        raise InputError(f"psf: expected k×k values with k ≥ {scale}, the scale factor, got {_times(psf.shape)}")
    return degrade(image.double(), psf, scale, shift)


def _lr_window(scale: int) -> int:
    return max(round(_HR_WINDOW / scale), _SMALLEST_WINDOW)


def _few_bands(cube: Tensor) -> Iterator[slice]:
    at_once = max(1, _VALUES_AT_ONCE // (cube.shape[0] * cube.shape[1]))
    return (slice(first, first + at_once) for first in range(0, cube.shape[2], at_once))


def _quality(x: Tensor, y: Tensor, window: int) -> Tensor:
    """Q of each band of two cubes of one shape, mean over the positions whose windows hold data."""
    x, y = (cube.permute(2, 0, 1).double().contiguous() for cube in (x, y))
    return quality_map(x, y, window).flatten(1).nanmean(1)


def _matched(lr_hsi: Tensor, lr_msi: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """For every HSI band the MSI band most correlated with it, and the gain and offset that give it mean and spread.

    Only pixels with data in all bands count. An MSI band that is constant (to float32's precision) is nearest to none;
    if all are, the gain is infinite.
    """
    y, z = lr_hsi.flatten(0, 1), lr_msi.flatten(0, 1)
    complete = ~(y.isnan().any(1) | z.isnan().any(1))
    y, z = y[complete], z[complete]
    mean_y, mean_z = y.mean(0), z.mean(0)
    y, z = y - mean_y, z - mean_z
    spread_y, spread_z = y.square().mean(0).sqrt(), z.square().mean(0).sqrt()
    spread_z = spread_z.masked_fill(spread_z <= _FLAT * mean_z.abs(), 0)
    nearest = (y.T @ z / spread_z).masked_fill(spread_z == 0, -torch.inf).argmax(1)
    gain = spread_y / spread_z[nearest]
    return nearest, gain, mean_y - gain * mean_z[nearest]


def _times(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))
