"""A synthetic landscape of any size, generated strip by strip.

It is a mosaic of built-in scenes (`synthetic_reference`), each with its own seed and orientation. Neighbouring scenes
are blended along winding boundaries, and slow variations of brightness and colour extend over the whole landscape. A
pixel's value depends only on its row, its column, the number of bands and the seed.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from udaln.errors import InputError
from udaln.physics.synthetic import synthetic_reference

Pixels = NDArray[np.float32]
Array = NDArray[np.float64]

STEP = 128  # distance between neighbouring scenes [pixels]
WINDING = 12  # largest deviation of a boundary between two scenes from a straight line [pixels]
FADE = 8  # width over which two scenes are blended [pixels]
OVERLAP = FADE + 2 * WINDING  # overlap of neighbouring scenes [pixels]
SIDE = STEP + OVERLAP  # side of a scene [pixels]
WORKERS = 2  # scenes generated in parallel; each takes about 100 MB


class Landscape:
    """A landscape of a given width; its rows are generated on request, fastest in order from top to bottom.

    Rows and columns count from the upper left corner, which does not depend on the width. In memory are one row of
    scenes, ``SIDE`` pixels high, and the scenes being generated.

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
        self.wavelengths: Array = np.linspace(400, 1000, bands)
        self._seed = seed
        self._columns = np.arange(columns)
        rng = np.random.default_rng([seed, 0])
        self._winding = [_Waves(rng, 16, 80) for _ in range(2)]
        self._light = [_Waves(rng, 400, 2000) for _ in range(2)]
        self._number = -1  # of the row of scenes in the buffer
        self._buffer = np.zeros((SIDE, columns, bands), np.float32)

    def rows(self, first: int, last: int) -> Pixels:
        """Reflectance of the rows from ``first`` to before ``last``, (last − first) × columns × C, in (0, 1)."""
        strip = np.empty((last - first, *self._buffer.shape[1:]), np.float32)
        row = first
        while row < last:
            number, top = divmod(row + OVERLAP, STEP)
            stop = min(last, row + STEP - top)
            self._load(number)
            strip[row - first : stop - first] = self._buffer[top : top + stop - row]
            row = stop
        rows = np.arange(first, last)
        brightness, redness = (waves(rows, self._columns) for waves in self._light)
        strip *= (1 + 0.1 * brightness).astype(np.float32)[..., None]
        for band, tilt in enumerate(0.06 * (self.wavelengths - 700) / 300):
            strip[..., band] *= 1 + tilt * redness.astype(np.float32)
        return np.clip(strip, 1e-3, 1 - 1e-3, out=strip)

    def _load(self, number: int) -> None:
        """Fill the buffer with a row of scenes, blended with the row of scenes above it."""
        if number == self._number:
            return
        if self._number != number - 1:
            self._buffer[:] = 0
            if number > 0:
                self._add(number - 1)
        self._buffer[:OVERLAP] = self._buffer[STEP:]
        self._buffer[OVERLAP:] = 0
        self._add(number)
        self._number = number

    def _add(self, number: int) -> None:
        """Add a row of scenes to the buffer, each multiplied by its blend weight."""
        rows = np.arange(SIDE) + number * STEP - OVERLAP
        down, right = (WINDING * waves(rows, self._columns) + OVERLAP / 2 for waves in self._winding)
        stagger = int(np.random.default_rng([self._seed, 2, number]).integers(STEP))  # as courses of bricks
        vertical = _blend_weight(rows[:, None] + down, number)
        right += self._columns + stagger
        width = len(self._columns)
        places = range((width - 1 + OVERLAP + stagger) // STEP + 1)
        with ThreadPoolExecutor(WORKERS) as workers:
            for place, scene in enumerate(workers.map(lambda place: self._scene(number, place), places)):
                left = place * STEP - OVERLAP - stagger
                inside = slice(max(left, 0), min(left + SIDE, width))
                weight = (vertical[:, inside] * _blend_weight(right[:, inside], place)).astype(np.float32)
                self._buffer[:, inside] += weight[..., None] * scene[:, inside.start - left : inside.stop - left]

    def _scene(self, down: int, right: int) -> Pixels:
        """The scene at a place of the mosaic, SIDE × SIDE × C."""
        seed, turns = np.random.SeedSequence([self._seed, 1, down, right]).generate_state(2)
        scene, _ = synthetic_reference(SIDE, len(self.wavelengths), int(seed))
        scene = np.rot90(scene, turns % 4)
        return scene if turns % 8 < 4 else scene[::-1]


class _Waves:
    """A smooth function of row and column with values in [−1, 1]: the mean of three plane waves."""

    def __init__(self, rng: np.random.Generator, shortest: float, longest: float) -> None:
        frequency = 2 * np.pi / rng.uniform(shortest, longest, 3)
        angle = rng.uniform(0, 2 * np.pi) + np.arange(3) * np.pi / 3
        self._down, self._right = frequency * np.sin(angle), frequency * np.cos(angle)
        self._phase = rng.uniform(0, 2 * np.pi, 3)

    def __call__(self, rows: NDArray[np.int_], columns: NDArray[np.int_]) -> Array:
        waves = zip(self._down, self._right, self._phase, strict=True)
        return np.asarray(sum(np.sin(a * rows[:, None] + b * columns + phase) for a, b, phase in waves) / 3)


def _blend_weight(position: Array, number: int) -> Array:
    """Weight, along one axis, of the scene of a number at each position; the weights of all scenes sum to 1."""

    def rising(start: float) -> Array:
        t = np.clip((position - start) / FADE + 0.5, 0, 1)
        return np.asarray(t * t * (3 - 2 * t))

    return rising(number * STEP) - rising((number + 1) * STEP)
