"""An image of bands with small pixels, joined by sharpened bands with large ones. Nothing is read before it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from udaln.errors import InputError
from udaln.estimation.sharpening import MARGIN, Sharpener, fit_sharpener
from udaln.io.image import Bands, Cause, Image, Pixels

BLOCK = 96  # side of the blocks that have a sharpener each, about [large pixels]
RAMP = 0.25  # width of the passage from one block to the next [blocks]


def sharpened(sharp: Image, coarse: Image, order: Sequence[int], fitted: Image | None = None) -> Image:
    """View of two images of one instrument as one on the pixels of the first, the bands of the second sharpened.

    How the bands follow from each other is estimated for blocks of the ground, and passes smoothly from one to the
    next. The values of a pixel do not depend on the window that is read. Where a pixel has no data in some band of
    ``sharp``, the bands of ``coarse`` have none, either.

    Args:
        sharp: rH×rW×c.
        coarse: H×W×B, of the same ground, in the same unit.
        order: The order of the bands: numbers of those of ``sharp``, then of ``coarse``, as if they were one image.
        fitted: ``sharp`` with NaN where the estimates are not to look; none if they may look everywhere.

    Raises:
        InputError: If the two do not cover the same ground.
    """
    scale = _scale(sharp, coarse)
    blocks = [_Blocks(side) for side in coarse.shape[:2]]
    chosen = np.array(order)

    @cache
    def sharpener(row: int, column: int) -> Sharpener:
        parts = [blocks[0].fitted_on(row), blocks[1].fitted_on(column)]
        return fit_sharpener(*_read(fitted or sharp, coarse, scale, parts), scale)

    def read(rows: slice, cols: slice) -> Pixels:
        bands = np.zeros((rows.stop - rows.start, cols.stop - cols.start, coarse.shape[2]), coarse.dtype)
        for row in blocks[0].near(rows, scale):
            for column in blocks[1].near(cols, scale):
                part = [blocks[0].seen(row, rows, scale), blocks[1].seen(column, cols, scale)]
                weight = np.outer(blocks[0].weight(row, part[0], scale), blocks[1].weight(column, part[1], scale))
                window = tuple(
                    slice(p.start - w.start, p.stop - w.start) for p, w in zip(part, (rows, cols), strict=True)
                )
                bands[window] += weight[..., None] * _sharpen(sharpener(row, column), sharp, coarse, part)
        own = sharp.read(rows, cols)
        bands[np.isnan(own).any(2)] = np.nan
        whole: Pixels = np.concatenate([own, bands.astype(own.dtype)], 2)[..., chosen]
        return whole

    return replace(
        sharp,
        shape=(*sharp.shape[:2], len(order)),
        read=read,
        bands=_joined(sharp.bands, coarse.bands, chosen),
        causes=tuple(
            _cause(first, second, (sharp.shape[2], coarse.shape[2]), scale, chosen)
            for first, second in zip(sharp.causes, coarse.causes, strict=True)
        ),
        packing=sharp.packing.beside(sharp.shape[2], coarse.packing, coarse.shape[2]).select(
            order, sharp.shape[2] + coarse.shape[2]
        ),
        notes=(*sharp.notes, *(note for note in coarse.notes if note not in sharp.notes)),
    )


def _scale(sharp: Image, coarse: Image) -> int:
    scale = sharp.shape[0] // coarse.shape[0]
    sizes = ["×".join(map(str, image.shape[:2])) for image in (sharp, coarse)]
    if tuple(scale * side for side in coarse.shape[:2]) != sharp.shape[:2]:
        raise InputError(f"{sharp.path}: expected bands whose pixels nest, got {sizes[0]} and {sizes[1]} pixels")
    if sharp.grid is not None and coarse.grid is not None:
        places = sharp.grid.window(0, 0, scale).transform, coarse.grid.transform
        if not np.allclose(*places, rtol=0, atol=1e-3):
            raise InputError(f"{sharp.path}: expected bands that begin at one place, got {places[0]} and {places[1]}")
    return scale


class _Blocks:
    """Blocks along an axis of the coarse image, and how much each counts for a pixel."""

    def __init__(self, side: int) -> None:
        self.side = side
        self.count = max(1, round(side / BLOCK))
        self.step = side / self.count

    def fitted_on(self, block: int) -> slice:
        """The large pixels that a block's sharpener is estimated on: the block and half of each neighbour."""
        first, last = (block - 0.5) * self.step, (block + 1.5) * self.step
        return slice(max(0, round(first)), min(self.side, round(last)))

    def near(self, window: slice, scale: int) -> range:
        """The blocks that count for a window of small pixels."""
        first, last = self._middle(np.array([window.start, window.stop - 1]), scale)
        reach = 0.5 + RAMP / 2
        return range(max(0, int(np.ceil(first - reach))), min(self.count - 1, int(np.floor(last + reach))) + 1)

    def seen(self, block: int, window: slice, scale: int) -> slice:
        """The part of a window of small pixels for which a block may count."""
        first = 0 if block == 0 else int((block - RAMP / 2) * self.step * scale)
        end = self.side * scale if block == self.count - 1 else int((block + 1 + RAMP / 2) * self.step * scale) + 1
        start = min(max(window.start, first), window.stop)
        return slice(start, max(start, min(window.stop, end)))

    def weight(self, block: int, window: slice, scale: int) -> NDArray[np.float64]:
        """How much a block counts for small pixels: 1 in it, 0 in its neighbours, and between them in between."""
        distance = np.abs(self._middle(np.arange(window.start, window.stop), scale) - block)
        weight: NDArray[np.float64] = np.clip((0.5 + RAMP / 2 - distance) / RAMP, 0, 1)
        return weight

    def _middle(self, pixels: NDArray[np.int64], scale: int) -> NDArray[np.float64]:
        """The places of small pixels, counted from the middle of the first block to that of the last [blocks]."""
        places: NDArray[np.float64] = ((pixels + 0.5) / (scale * self.step) - 0.5).clip(0, self.count - 1)
        return places


