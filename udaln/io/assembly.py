"""A scene assembled from two images that have bad bands and missing values."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from udaln.errors import InputError
from udaln.io.bad_bands import dead_bands, describe_bands, describe_dropped_bands, noise_bands
from udaln.io.coarse_bands import coarse_factors
from udaln.io.gaps import Filled, fill_gaps, means_in_lr_pixels
from udaln.io.unexplained_bands import unexplained_bands
from udaln.scene import DroppedBands, Known, Scene, Truth


def assemble_scene(
    lr_hsi: Tensor,
    hr_msi: Tensor,
    support: Tensor,
    *,
    lr_valid: Tensor,
    hr_valid: Tensor,
    keep: bool = False,
    flagged: Tensor | None = None,
    wavelengths: Tensor | None = None,
    known: Known | None = None,
    truth: Truth | None = None,
) -> Scene:
    """Assemble a scene from the bands with a signal and the pixels with data.

    Args:
        lr_hsi: LR-HSI, h×w×C.
        hr_msi: HR-MSI, rh×rw×c.
        support: C×c bool.
        lr_valid: h×w×C bool, which values are valid, from `valid_values`.
        hr_valid: rh×rw×c bool, likewise.
        keep: Whether to keep every band: no bad ones are looked for, and flags do not count.
        flagged: C bool, the bands of the LR-HSI that its file calls bad; None if it does not say.
        wavelengths: C [nm].
        known: Of all bands.
        truth: Of all bands; without an image.

    Returns:
        The scene. A pixel of it is valid where most of the bands in use are; ``dropped_bands`` names the others.

    Raises:
        InputError: If no valid band or pixel remains in an image, or none of the bands that an MSI band covers; or if
            what remains is not a pair.
    """
    known, truth = known or Known(), truth or Truth()
    _check_shapes((lr_hsi.shape[2], hr_msi.shape[2]), support, known, truth)
    none, msi_none = (torch.zeros(image.shape[2], dtype=torch.bool) for image in (lr_hsi, hr_msi))
    dropped_bands = DroppedBands(none, none, msi_none, wavelengths)
    if not keep:
        dropped_bands = _bad_bands(lr_hsi, lr_valid, flagged, wavelengths, dead_bands(hr_msi, hr_valid))
    kept = dropped_bands.kept
    for name, bands in (("LR-HSI", kept), ("HR-MSI", dropped_bands.msi_kept)):
        if not bands.any():
            raise InputError(f"{name}: expected a signal in some band, got none in {len(bands)} bands")
    y = _select_and_fill(lr_hsi, lr_valid, kept, "LR-HSI")
    if not keep:
        dropped_bands = _with_unexplained(dropped_bands, y, hr_msi, hr_valid, support)
        coarse = dropped_bands.msi_kept & (coarse_factors(hr_msi, hr_valid) > 1)
        if coarse.any() and (dropped_bands.msi_kept & ~coarse).any():
            dropped_bands = replace(dropped_bands, msi_coarse=coarse)
    msi_kept = dropped_bands.msi_kept
    _check_coverage(dropped_bands, support, known)
    z = _select_and_fill(hr_msi, hr_valid, msi_kept, "HR-MSI")
    if y.gaps is not None:
        y = _select_and_fill(lr_hsi, lr_valid, kept, "LR-HSI", means_in_lr_pixels(lr_hsi, z))
    return Scene(
        y.image,
        z.image,
        support[kept][:, msi_kept],
        wavelengths=None if wavelengths is None else wavelengths[kept],
        known=Known(known.psf, _select_response(known.srf, kept, msi_kept)),
        truth=Truth(psf=truth.psf, srf=_select_response(truth.srf, kept, msi_kept)),
        lr_valid=y.valid,
        hr_valid=z.valid,
        lr_gaps=y.gaps,
        dropped_bands=None if kept.all() and msi_kept.all() else dropped_bands,
    )


def _check_shapes(expected: tuple[int, int], support: Tensor, known: Known, truth: Truth) -> None:
    for name, matrix in (("support", support), ("SRF", known.srf), ("true SRF", truth.srf)):
        if matrix is not None and matrix.shape != expected:
            sizes = ["×".join(map(str, shape)) for shape in (expected, matrix.shape)]
            raise InputError(f"{name}: expected shape {sizes[0]}, got {sizes[1]}")


def _bad_bands(
    lr_hsi: Tensor, lr_valid: Tensor, flagged: Tensor | None, wavelengths: Tensor | None, msi_dead: Tensor
) -> DroppedBands:
    """The bands of the LR-HSI that are bad or called so, and those of the HR-MSI that are dead."""
    flagged = torch.zeros(lr_hsi.shape[2], dtype=torch.bool) if flagged is None else flagged
    valid = lr_valid & ~flagged
    dead = dead_bands(lr_hsi, valid)  # with those that are flagged
    noise = noise_bands(lr_hsi, valid, dead, wavelengths)
    return DroppedBands(dead & ~flagged, noise, msi_dead, wavelengths, flagged=flagged if flagged.any() else None)


def _check_coverage(dropped_bands: DroppedBands, support: Tensor, known: Known) -> None:
    """Check that each MSI band keeps a band that it covers."""
    kept, msi_kept = dropped_bands.kept, dropped_bands.msi_kept
    lost = msi_kept & support.any(0) & ~support[kept].any(0)
    if known.srf is not None:
        lost |= msi_kept & known.srf.any(0) & ~known.srf[kept].any(0)
    if lost.any():
        raise InputError(
            f"bad_bands: expected a signal in some band of the LR-HSI that the HR-MSI's {describe_bands(lost)} covers, "
            f"got none: {'; '.join(describe_dropped_bands(dropped_bands, filled=False))}"
        )


def _with_unexplained(
    dropped_bands: DroppedBands, y: Filled, hr_msi: Tensor, hr_valid: Tensor, support: Tensor
) -> DroppedBands:
    """The bad bands together with those of the HR-MSI that the LR-HSI does not explain.

    Args:
        dropped_bands: The bad bands.
        y: The LR-HSI in the bands kept, h×w×C.
        hr_msi: As of `assemble_scene`.
        hr_valid: Likewise.
        support: Likewise.
    """
    msi_kept = dropped_bands.msi_kept & support.any(0)
    if not msi_kept.any():
        return dropped_bands
    unexplained = dropped_bands.msi_kept & ~msi_kept
    valid = torch.ones(y.image.shape[:2], dtype=torch.bool) if y.valid is None else y.valid
    unexplained[msi_kept] = unexplained_bands(
        y.image, hr_msi[..., msi_kept], valid, hr_valid[..., msi_kept], ~support[:, msi_kept].all(0)
    )
    return replace(dropped_bands, msi_unexplained=unexplained) if unexplained.any() else dropped_bands


def _select_and_fill(image: Tensor, valid: Tensor, kept: Tensor, name: str, beside: Tensor | None = None) -> Filled:
    """The bands kept, with gaps filled; ``beside``: what the other image shows there."""
    if not kept.all():
        image, valid = image[..., kept], valid[..., kept]
    if not (with_data := valid.flatten(0, 1).any(0)).all():
        raise InputError(f"{name}: expected data in every band, got none in {describe_bands(~with_data)}")
    filled = fill_gaps(image, valid, predictable=name == "HR-MSI", beside=beside)
    if filled.valid is not None and not filled.valid.any():
        raise InputError(f"{name}: expected some pixels with data in most bands, got none")
    return filled


def _select_response(srf: Tensor | None, kept: Tensor, msi_kept: Tensor) -> Tensor | None:
    """The response in the bands kept, C×c; each column is rescaled to the sum that it had."""
    if srf is None or (kept.all() and msi_kept.all()):
        return srf
    selected = srf[kept][:, msi_kept]
    return selected * (srf.sum(0)[msi_kept] / selected.sum(0).clamp(min=torch.finfo(selected.dtype).tiny))
