"""Wald's protocol: the pair that two sensors would have seen of a reference image."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from udaln.errors import InputError
from udaln.physics.windows import degrade, middle
from udaln.scene import Known, Scene, Truth, check_image

SIGMA_PER_FWHM = 1 / 2.35482


def gaussian_psf(kernel_size: int, scale: int, fwhm: float, shift: tuple[float, float] = (0.0, 0.0)) -> Tensor:
    """A sampled Gaussian that sums to 1.

    Args:
        kernel_size: Side k of the window [HR pixels].
        scale: Scale factor r: the LR pixel covers the r×r middle of the window.
        fwhm: Full width at half maximum [HR pixels].
        shift: How far its centre lies below and to the right of the LR pixel's [HR pixels].

    Returns:
        k×k, float64.
    """
    if fwhm <= 0:
        raise InputError(f"PSF: expected a positive FWHM, got {fwhm}")
    centre = middle(kernel_size, scale)
    down, right = (torch.arange(kernel_size, dtype=torch.float64) - centre - moved for moved in shift)
    psf = torch.exp(-(down[:, None] ** 2 + right**2) / (2 * (fwhm * SIGMA_PER_FWHM) ** 2))
    return psf / psf.sum()


def simulate(
    reference: Tensor,
    srf: Tensor,
    support: Tensor,
    psf: Tensor,
    scale: int,
    *,
    snr_hsi: float | None = None,
    snr_msi: float | None = None,
    noise_seed: int = 0,
    gain: Tensor | None = None,
    offset: Tensor | None = None,
    wavelengths: Tensor | None = None,
    name: str = "reference",
) -> Scene:
    """The pair of a reference image, with the reference, PSF and SRF as its truth.

    The pair is float64: rounded to float32, it no longer tells the PSF and the SRF to more than six digits.
    The reference is cropped centrally to a multiple of the scale factor. Noise is white and Gaussian, of one
    signal-to-noise ratio for all bands of an image; the LR-HSI's is drawn first.

    Args:
        reference: H×W×C.
        srf: C×c, normalised here to columns that sum to 1.
        support: C×c bool.
        psf: k×k.
        scale: Scale factor r.
        snr_hsi: Signal-to-noise ratio of each band of the LR-HSI [dB], none for no noise.
        snr_msi: The same of the HR-MSI.
        noise_seed: Seed of the noise alone.
        gain: What the HR-MSI is multiplied with, band by band, c; 1 if none.
        offset: What is then added to it, c; 0 if none.
        wavelengths: Band centres [nm], C.
        name: What errors call the reference.

    Raises:
        InputError: If the reference has no valid pixels, is smaller than 2×2 LR pixels, or does not fit the SRF.
    """
    check_image(reference, name)
    rows, columns = (side // scale * scale for side in reference.shape[:2])
    if min(rows, columns) < 2 * scale:
        size = "×".join(map(str, reference.shape[:2]))
        raise InputError(
            f"{name}: expected at least {2 * scale}×{2 * scale} pixels for scale factor {scale}, got {size}"
        )
    if srf.shape[0] != reference.shape[2]:
        raise InputError(f"SRF: expected {reference.shape[2]} bands as in {name}, got {srf.shape[0]}")
    top, left = (reference.shape[0] - rows) // 2, (reference.shape[1] - columns) // 2
    truth = reference[top : top + rows, left : left + columns].double()
    srf = srf.double() / srf.double().sum(0)
    rng = np.random.default_rng(noise_seed)
    lr_hsi = _noisy(degrade(truth, psf.double(), scale), snr_hsi, rng)
    msi_bands = srf.shape[1]
    gain = torch.ones(msi_bands).double() if gain is None else gain.double()
    offset = torch.zeros(msi_bands).double() if offset is None else offset.double()
    hr_msi = _noisy(truth @ srf * gain + offset, snr_msi, rng)
    return Scene(
        lr_hsi,
        hr_msi,
        support,
        wavelengths=wavelengths,
        known=Known(psf.double(), srf),
        truth=Truth(truth.float(), psf.double(), srf, gain, offset),
    )


def _noisy(image: Tensor, snr: float | None, rng: np.random.Generator) -> Tensor:
    if snr is None:
        return image
    sigma = ((image**2).mean((0, 1)) / 10 ** (snr / 10)).sqrt()
    return image + torch.from_numpy(rng.normal(size=tuple(image.shape))) * sigma
