"""Wald's protocol: simulate the pair that two sensors would record of a reference image."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from udaln.errors import InputError, check_image
from udaln.physics.windows import degrade, middle
from udaln.scene import Known, Scene, Truth

SIGMA_PER_FWHM = 1 / 2.35482
STRIP = 10  # rows that are simulated at a time [HR pixels]


def gaussian_psf(kernel_size: int, scale: int, fwhm: float, shift: tuple[float, float] = (0.0, 0.0)) -> Tensor:
    """Sample a Gaussian PSF, normalised to sum 1.

    Args:
        kernel_size: Side k of the window [HR pixels].
        scale: Scale factor r: the LR pixel covers the r×r middle of the window.
        fwhm: Full width at half maximum [HR pixels].
        shift: Displacement of its centre, down and to the right, from that of the LR pixel [HR pixels].

    Returns:
        k×k, float64.

    Raises:
        InputError: If ``fwhm`` is not positive.
    """
    if fwhm <= 0:
        raise InputError(f"PSF: expected a positive FWHM, got {fwhm}")
    centre = middle(kernel_size, scale)
    down, right = (torch.arange(kernel_size, dtype=torch.float64) - centre - offset for offset in shift)
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
    """Simulate the pair of a reference image; the scene's truth holds the reference, the PSF and the SRF.

    The pair is float64: rounded to float32, it would determine the PSF and the SRF to six digits only.
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
        gain: Factor on each band of the HR-MSI, c; 1 if none.
        offset: Added to each band of the HR-MSI after the gain, c; 0 if none.
        wavelengths: Band centres [nm], C.
        name: Name of the reference in error messages.

    Raises:
        InputError: If the reference has no valid pixels, is smaller than 2×2 LR pixels, or does not fit the SRF.
    """
    truth = _cropped(reference, scale, name).double()
    if srf.shape[0] != reference.shape[2]:
        raise InputError(f"SRF: expected {reference.shape[2]} bands as in {name}, got {srf.shape[0]}")
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


def _cropped(reference: Tensor, scale: int, name: str) -> Tensor:
    """The central part of a reference, H×W×C, whose sides are multiples of the scale factor."""
    check_image(reference, name)
    rows, columns = (side // scale * scale for side in reference.shape[:2])
    if min(rows, columns) < 2 * scale:
        size = "×".join(map(str, reference.shape[:2]))
        raise InputError(
            f"{name}: expected at least {2 * scale}×{2 * scale} pixels for scale factor {scale}, got {size}"
        )
    top, left = (reference.shape[0] - rows) // 2, (reference.shape[1] - columns) // 2
    return reference[top : top + rows, left : left + columns]


def _noisy(image: Tensor, snr: float | None, rng: np.random.Generator) -> Tensor:
    """An image, H×W×B, with white Gaussian noise of a signal-to-noise ratio [dB] in each band."""
    if snr is None:
        return image
    sigma = ((image**2).mean((0, 1)) / 10 ** (snr / 10)).sqrt()
    return image + torch.from_numpy(rng.normal(size=tuple(image.shape))) * sigma


def simulate_strips(
    read_rows: Callable[[int, int], NDArray[np.float32]],
    height: int,
    psf: Tensor,
    srf: NDArray[np.float64],
    scale: int,
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]]:
    """Simulate the noise-free pair of `simulate` strip by strip, for images that do not fit in memory.

    Args:
        read_rows: Reads the rows from a first to before a last, rows×W×C; W is a multiple of ``scale``. Each row is
            read once, from top to bottom.
        height: H, a multiple of ``scale``.
        psf: k×k, k at least ``scale``.
        srf: C×c, normalised here to columns that sum to 1.
        scale: Scale factor r.

    Yields:
        Strips of the image, the LR-HSI and the HR-MSI, full width, from top to bottom.
    """
    weights = np.ascontiguousarray((srf / srf.sum(0)).T)
    step = max(STRIP // scale, 1) * scale
    margin = -(-(len(psf) - scale) // scale) * scale  # rows beyond a strip that the PSF covers: whole LR pixels
    buffer, top = read_rows(0, min(margin, height)), 0  # the rows in memory, and the number of the first
    for first in range(0, height, step):
        last = min(first + step, height)
        new = read_rows(top + len(buffer), min(last + margin, height))
        buffer, top = np.concatenate([buffer[max(first - margin, 0) - top :], new]), max(first - margin, 0)
        exact = torch.from_numpy(buffer).double()
        lr_hsi = degrade(exact, psf.double(), scale)[(first - top) // scale : (last - top) // scale]
        # no BLAS: the bytes of the result must not depend on the number of threads
        hr_msi = np.einsum("ijc,mc->ijm", exact[first - top : last - top].numpy(), weights)
        del exact
        yield buffer[first - top : last - top], lr_hsi.float().numpy(), hr_msi.astype(np.float32)


def row_noise(seed: int, image: int, row: int, shape: tuple[int, int]) -> NDArray[np.float32]:
    """White Gaussian noise of variance 1 for one row of an image, columns × bands.

    Every row has a random stream of its own: its noise does not depend on the strips in which the image is made.

    Args:
        seed: Same seed, same noise.
        image: 0 for the LR-HSI, 1 for the HR-MSI.
        row: Number of the row.
        shape: Columns and bands.
    """
    bits = np.random.Philox(key=np.array([seed % 2**64, 2 * row + image], np.uint64))
    return np.random.Generator(bits).standard_normal(shape, np.float32)
