"""What of a pair too large to be trained on whole is trained on: plots of it, side by side."""

from __future__ import annotations

import itertools
import math

import numpy as np
import torch
from torch import Tensor

from udaln.consistency.tiles import Box
from udaln.errors import InputError
from udaln.estimation.registration import register
from udaln.io.bad_bands import LeftOut, dead_bands
from udaln.io.pair import Pair, gapless

PLOT = 16  # side of a plot; of its outermost pixels nothing is learned [LR pixels]
TRIES = 4  # places looked at for each plot
ENOUGH = 0.98  # share of a plot that holds data: no other place is looked at
CONTIGUOUS = 96  # side of what the shift is found in [LR pixels]


def plots(pair: Pair, pixels: int, seed: int) -> list[list[Box]]:
    """Where the plots lie: one in each cell of a regular grid over the pair, in the grid's order.

    In a cell that place is taken, of a few drawn at random, where both images hold most data.

    Args:
        pair: The pair.
        pixels: LR pixels to learn from, about.
        seed: Of the places.
    """
    rng = np.random.default_rng(seed)
    count = pixels / (PLOT - 2) ** 2
    down, across = (max(1, (side + PLOT // 2) // PLOT) for side in pair.sides)  # that hardly overlap
    rows = min(down, max(1, round(math.sqrt(count))))
    columns = min(across, max(1, round(count / rows)))
    counts = min(down, max(rows, round(count / columns))), columns
    places = [[_spans(side, n, i) for i in range(n)] for side, n in zip(pair.sides, counts, strict=True)]
    return [[_best(pair, rows, columns, rng) for columns in places[1]] for rows in places[0]]


def sample(pair: Pair, boxes: list[list[Box]]) -> tuple[Tensor, Tensor]:
    """Plots of a pair, side by side.

    The outermost LR pixels of each and a frame of HR pixels are NaN, so that no LR pixel sees another plot.

    Returns:
        LR-HSI, h×w×C, and HR-MSI, rh×rw×c.
    """
    frame = max(1, (pair.scale - 1) // 2)
    rows = []
    for line in boxes:
        parts = [pair.read(box) for box in line]
        for images in parts:
            for image, width in zip(images, (1, frame), strict=True):
                for edge in (slice(0, width), slice(-width, None)):
                    image[edge] = torch.nan
                    image[:, edge] = torch.nan
        rows.append([torch.cat(line_of, 1) for line_of in zip(*parts, strict=True)])
    lr_hsi, hr_msi = (torch.cat(images) for images in zip(*rows, strict=True))
    return lr_hsi, hr_msi


def find_shift(pair: Pair, support: Tensor, seed: int, left_out: LeftOut | None = None) -> tuple[float, float]:
    """How far down and to the right of its place the LR-HSI lies [HR pixels], by a part of the pair in one piece.

    Args:
        pair: The pair.
        support: C×c bool, the hyperspectral bands that each MSI band may cover.
        seed: Of the places looked at for it.
        left_out: Bands that are not used and not in the support.

    Raises:
        InputError: If there is no data in it.
    """
    rows, columns = ((0, side - min(side, CONTIGUOUS), min(side, CONTIGUOUS)) for side in pair.sides)
    lr_hsi, hr_msi = pair.read(_best(pair, rows, columns, np.random.default_rng(seed)))
    if left_out is not None:
        lr_hsi, hr_msi = lr_hsi[..., left_out.kept], hr_msi[..., ~left_out.msi_dead]
    alive, msi_alive = (~dead_bands(image, torch.isfinite(image)) for image in (lr_hsi, hr_msi))
    msi_alive &= support[alive].any(0)
    lr_hsi, lr_valid, hr_msi, hr_valid = gapless(lr_hsi[..., alive], hr_msi[..., msi_alive], None)
    if not (msi_alive.any() and torch.isfinite(lr_hsi).all() and torch.isfinite(hr_msi).all()):
        raise InputError("LR-HSI: expected data on the ground of the HR-MSI, got almost none")
    return register(lr_hsi, hr_msi, pair.scale, support[alive][:, msi_alive], lr_valid, hr_valid)


def _spans(side: int, count: int, index: int) -> tuple[int, int, int]:
    """The first and the last start of a plot in a cell of one side, and its length."""
    length = min(PLOT, side)
    first, stop = index * side // count, (index + 1) * side // count
    first = min(first, side - length)
    return first, max(first, min(stop, side) - length), length


def _best(pair: Pair, rows: tuple[int, int, int], columns: tuple[int, int, int], rng: np.random.Generator) -> Box:
    """Of some places, the first in the middle, that where both images hold most data."""
    middle = (rows[0] + rows[1]) // 2, (columns[0] + columns[1]) // 2
    drawn = rng.integers((rows[0], columns[0]), (rows[1] + 1, columns[1] + 1), size=(TRIES - 1, 2)).tolist()
    best, most = None, -1.0
    for top, left in itertools.chain([middle], drawn):
        box = slice(top, top + rows[2]), slice(left, left + columns[2])
        held = _held(pair, box)
        if held > most:
            best, most = box, held
        if held >= ENOUGH:
            break
    assert best is not None
    return best


def _held(pair: Pair, box: Box) -> float:
    """The share of LR pixels that hold data, as do all HR pixels on the same ground."""
    lr_holds, hr_holds = (torch.isfinite(image).any(2) for image in pair.read(box))
    (rows, columns), scale = lr_holds.shape, pair.scale
    holds = lr_holds & hr_holds.view(rows, scale, columns, scale).all(3).all(1)
    return float(holds.double().mean())
