"""Striped lines of a pair: rows or columns of an image that the other image does not show; they are left out."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from udaln.errors import scale_factor
from udaln.estimation.line_steps import ONE_SIGN
from udaln.estimation.registration import phase_correlation
from udaln.estimation.striping import striped_lines
from udaln.io.image import Cause
from udaln.io.lines import Lines
from udaln.io.pair import Pair
from udaln.io.views import masked

LOOKED_AT = 1 << 23  # values of the LR-HSI that are looked at, of a larger one
ALSO = 0.5  # contrast of an HR line, relative to the largest of an LR pixel, from which on it is striped, too


class StripedLines(NamedTuple):
    """The striped lines of a pair.

    Attributes:
        lr_hsi: Of the LR-HSI.
        hr_msi: Of the HR-MSI [HR pixels].
    """

    lr_hsi: Lines
    hr_msi: Lines


def describe_striped(lines: Lines, other: str) -> str:
    """Striped lines as text; ``other`` is the image that does not show them."""
    return f"stripes that the {other} does not show: {lines}"


def without_striped_lines(pair: Pair, support: Tensor) -> Pair:
    """View of a pair with NaN in place of striped lines.

    Of a large pair, only its middle rows are looked at, for columns. The pair itself if there are none.

    Args:
        pair: The pair.
        support: C×c bool, the hyperspectral bands that each MSI band may cover.
    """
    (rows, columns), bands = pair.sides, pair.lr_hsi.shape[2]
    height = min(rows, max(1, LOOKED_AT // (columns * bands)))
    top = (rows - height) // 2
    found = find_striped_lines(*pair.read((slice(top, top + height), slice(0, columns))), support)
    lr_hsi, hr_msi = pair.lr_hsi, pair.hr_msi
    if height < rows:
        found = StripedLines(
            *(
                replace(lines, rows=np.zeros((image.shape[0], image.shape[2]), bool))
                for lines, image in zip(found, (lr_hsi, hr_msi), strict=True)
            )
        )
    if found.lr_hsi:
        lr_hsi = masked(lr_hsi, Cause(describe_striped(found.lr_hsi, "HR-MSI"), found.lr_hsi.flags))
    if found.hr_msi:
        hr_msi = masked(hr_msi, Cause(describe_striped(found.hr_msi, "LR-HSI"), found.hr_msi.flags))
    return replace(pair, lr_hsi=lr_hsi, hr_msi=hr_msi) if found.lr_hsi or found.hr_msi else pair


def find_striped_lines(lr_hsi: Tensor, hr_msi: Tensor, support: Tensor) -> StripedLines:
    """The striped lines of a pair.

    Args:
        lr_hsi: h×w×C; NaN where there are no data.
        hr_msi: rh×rw×c, likewise.
        support: C×c bool, the hyperspectral bands that each MSI band may cover.
    """
    rows, columns, scale = *lr_hsi.shape[:2], scale_factor(lr_hsi, hr_msi)
    lr_msi = hr_msi.double().reshape(rows, scale, columns, scale, -1).mean((1, 3))
    places = _displaced(lr_hsi, lr_msi, support)
    inside = (places[0] >= 0)[:, None] & (places[1] >= 0)
    moved = torch.where(inside[..., None], lr_msi[places[0]][:, places[1]], torch.nan)
    in_lr_hsi, in_lr_msi = striped_lines(lr_hsi, moved)
    wide = Lines(in_lr_hsi.rows.numpy(), in_lr_hsi.columns.numpy())
    narrow = Lines(*(np.zeros((side, hr_msi.shape[2]), bool) for side in hr_msi.shape[:2]))
    for axis, (found, flags) in enumerate(zip(in_lr_msi, (narrow.rows, narrow.columns), strict=True)):
        image = (hr_msi.transpose(0, 1) if axis else hr_msi).double().numpy()
        for line in found.any(1).nonzero().flatten().tolist():
            first = int(places[axis][line]) * scale
            flags[first : first + scale] = _striped(image, first, scale) & found[line].numpy()
    return StripedLines(wide, narrow)


def _displaced(lr_hsi: Tensor, lr_msi: Tensor, support: Tensor) -> tuple[Tensor, Tensor]:
    """The rows and the columns of the LR-MSI that show what those of the LR-HSI do; −1 beyond the image."""
    weights = support.double()
    covered = weights.any(0)
    y = lr_hsi.double().nan_to_num(0) @ (weights[:, covered] / weights[:, covered].sum(0))
    z = torch.where(lr_msi.isfinite(), lr_msi, lr_msi.nan_to_num(0).mean((0, 1)))[..., covered]
    best: tuple[Tensor, ...] = ()
    highest = -torch.inf
    steps = [(0, 0)]
    if covered.any():
        steps = list(dict.fromkeys([(0, 0), phase_correlation(y.numpy(), z.numpy())]))
    for shift in steps:
        places = tuple(torch.arange(side) + step for side, step in zip(y.shape[:2], shift, strict=True))
        inside = [(place >= 0) & (place < len(place)) for place in places]
        parts = [y[inside[0]][:, inside[1]], z[places[0][inside[0]]][:, places[1][inside[1]]]]
        parts = [part.flatten(0, 1) - part.mean((0, 1)) for part in parts]
        size = (parts[0].square().sum(0) * parts[1].square().sum(0)).sqrt()
        alike = float(((parts[0] * parts[1]).sum(0) / size.clamp(min=torch.finfo(torch.float64).tiny)).sum())
        if alike > highest:
            highest = alike
            best = tuple(torch.where(there, place, -1) for there, place in zip(inside, places, strict=True))
    return best[0], best[1]


def _striped(image: NDArray[np.float64], first: int, scale: int) -> NDArray[np.bool_]:
    """Which of the lines of H×W×c values under an LR pixel differ from those beside it, r×c."""
    sides = [image[line] for line in (first - 1, first + scale) if 0 <= line < len(image)]
    steps = torch.from_numpy(image[first : first + scale] - sum(sides) / len(sides))
    median = steps.nanmedian(1).values
    same = (steps * median[:, None] > 0).sum(1) >= ONE_SIGN * steps.isfinite().sum(1)
    size = torch.where(same, median.abs().nan_to_num(0), 0)
    return np.asarray(((size > 0) & (size >= ALSO * size.amax(0))).numpy())
