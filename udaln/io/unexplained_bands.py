"""Bands of the HR-MSI that the LR-HSI does not explain: quality flags, classes, heights, temperatures."""

from __future__ import annotations

import torch
from torch import Tensor

from udaln.errors import scale_factor
from udaln.physics.windows import degrade

COMPONENTS = 15  # principal components of the LR-HSI that explain the HR-MSI
PIXELS_PER_COMPONENT = 8
FOLDS = 4  # of the LR pixels, in blocks: each is predicted by the others
REACH = 4  # the two images may be displaced by so many LR pixels
LITTLE = 0.6  # a band of which a larger fraction of the variance is predicted is explained
WORSE = 4.0  # so is one whose rest is not so many times that of the band that is explained best
SURE_PIXELS = 400  # LR pixels from which on `LITTLE` holds; with fewer, a band of which less is predicted may be one
LEAST_PIXELS = 24  # with fewer LR pixels nothing can be said


def unexplained_bands(lr_hsi: Tensor, hr_msi: Tensor, lr_valid: Tensor, hr_valid: Tensor) -> Tensor:
    """Bands of the HR-MSI that are no mixture of hyperspectral bands, by prediction of LR pixels that are held out.

    Each band, averaged over LR pixels, is predicted by the principal components of the LR-HSI. The displacement of the
    two images is the one at which most is predicted. A band that is predicted badly, and much worse than the best one,
    shows something else than the LR-HSI does.

    Args:
        lr_hsi: h×w×C, the bands with a signal, finite.
        hr_msi: rh×rw×c, finite where it is valid.
        lr_valid: h×w bool, the valid pixels.
        hr_valid: rh×rw×c bool, the valid values.

    Returns:
        c bool.
    """
    none = torch.zeros(hr_msi.shape[2], dtype=torch.bool)
    found = None if len(none) < 2 else explained(lr_hsi, hr_msi, lr_valid, hr_valid)
    if found is None:
        return none
    rest, little = 1 - found, LITTLE * min(1.0, int(lr_valid.sum()) / SURE_PIXELS)
    return (found < little) & (rest > WORSE * rest.min())


def explained(lr_hsi: Tensor, hr_msi: Tensor, lr_valid: Tensor, hr_valid: Tensor) -> Tensor | None:
    """Fraction of the variance of each MSI band that the LR-HSI predicts, at the displacement at which it is most.

    Args:
        lr_hsi: h×w×C, finite.
        hr_msi: rh×rw×c, finite where it is valid.
        lr_valid: h×w bool, the valid pixels.
        hr_valid: rh×rw×c bool, the valid values.

    Returns:
        c, at most 1; None if there are too few LR pixels.
    """
    scale = scale_factor(lr_hsi, hr_msi)
    box = torch.full((scale, scale), 1 / scale**2, dtype=torch.float64)
    means = degrade(torch.where(hr_valid, hr_msi, 0).double(), box, scale)
    covered = degrade(hr_valid.double(), box, scale).amin(2) > 1 - 1e-9
    best: Tensor | None = None
    steps = [range(-reach, reach + 1) for reach in (min(REACH, side // 2) for side in lr_hsi.shape[:2])]
    for down in steps[0]:
        for right in steps[1]:
            y, y_valid = (_moved(image, down, right) for image in (lr_hsi, lr_valid))
            z, z_valid = (_moved(image, -down, -right) for image in (means, covered))
            found = _predicted(y, z, y_valid & z_valid)
            if found is not None and (best is None or found.max() > best.max()):
                best = found
    return best


def _moved(image: Tensor, down: int, right: int) -> Tensor:
    """The part of an image that is left if it is moved by whole pixels over another of its size."""
    rows, columns = (
        slice(max(0, step), side + min(0, step)) for step, side in zip((down, right), image.shape[:2], strict=False)
    )
    return image[rows, columns]


def _predicted(y: Tensor, z: Tensor, valid: Tensor) -> Tensor | None:
    """Fraction of the variance of each MSI band that held-out prediction explains, c; None with too few pixels.

    Args:
        y: LR-HSI, h×w×C.
        z: HR-MSI in its pixels, h×w×c.
        valid: h×w bool.
    """
    rows = torch.arange(valid.shape[0])[:, None].expand(valid.shape)[valid]
    spectra, targets = y[valid].double(), z[valid]
    if len(spectra) < LEAST_PIXELS:
        return None
    count = max(1, min(COMPONENTS, spectra.shape[1], len(spectra) // PIXELS_PER_COMPONENT))
    spectra = spectra - spectra.mean(0)
    values, vectors = torch.linalg.eigh(spectra.T @ spectra)
    scores = spectra @ vectors[:, -count:] / values[-count:].clamp(min=1e-12 * values[-1] + 1e-300).sqrt()
    design = torch.cat([scores, scores.new_full((len(scores), 1), len(scores) ** -0.5)], 1)
    order = rows.argsort(stable=True)
    errors, spread = torch.zeros_like(targets[0]), torch.zeros_like(targets[0])
    for held in order.tensor_split(FOLDS):
        kept = torch.ones(len(design), dtype=torch.bool)
        kept[held] = False
        found = torch.linalg.lstsq(design[kept], targets[kept], driver="gelsd").solution
        errors += (targets[held] - design[held] @ found).square().sum(0)
        spread += (targets[held] - targets[kept].mean(0)).square().sum(0)
    return 1 - errors / spread.clamp(min=torch.finfo(torch.float64).tiny)
