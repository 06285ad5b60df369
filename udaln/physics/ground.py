"""The ground of the built-in scene on a grid finer than its pixels, and the operations that draw on it."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from udaln.physics.materials import MATERIALS, index_of

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

SUB = 3  # grid points per pixel along each side


class Parcels(NamedTuple):
    """The ground divided into rectangles, in coordinates u and v along their sides [pixels].

    Attributes:
        number: Number of the rectangle at each grid point, n×n.
        u: Signed distance to the rectangle's centre along u.
        v: The same along v.
        edge_u: Distance to the nearest side along u.
        edge_v: The same along v.
    """

    number: NDArray[np.intp]
    u: Array
    v: Array
    edge_u: Array
    edge_v: Array

    def draw(self, rng: np.random.Generator, low: float = 0, high: float = 1) -> Array:
        """One uniform random number per rectangle, at each grid point."""
        return np.asarray(rng.uniform(low, high, self.number.max() + 1)[self.number])


class Ground:
    """Abundances (n×n×materials) and brightness (n×n) on a grid of n = SUB·size points a side."""

    def __init__(self, size: int, rng: np.random.Generator) -> None:
        self.rng = rng
        axis = (np.arange(size * SUB) + 0.5) / SUB - size / 2
        self.y, self.x = np.meshgrid(axis, axis, indexing="ij")  # [pixels] from the centre
        self.abundances = np.zeros((*self.x.shape, len(MATERIALS)))
        self.brightness = np.ones_like(self.x)

    def fractal(self, power: float) -> Array:
        """Fractal noise on this grid."""
        return fractal_noise(len(self.x), self.rng, power)

    def paint(self, opacity: NDArray[np.floating | np.bool_], **mixture: Array | float) -> None:
        """Cover the ground with a mixture of materials (abundances that sum to 1)."""
        self.abundances *= (1 - opacity)[..., None]
        for name, abundance in mixture.items():
            self.abundances[..., index_of(name)] += opacity * abundance

    def paint_each(self, mask: Mask, parcels: Parcels, materials: Sequence[str]) -> NDArray[np.intp]:
        """Cover each rectangle with a random one of the materials; returns the index of that material, n×n."""
        kind = parcels.draw(self.rng, 0, len(materials)).astype(int)
        for i, name in enumerate(materials):
            self.paint(mask & (kind == i), **{name: 1})
        return kind

    def divide(self, angle: float, low: float, high: float) -> Parcels:
        """Divide the ground into strips, and each strip into rectangles, with sides between low and high [pixels]."""
        u = np.cos(angle) * self.x + np.sin(angle) * self.y
        v = np.cos(angle) * self.y - np.sin(angle) * self.x
        strip, u, edge_u = self._cut(u, low, high)
        row, v, edge_v = self._cut(v + self.rng.uniform(0, 9 * high, strip.max() + 1)[strip], low, high)
        return Parcels(strip * (row.max() + 1) + row, u, v, edge_u, edge_v)

    def _cut(self, t: Array, low: float, high: float) -> tuple[NDArray[np.intp], Array, Array]:
        """Intervals along a coordinate: their numbers, distances to their centres and to their nearest ends."""
        cuts = t.min() - high + np.cumsum(self.rng.uniform(low, high, int((np.ptp(t) + high) / low) + 2))
        i = np.searchsorted(cuts, t, side="right") - 1
        return i, t - (cuts[i] + cuts[i + 1]) / 2, np.minimum(t - cuts[i], cuts[i + 1] - t)

    def cast_shadow(self, mask: Mask, height: float) -> None:
        """Darken what lies in the shadow of objects of a height [pixels]; the sun is at the lower right."""
        shadow = np.zeros_like(mask)
        for dy in range(1, round(height * SUB) + 1):
            dx = (dy + 1) // 2
            shadow[:-dy, :-dx] |= mask[dy:, dx:]
        self.paint(0.75 * (shadow & ~mask), shade=1)


def fractal_noise(n: int, rng: np.random.Generator, power: float) -> Array:
    """Noise with an amplitude spectrum of 1/f^power, n×n, mean 0 and standard deviation 1."""
    f = np.hypot(np.fft.fftfreq(n)[:, None], np.fft.rfftfreq(n))
    f[0, 0] = np.inf
    noise = np.fft.irfft2(np.fft.rfft2(rng.normal(size=(n, n))) / f**power, s=(n, n))
    return np.asarray(noise / noise.std())