def _within(part: Sequence[slice], whole: Sequence[slice]) -> tuple[slice, ...]:
    """A window as seen from the corner of another."""
    return tuple(slice(p.start - w.start, p.stop - w.start) for p, w in zip(part, whole, strict=True))


def _sharpen(sharpener: Sharpener, sharp: Image, coarse: Image, part: Sequence[slice]) -> Pixels:
    """The sharpened bands in a window of small pixels."""
    scale = sharpener.scale
    outer = [
        slice(max(0, span.start // scale - MARGIN), min(side, -(-span.stop // scale) + MARGIN))
        for span, side in zip(part, coarse.shape[:2], strict=True)
    ]
    window = _within(part, [slice(scale * wide.start, scale * wide.stop) for wide in outer])
    small, large = _read(sharp, coarse, scale, outer)
    bands: Pixels = sharpener(small, large)[window].numpy()
    bands[large.isnan().numpy().repeat(scale, 0).repeat(scale, 1)[window]] = np.nan
    return bands


def _read(sharp: Image, coarse: Image, scale: int, part: Sequence[slice]) -> tuple[Tensor, Tensor]:
    """Both images in a window of large pixels, of one type."""
    small = sharp.read(*(slice(span.start * scale, span.stop * scale) for span in part))
    large = coarse.read(part[0], part[1])
    dtype = np.result_type(small, large)
    return torch.from_numpy(small.astype(dtype, copy=False)), torch.from_numpy(large.astype(dtype, copy=False))


def _joined(first: Bands, second: Bands, order: NDArray[np.intp]) -> Bands:
    """The metadata of the bands of both images."""

    def numbers(name: str) -> NDArray[np.generic] | None:
        parts = getattr(first, name), getattr(second, name)
        return None if any(part is None for part in parts) else np.concatenate(parts)[order]

    names = None if first.names is None or second.names is None else [*first.names, *second.names]
    return Bands(
        names and [names[band] for band in order],
        *(numbers(name) for name in ("wavelengths", "fwhm", "good")),  # type: ignore[arg-type]
    )


def _cause(first: Cause, second: Cause, bands: tuple[int, int], scale: int, order: NDArray[np.intp]) -> Cause:
    """The same cause of both images, on the bands of both."""

    def flags(rows: slice, cols: slice) -> NDArray[np.bool_]:
        outer = [slice(span.start // scale, -(-span.stop // scale)) for span in (rows, cols)]
        i, j = (
            np.arange(span.start, span.stop) // scale - wide.start
            for span, wide in zip((rows, cols), outer, strict=True)
        )
        parts = [first.flags(rows, cols), second.flags(outer[0], outer[1])[np.ix_(i, j)]]
        wide = [np.broadcast_to(part, (*part.shape[:2], count)) for part, count in zip(parts, bands, strict=True)]
        return np.concatenate(wide, 2)[..., order]

    return replace(first, flags=flags)
