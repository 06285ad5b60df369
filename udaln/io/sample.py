"""Training data from a pair too large to be held in memory: plots of it, joined into one mosaic."""

from __future__ import annotations

import itertools
import math

import numpy as np
import torch
from torch import Tensor

from udaln.errors import InputError
from udaln.estimation.registration import register
from udaln.io.bad_bands import dead_bands
from udaln.io.pair import Pair, select_bands_and_fill_gaps
from udaln.physics.part import Box
from udaln.scene import DroppedBands

PLOT = 16  # side of a plot [LR pixels]; its outermost LR pixels are not trained on
CANDIDATES = 4  # positions considered for each plot
SUFFICIENT = 0.98  # fraction of valid LR pixels that makes a candidate good enough to stop the search
REGISTRATION_SIDE = 96  # side of the window from which the shift is estimated [LR pixels]


def plots(pair: Pair, pixels: int, seed: int) -> list[list[Box]]:
    """Choose the plots: one in each cell of a regular grid over the pair, in the grid's order.

    Of a few random positions in its cell, a plot takes the one where both images have most data.

    Args:
        pair: The pair.
        pixels: Number of LR pixels to train on, approximately.
        seed: Seed of the random positions.
    """
    rng = np.random.default_rng(seed)
    count = pixels / (PLOT - 2) ** 2
    max_rows, max_columns = (max(1, (side + PLOT // 2) // PLOT) for side in pair.sides)  # plots hardly overlap
    rows = min(max_rows, max(1, round(math.sqrt(count))))
    columns = min(max_columns, max(1, round(count / rows)))
    counts = min(max_rows, max(rows, round(count / columns))), columns
    cells = [[_start_range(side, n, i) for i in range(n)] for side, n in zip(pair.sides, counts, strict=True)]
    return [[_choose_box(pair, rows, columns, rng) for columns in cells[1]] for rows in cells[0]]


def sample(pair: Pair, boxes: list[list[Box]]) -> tuple[Tensor, Tensor]:
    """Read plots of a pair and join them into one mosaic.

    The outermost LR pixels of each plot and a frame of HR pixels are NaN, so that the PSF of no LR pixel in use reaches
    into another plot.

    Args:
        pair: The pair.
        boxes: From `plots`.

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
        rows.append([torch.cat(images, 1) for images in zip(*parts, strict=True)])
    lr_hsi, hr_msi = (torch.cat(images) for images in zip(*rows, strict=True))
    return lr_hsi, hr_msi


def find_shift(
    pair: Pair, support: Tensor, seed: int, dropped_bands: DroppedBands | None = None
) -> tuple[float, float]:
    """Estimate the shift of the LR-HSI against the HR-MSI, down and to the right [HR pixels], from one window.

    Args:
        pair: The pair.
        support: C×c bool, the hyperspectral bands that each MSI band may cover.
        seed: Seed of the candidate positions of the window.
        dropped_bands: Bands that are not in use and not in the support.

    Raises:
        InputError: If the window holds no data.
    """
    rows, columns = ((0, side - min(side, REGISTRATION_SIDE), min(side, REGISTRATION_SIDE)) for side in pair.sides)
    lr_hsi, hr_msi = pair.read(_choose_box(pair, rows, columns, np.random.default_rng(seed)))
    if dropped_bands is not None:
        lr_hsi, hr_msi = lr_hsi[..., dropped_bands.kept], hr_msi[..., dropped_bands.msi_kept]
    alive, msi_alive = (~dead_bands(image, torch.isfinite(image)) for image in (lr_hsi, hr_msi))
    msi_alive &= support[alive].any(0)
    y, z = select_bands_and_fill_gaps(lr_hsi[..., alive], hr_msi[..., msi_alive], None)
    if not (msi_alive.any() and torch.isfinite(y.image).all() and torch.isfinite(z.image).all()):
        raise InputError("LR-HSI: expected data on the ground of the HR-MSI, got almost none")
    return register(y.image, z.image, pair.scale, support[alive][:, msi_alive], y.valid, z.valid).shift


def _start_range(side: int, count: int, index: int) -> tuple[int, int, int]:
    """First and last start of a plot in one of ``count`` cells along a side, and the plot's length."""
    length = min(PLOT, side)
    first, stop = index * side // count, (index + 1) * side // count
    first = min(first, side - length)
    return first, max(first, min(stop, side) - length), length


def _choose_box(pair: Pair, rows: tuple[int, int, int], columns: tuple[int, int, int], rng: np.random.Generator) -> Box:
    """Of the middle position and some random ones, the first with the largest fraction of valid pixels.

    Args:
        pair: The pair.
        rows: First and last start of the box, and its length.
        columns: Likewise.
        rng: Draws the random positions.
    """
    middle = (rows[0] + rows[1]) // 2, (columns[0] + columns[1]) // 2
    drawn = rng.integers((rows[0], columns[0]), (rows[1] + 1, columns[1] + 1), size=(CANDIDATES - 1, 2)).tolist()
    best, highest = None, -1.0
    for top, left in itertools.chain([middle], drawn):
        box = slice(top, top + rows[2]), slice(left, left + columns[2])
        fraction = _valid_fraction(pair, box)
        if fraction > highest:
            best, highest = box, fraction
        if fraction >= SUFFICIENT:
            break
    assert best is not None
    return best


def _valid_fraction(pair: Pair, box: Box) -> float:
    """Fraction of LR pixels that have data, as have all HR pixels on the same ground."""
    lr_valid, hr_valid = (torch.isfinite(image).any(2) for image in pair.read(box))
    (rows, columns), scale = lr_valid.shape, pair.scale
    valid = lr_valid & hr_valid.view(rows, scale, columns, scale).all(3).all(1)
    return float(valid.double().mean())
