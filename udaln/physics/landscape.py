"""A landscape of any size, drawn strip by strip: built-in scenes side by side, and the pair that two sensors see of it.

Every place has a scene of its own (`synthetic_reference`, with a seed and an orientation of its own). Neighbours meet
along winding lines, where one fades into the other, and a brightness and a colour of much larger scale lie over the
whole. What a pixel is depends on its row, its column, the number of bands and the seed alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from udaln.errors import InputError
from udaln.physics.synthetic import synthetic_reference
from udaln.physics.windows import degrade

Pixels = NDArray[np.float32]
Field = NDArray[np.float64]

STEP = 128  # from scene to scene [pixels]
WINDING = 12  # how far the line between two scenes strays from a straight one [pixels]
FADE = 8  # how wide that line is [pixels]
SHARED = FADE + 2 * WINDING  # by how much scenes overlap [pixels]
SIDE = STEP + SHARED
STRIP = 10  # rows that two sensors look at at once
WORKERS = 2  # scenes drawn at once; each takes about 100 MB


class Landscape:
    """The landscape, as wide as asked; rows are drawn as they are asked for, fastest from the first to the last.

    Rows and columns count from the upper left corner, which stays where it is whatever the width. In memory are a belt
    of scenes, 160 rows, and the scenes being drawn.

    Args:
        columns: Width [pixels].
        bands: Number of bands C, at least 8, evenly from 400 to 1000 nm.
        seed: Same seed, same bytes; at least 0.

    Raises:
        InputError: An argument is too small.
    """

    def __init__(self, columns: int, bands: int = 128, seed: int = 7) -> None:
        for name, value, least in (("columns", columns, 1), ("bands", bands, 8), ("seed", seed, 0)):
            if value < least:
                raise InputError(f"{name}: expected at least {least}, got {value}")
        self.wavelengths: Field = np.linspace(400, 1000, bands)
        self._seed = seed
        self._columns = np.arange(columns)
        rng = np.random.default_rng([seed, 0])
        self._winding = [_Waves(rng, 16, 80) for _ in range(2)]
        self._light = [_Waves(rng, 400, 2000) for _ in range(2)]
        self._number = -1  # of the belt of scenes at hand
        self._belt = np.zeros((SIDE, columns, bands), np.float32)

    def rows(self, first: int, last: int) -> Pixels:
        """Reflectance of the rows from ``first`` to before ``last``, (last − first) × columns × C, in (0, 1)."""
        strip = np.empty((last - first, *self._belt.shape[1:]), np.float32)
        at = first
        while at < last:
            number, top = divmod(at + SHARED, STEP)
            stop = min(last, at + STEP - top)
            self._go_to(number)
            strip[at - first : stop - first] = self._belt[top : top + stop - at]
            at = stop
        rows = np.arange(first, last)
        bright, red = (waves(rows, self._columns) for waves in self._light)
        strip *= (1 + 0.1 * bright).astype(np.float32)[..., None]
        for band, tilt in enumerate(0.06 * (self.wavelengths - 700) / 300):
            strip[..., band] *= 1 + tilt * red.astype(np.float32)
        return np.clip(strip, 1e-3, 1 - 1e-3, out=strip)

    def _go_to(self, number: int) -> None:
        """Have the belt of that number at hand, on top of the last rows of the one above."""
        if number == self._number:
            return
        if self._number != number - 1:
            self._belt[:] = 0
            if number > 0:
                self._add(number - 1)
        self._belt[:SHARED] = self._belt[STEP:]
        self._belt[SHARED:] = 0
        self._add(number)
        self._number = number

    def _add(self, number: int) -> None:
        """Add a belt: the sum of its scenes, each times its share of the place."""
        rows = np.arange(SIDE) + number * STEP - SHARED
        down, right = (WINDING * waves(rows, self._columns) + SHARED / 2 for waves in self._winding)
        moved = int(np.random.default_rng([self._seed, 2, number]).integers(STEP))  # as bricks are laid
        share = _share(rows[:, None] + down, number)
        right += self._columns + moved
        width = len(self._columns)
        places = range((width - 1 + SHARED + moved) // STEP + 1)
        with ThreadPoolExecutor(WORKERS) as workers:
            for place, scene in enumerate(workers.map(lambda place: self._scene(number, place), places)):
                left = place * STEP - SHARED - moved
                seen = slice(max(left, 0), min(left + SIDE, width))
                part = (share[:, seen] * _share(right[:, seen], place)).astype(np.float32)
                self._belt[:, seen] += part[..., None] * scene[:, seen.start - left : seen.stop - left]

    def _scene(self, down: int, right: int) -> Pixels:
        seed, turns = np.random.SeedSequence([self._seed, 1, down, right]).generate_state(2)
        scene, _ = synthetic_reference(SIDE, len(self.wavelengths), int(seed))
        scene = np.rot90(scene, turns % 4)
        return scene if turns % 8 < 4 else scene[::-1]


class _Waves:
    """A smooth field without end, of values in [−1, 1]: the mean of three plane waves."""

    def __init__(self, rng: np.random.Generator, shortest: float, longest: float) -> None:
        frequency = 2 * np.pi / rng.uniform(shortest, longest, 3)
        angle = rng.uniform(0, 2 * np.pi) + np.arange(3) * np.pi / 3
        self._down, self._right = frequency * np.sin(angle), frequency * np.cos(angle)
        self._phase = rng.uniform(0, 2 * np.pi, 3)

    def __call__(self, rows: NDArray[np.int_], columns: NDArray[np.int_]) -> Field:
        waves = zip(self._down, self._right, self._phase, strict=True)
        return np.asarray(sum(np.sin(a * rows[:, None] + b * columns + phase) for a, b, phase in waves) / 3)


def _share(at: Field, number: int) -> Field:
    """How far a place belongs to the scene of a number along an axis; the shares of all scenes sum to 1."""

    def begun(start: float) -> Field:
        t = np.clip((at - start) / FADE + 0.5, 0, 1)
        return np.asarray(t * t * (3 - 2 * t))

    return begun(number * STEP) - begun((number + 1) * STEP)


def observed(
    rows: Callable[[int, int], Pixels], height: int, psf: Tensor, srf: Field, scale: int
) -> Iterator[tuple[Pixels, Pixels, Pixels]]:
    """What two sensors see of an image that is had strip by strip, as `simulate` has it, without noise.

    Args:
        rows: Gives the rows from a first to before a last, h×W×C; W is a multiple of ``scale``.
        height: H, a multiple of ``scale``.
        psf: k×k, k at least ``scale``.
        srf: C×c, normalised here to columns that sum to 1.
        scale: Scale factor r.

    Yields:
        From top to bottom, strips of the image, the LR-HSI and the HR-MSI, each with all its columns.
    """
    weights = np.ascontiguousarray((srf / srf.sum(0)).T)
    step = max(STRIP // scale, 1) * scale
    more = -(-(len(psf) - scale) // scale) * scale  # rows that the PSF may see beyond a strip: whole LR pixels
    seen, top = rows(0, min(more, height)), 0  # the rows at hand, and which is their first
    for first in range(0, height, step):
        last = min(first + step, height)
        new = rows(top + len(seen), min(last + more, height))
        seen, top = np.concatenate([seen[max(first - more, 0) - top :], new]), max(first - more, 0)
        exact = torch.from_numpy(seen).double()
        lr_hsi = degrade(exact, psf.double(), scale)[(first - top) // scale : (last - top) // scale]
        # no BLAS, so that no byte depends on its threads
        hr_msi = np.einsum("ijc,mc->ijm", exact[first - top : last - top].numpy(), weights)
        del exact
        yield seen[first - top : last - top], lr_hsi.float().numpy(), hr_msi.astype(np.float32)


def noise(seed: int, image: int, row: int, shape: tuple[int, int]) -> Pixels:
    """White Gaussian noise of variance 1 for one row of an image, columns × bands.

    Args:
        seed: Same seed, same noise.
        image: Which of the pair: 0 the LR-HSI, 1 the HR-MSI.
        row: Which row: each has noise of its own, whatever strip it is in.
        shape: Columns and bands.
    """
    bits = np.random.Philox(key=np.array([seed % 2**64, 2 * row + image], np.uint64))
    return np.random.Generator(bits).standard_normal(shape, np.float32)
