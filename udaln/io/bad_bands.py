"""Bands without a signal: which they are, the scene without them, and the fused image with something in their place."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import beta
from torch import Tensor

from udaln.errors import InputError
from udaln.estimation.noise import SAMPLES, noise_edge
from udaln.io.gaps import without_gaps
from udaln.scene import Known, Scene, Truth

ROUNDING = 1e-6  # a spread below this part of a band's values is float32's rounding
HELD = 0.5  # share of the pixels, of those with data in any band, in which a band that is not dead holds data
EXPLAINED = 0.2  # share of a band's variance that others may explain though it is only noise
CHANCE = 0.999  # of bands of noise that few pixels let others explain by chance, the share that is seen through


@dataclass(frozen=True)
class LeftOut:
    """The bands of a pair that its scene is made without. All on the CPU.

    Attributes:
        dead: C bool, the bands of the LR-HSI that are constant or hold no data.
        noise: C bool, those that hold nothing but noise.
        msi_dead: c bool, the bands of the HR-MSI that are constant or hold no data.
        wavelengths: Centres of all C bands [nm], if known.
    """

    dead: Tensor
    noise: Tensor
    msi_dead: Tensor
    wavelengths: Tensor | None = None

    @property
    def kept(self) -> Tensor:
        """C bool, the bands of the LR-HSI that the scene has."""
        return ~(self.dead | self.noise)

    def lines(self, filled: bool) -> list[str]:
        """A line of text for each kind of bad band.

        Args:
            filled: Whether the fused image has them all the same, as ``restored`` makes them.
        """
        outcome = "filled in from their neighbours" if filled else "left out"
        found = (
            ("LR-HSI", self.dead, self.wavelengths, f"constant or almost without data; {outcome}"),
            ("LR-HSI", self.noise, self.wavelengths, f"nothing but noise; {outcome}"),
            ("HR-MSI", self.msi_dead, None, "constant or almost without data; not used"),
        )
        return [f"{name} {named(bad, at)}: {what}" for name, bad, at, what in found if bad.any()]


def usable_scene(
    lr_hsi: Tensor,
    hr_msi: Tensor,
    support: Tensor,
    *,
    lr_holds: Tensor,
    hr_holds: Tensor,
    keep: bool = False,
    wavelengths: Tensor | None = None,
    known: Known | None = None,
    truth: Truth | None = None,
) -> Scene:
    """The scene that the bands with a signal and the pixels with data make.

    Args:
        lr_hsi: LR-HSI, h×w×C.
        hr_msi: HR-MSI, rh×rw×c.
        support: C×c bool.
        lr_holds: h×w×C bool, which values are measurements, from ``holding``.
        hr_holds: rh×rw×c bool, likewise.
        keep: Do not look for bad bands: every band is used.
        wavelengths: C [nm].
        known: Of all bands.
        truth: Likewise; without an image.

    Returns:
        A scene whose pixels are valid where all bands that are left hold data; ``left_out`` tells of the others.

    Raises:
        InputError: If nothing usable is left of an image or of what an MSI band covers, or what is left is no pair.
    """
    known, truth = known or Known(), truth or Truth()
    for name, matrix in (("support", support), ("SRF", known.srf), ("true SRF", truth.srf)):
        expected = lr_hsi.shape[2], hr_msi.shape[2]
        if matrix is not None and matrix.shape != expected:
            sizes = ["×".join(map(str, shape)) for shape in (expected, matrix.shape)]
            raise InputError(f"{name}: expected shape {sizes[0]}, got {sizes[1]}")
    none, msi_none = (torch.zeros(image.shape[2], dtype=torch.bool) for image in (lr_hsi, hr_msi))
    left_out = LeftOut(none, none, msi_none, wavelengths)
    if not keep:
        dead = dead_bands(lr_hsi, lr_holds)
        left_out = LeftOut(dead, noise_bands(lr_hsi, lr_holds, dead), dead_bands(hr_msi, hr_holds), wavelengths)
    rows, columns = left_out.kept, ~left_out.msi_dead
    for name, kept in (("LR-HSI", rows), ("HR-MSI", columns)):
        if not kept.any():
            raise InputError(f"{name}: expected a signal in some band, got none in {len(kept)} bands")
    lost = columns & support.any(0) & ~support[rows].any(0)
    if known.srf is not None:
        lost |= columns & known.srf.any(0) & ~known.srf[rows].any(0)
    if lost.any():
        raise InputError(
            f"bad_bands: expected a signal in some band of the LR-HSI that the HR-MSI's {named(lost)} covers, "
            f"got none: {'; '.join(left_out.lines(filled=False))}"
        )
    lr_hsi, lr_valid = _gapless(lr_hsi, lr_holds, rows, "LR-HSI")
    hr_msi, hr_valid = _gapless(hr_msi, hr_holds, columns, "HR-MSI")
    return Scene(
        lr_hsi,
        hr_msi,
        support[rows][:, columns],
        wavelengths=None if wavelengths is None else wavelengths[rows],
        known=Known(known.psf, _rest(known.srf, rows, columns)),
        truth=Truth(psf=truth.psf, srf=_rest(truth.srf, rows, columns)),
        lr_valid=lr_valid,
        hr_valid=hr_valid,
        left_out=None if rows.all() and columns.all() else left_out,
    )


def dead_bands(image: Tensor, holds: Tensor) -> Tensor:
    """The bands, B bool, that are constant, or without data in most of the pixels in which another band holds some.

    Args:
        image: H×W×B.
        holds: H×W×B bool, which values are measurements.
    """
    pixels = holds.flatten(0, 1).sum(0)
    empty = pixels < HELD * holds.any(2).sum()
    lowest = image.masked_fill(~holds, math.inf).amin((0, 1))
    highest = image.masked_fill(~holds, -math.inf).amax((0, 1))
    constant = (highest - lowest <= ROUNDING * torch.maximum(lowest.abs(), highest.abs())) & (pixels > 1)
    return empty | constant | (pixels == 0)


def noise_bands(image: Tensor, holds: Tensor, dead: Tensor) -> Tensor:
    """The bands, B bool, that hold nothing but noise.

    They are those of which both is true: what all bands have in common explains next to nothing of the band, and the
    mean of the band is less than what is left unexplained. So a band that is merely noisy, or has a contrast of its
    own, is none. In common is what principal components beyond the noise edge hold, of bands scaled to variance 1.

    Args:
        image: H×W×B.
        holds: H×W×B bool, which values are measurements.
        dead: B bool, the bands that are bad already.
    """
    noise = torch.zeros_like(dead)
    pixels = image[holds[..., ~dead].all(2)][:, ~dead]
    x = pixels[:: max(1, math.ceil(len(pixels) / SAMPLES))].double()
    n, bands = x.shape
    if n < 3 or bands < 2:
        return noise
    mean, centred = x.mean(0), x - x.mean(0)
    power = centred.square().mean(0).clamp(min=torch.finfo(torch.float64).tiny)
    scaled = centred / power.sqrt()
    values, vectors = torch.linalg.eigh(scaled.T @ scaled / n)
    common = values > noise_edge(n, bands)
    count = int(common.sum())
    if not count:  # no band tells anything of another: then this tells nothing of any
        return noise
    explained = vectors[:, common].square() @ values[common]
    by_chance = beta.ppf(CHANCE, count / 2, max(n - 1 - count, 1) / 2)
    unexplained = power * (1 - explained)
    noise[~dead] = (explained <= max(EXPLAINED, by_chance)) & (mean.square() < unexplained)
    return noise


def restored(image: Tensor, left_out: LeftOut | None) -> Tensor:
    """A fused image with all bands of the LR-HSI: what was left out lies on the line between its neighbours.

    Args:
        image: H×W×B, the bands kept, on the CPU.
        left_out: Which were not; none if there were no such.

    Returns:
        H×W×C; neighbours by wavelength or, if there are none, by number; beyond the last one kept, that one.
    """
    if left_out is None or left_out.kept.all():
        return image
    kept = left_out.kept.nonzero().flatten()
    at = torch.arange(len(left_out.kept)) if left_out.wavelengths is None else left_out.wavelengths
    order = at[kept].argsort()
    whole = image.new_empty(*image.shape[:2], len(left_out.kept))
    whole[..., kept] = image
    for band in (~left_out.kept).nonzero().flatten().tolist():
        place = float(np.interp(at[band], at[kept][order], np.arange(len(kept))))
        below, above = (image[..., order[round_(place)]] for round_ in (math.floor, math.ceil))
        whole[..., band] = torch.lerp(below, above, place % 1)
    return whole


def named(bands: Tensor, wavelengths: Tensor | None = None) -> str:
    """Bands in words.

    Args:
        bands: C bool.
        wavelengths: C [nm], if known.

    Example:
        >>> named(torch.tensor([0, 1, 0, 1, 1]).bool(), torch.tensor([400.0, 500.0, 600.0, 700.0, 800.0]))
        'bands 1, 3–4 (counted from 0; 500, 700–800 nm)'
    """
    numbers = bands.nonzero().flatten().tolist()
    first = [band for band in numbers if band - 1 not in numbers]
    last = [band for band in numbers if band + 1 not in numbers]

    def listed(texts: list[str]) -> str:
        ends = zip(first, last, strict=True)
        return ", ".join(texts[a] if a == b else f"{texts[a]}–{texts[b]}" for a, b in ends)

    text = listed([str(band) for band in range(len(bands))])
    nanometres = "" if wavelengths is None else f"; {listed([f'{at:.0f}' for at in wavelengths.tolist()])} nm"
    return f"band{'s' * (len(numbers) > 1)} {text} (counted from 0{nanometres})"


def _gapless(image: Tensor, holds: Tensor, kept: Tensor, name: str) -> tuple[Tensor, Tensor | None]:
    valid = holds[..., kept].all(2)
    if not valid.any():
        raise InputError(f"{name}: expected some pixels with data in every band, got none")
    return without_gaps(image if kept.all() else image[..., kept], valid)


def _rest(srf: Tensor | None, rows: Tensor, columns: Tensor) -> Tensor | None:
    """What is left of a response; its columns have the sums that they had."""
    if srf is None or (rows.all() and columns.all()):
        return srf
    rest = srf[rows][:, columns]
    return rest * (srf.sum(0)[columns] / rest.sum(0).clamp(min=torch.finfo(rest.dtype).tiny))
