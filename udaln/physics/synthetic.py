"""The built-in scene: a small airborne view of a campus at the edge of farmland, drawn from formulas and a seed.

It needs no download, so that tests, demonstrations and a first try have something to fuse. It is made as nature makes
one: materials with plausible spectra, a layout finer than the pixel, linear mixing inside a pixel (Keshava and Mustard,
IEEE Signal Processing Magazine 19, 2002), and absorptions that vary with place, so that the cube is not of low rank.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import distance_transform_edt

from udaln.errors import InputError

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

SUB = 3  # layout points per pixel, down and across

KNOTS = (400, 450, 480, 515, 550, 580, 610, 640, 675, 695, 715, 735, 760, 800, 870, 920, 970, 1000)  # nm
MATERIALS = {  # reflectance at the knots, in per cent
    "canopy": (2.0, 2.3, 2.6, 3.8, 5.6, 4.3, 3.6, 3.2, 2.7, 4.5, 13, 24, 31, 33, 34.5, 34.5, 32.5, 34),
    "crop": (3.0, 3.4, 4.0, 6.6, 10.2, 7.6, 6.4, 5.4, 4.3, 8.0, 21, 38, 47, 49.5, 51, 51, 47.5, 50),
    "lawn": (3.6, 4.3, 5.0, 7.6, 10.6, 9.6, 9.0, 8.4, 7.2, 11, 20, 29, 34, 36, 38, 38.5, 36.5, 38.5),
    "straw": (7.0, 9.5, 11.5, 14.5, 17.5, 20, 22.5, 24.5, 26, 27.5, 29, 30.5, 32, 34, 37, 39, 39.5, 40.5),
    "soil": (5.0, 7.0, 8.2, 10.2, 13.2, 16.2, 18.3, 19.9, 21.6, 22.6, 23.6, 24.5, 25.3, 26.2, 25.8, 27.6, 30, 31),
    "mud": (2.8, 3.6, 4.2, 5.2, 6.6, 7.8, 8.7, 9.4, 10.1, 10.6, 11, 11.4, 11.8, 12.2, 12, 12.5, 12.2, 13),
    "water": (3.8, 4.8, 5.6, 6.6, 6.8, 5.6, 4.0, 3.3, 2.7, 2.5, 2.2, 1.6, 1.4, 1.3, 1.1, 1.0, 0.9, 0.9),
    "asphalt": (7.0, 7.7, 8.1, 8.6, 9.1, 9.5, 9.8, 10.1, 10.4, 10.6, 10.8, 11, 11.2, 11.5, 12, 12.3, 12.6, 12.8),
    "concrete": (16, 20, 22, 24.5, 27, 28.8, 30.2, 31.2, 32, 32.4, 32.7, 33, 33.3, 33.8, 34, 34.8, 35.4, 35.8),
    "tile": (4.6, 5.2, 5.6, 6.6, 9.0, 16.5, 22.5, 25, 26.5, 27.6, 28.6, 29.4, 29.8, 29.2, 28, 30.5, 34, 35.5),
    "metal": (20, 26.5, 28.5, 27, 23, 19.5, 17.5, 16.6, 17, 18, 19.4, 20.6, 21.6, 22.6, 23.2, 23, 23.4, 24),
    "white": (24, 52, 62, 66.5, 68.5, 69.5, 70, 70.5, 70.5, 70.5, 70.5, 70.2, 70, 69.5, 68.5, 67, 66, 66.5),
    "turf": (3.2, 3.8, 4.8, 8.6, 10.4, 7.4, 5.4, 5.0, 6.4, 9.0, 12.6, 16.4, 20, 23, 25, 25.5, 26, 26.2),
    "shade": (2.6, 2.4, 2.2, 2.1, 2.2, 2.0, 1.9, 1.8, 1.7, 2.0, 2.7, 3.5, 4.0, 4.1, 4.2, 4.2, 4.0, 4.1),
}
LEAF, EARTH, ALL = ("canopy", "crop", "lawn"), ("straw", "soil", "mud", "tile"), tuple(MATERIALS)
ROOFS = ("tile", "metal", "white", "concrete", "asphalt")
CROPS = np.array([[0.9, 0.02], [0.75, 0.15], [0.55, 0.05], [0.3, 0.45], [0.08, 0.77], [0.03, 0.07]])  # crop, straw
ABSORBERS = (  # where, how much and at what nm (centre, standard deviation) absorption varies from place to place
    # carotenoids, anthocyanins, chlorophylls a, b and a, leaf structure, leaf water
    (LEAF, 0.12, ((480, 18), (545, 18), (618, 14), (645, 12), (678, 12), (830, 50), (970, 25))),
    # iron oxides: goethite, haematite, then the two bands of Fe(III)
    (EARTH, 0.12, ((485, 20), (535, 20), (660, 25), (870, 45))),
    # what an atmospheric correction leaves: haze, oxygen B, water vapour, oxygen A, water vapour twice
    (ALL, 0.06, ((400, 25), (687, 6), (728, 9), (762, 7), (823, 10), (940, 18))),
)


def synthetic_reference(size: int = 120, bands: int = 64, seed: int = 7) -> tuple[NDArray[np.float32], Array]:
    """Draw the scene.

    Objects keep their size in pixels (roads 1–4 wide, trees 2–4, buildings 3–12): a larger scene shows more of them.

    Args:
        size: Height and width in pixels, at least 32.
        bands: Number of bands, at least 8.
        seed: Same seed, same bytes; at least 0.

    Returns:
        Reflectance (size × size × bands, in (0, 1)) and the bands' wavelengths (bands; nm, evenly from 400 to 1000).

    Raises:
        InputError: An argument is too small.

    >>> reference, wavelengths = synthetic_reference(size=32, bands=8)
    >>> reference.shape, wavelengths[[0, -1]].tolist()
    ((32, 32, 8), [400.0, 1000.0])
    """
    for name, value, least in (("size", size, 32), ("bands", bands, 8), ("seed", seed, 0)):
        if value < least:
            raise InputError(f"{name}: expected at least {least}, got {value}")
    rng = np.random.default_rng(seed)
    wavelengths = np.linspace(400, 1000, bands)
    abundances, light = _layout(size, rng)
    return _render(abundances, light, wavelengths, rng).astype(np.float32), wavelengths


def _render(abundances: Array, light: Array, wavelengths: Array, rng: np.random.Generator) -> Array:
    """Mix the spectra, shift their edges, deepen or fill absorptions by the Beer–Lambert law, and light the whole."""
    size = len(light)
    spectra = PchipInterpolator(KNOTS, np.array(list(MATERIALS.values())).T / 100)
    shift = 1.5 * np.stack([_fractal(size, rng, 0.7) for _ in MATERIALS], -1)  # nm
    cube = _mix(abundances, spectra(wavelengths)) + _mix(abundances * shift, spectra(wavelengths, 1))
    depth = [std * _fractal(size, rng, 0.6) * _share(abundances, *where) for where, std, at in ABSORBERS for _ in at]
    shape = [np.exp(-(((wavelengths - nm) / width) ** 2) / 2) for *_, at in ABSORBERS for nm, width in at]
    cube *= light[..., None] * np.exp(-_mix(np.stack(depth, -1), np.stack(shape, -1)))
    return np.clip(cube, 1e-3, 1 - 1e-3)


def _mix(weights: Array, spectra: Array) -> Array:
    """Weighted sums (H × W × C) of k spectra (C × k), weights H × W × k; no BLAS, so no byte depends on its threads."""
    return np.asarray(np.einsum("ijk,ck->ijc", weights, spectra))


def _share(cover: Array, *names: str) -> Array:
    """The part of each place that the named materials cover together."""
    return np.asarray(cover[..., [list(MATERIALS).index(name) for name in names]].sum(-1))


def _fractal(n: int, rng: np.random.Generator, power: float) -> Array:
    """Noise of amplitude 1/f^power, n × n, mean 0 and standard deviation 1."""
    f = np.hypot(np.fft.fftfreq(n)[:, None], np.fft.rfftfreq(n))
    f[0, 0] = np.inf
    noise = np.fft.irfft2(np.fft.rfft2(rng.normal(size=(n, n))) / f**power, s=(n, n))
    return np.asarray(noise / noise.std())


def _layout(size: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Lay out the ground: abundances (size × size × materials, not negative, sum 1) and brightness (size × size)."""
    c = _Canvas(size, rng)
    relief = c.fractal(1.3)
    road = c.y + 0.06 * size + 0.35 * c.x - 0.07 * size * np.sin(c.x / (0.16 * size) + rng.uniform(0, 6))
    shore = np.hypot(c.x - 0.42 * size, c.y - 0.40 * size) - (0.24 + 0.05 * c.fractal(1.5)) * size
    track = c.x + 0.3 * size - 0.2 * c.y - 5 * np.sin(c.y / 13)
    farm, lake = road > 4, (shore < 0) & (road > 4)
    _farmland(c, road > 0, relief)
    _campus(c, road <= 0, relief)
    c.paint(np.clip(1 - shore / 3, 0, 1) * farm, mud=0.6, straw=0.4)
    c.paint(lake, water=1)
    c.light[lake | (np.abs(road) < 2.6)] = 1
    for width, material in ((5.2, "concrete"), (4.2, "asphalt"), (0.3, "concrete")):
        c.paint(2 * np.abs(road) < width, **{material: 1})
    c.paint(farm & (np.abs(track) < 0.8) & (shore > 3), soil=0.8, concrete=0.2)
    _trees(c)
    c.light *= np.exp(0.07 * relief + 0.05 * c.fractal(0.5))
    blocks = (size, SUB, size, SUB)
    return c.cover.reshape(*blocks, -1).mean((1, 3)), c.light.reshape(blocks).mean((1, 3))


class _Plots(NamedTuple):
    """The ground cut into rectangles: at each point its rectangle's number, the way to its centre and to its sides."""

    number: NDArray[np.intp]
    u: Array
    v: Array
    edge_u: Array
    edge_v: Array

    def draw(self, rng: np.random.Generator, low: float = 0, high: float = 1) -> Array:
        """One uniform draw a rectangle."""
        return np.asarray(rng.uniform(low, high, self.number.max() + 1)[self.number])


class _Canvas:
    """The ground on a grid of SUB × SUB points a pixel: its cover (n × n × materials), its brightness (n × n)."""

    def __init__(self, size: int, rng: np.random.Generator) -> None:
        self.rng = rng
        axis = (np.arange(size * SUB) + 0.5) / SUB - size / 2
        self.y, self.x = np.meshgrid(axis, axis, indexing="ij")
        self.cover = np.zeros((*self.x.shape, len(MATERIALS)))
        self.light = np.ones_like(self.x)

    def fractal(self, power: float) -> Array:
        """Noise on this grid."""
        return _fractal(len(self.x), self.rng, power)

    def paint(self, where: NDArray[np.floating | np.bool_], **mix: Array | float) -> None:
        """Lay a mix of materials (shares of sum 1) over what is there, with the opacity ``where``."""
        self.cover *= (1 - where)[..., None]
        for name, share in mix.items():
            self.cover[..., list(MATERIALS).index(name)] += where * share

    def paint_each(self, where: Mask, plots: _Plots, materials: Sequence[str]) -> NDArray[np.intp]:
        """Paint each rectangle with one of the materials; returns which."""
        kind = plots.draw(self.rng, 0, len(materials)).astype(int)
        for i, name in enumerate(materials):
            self.paint(where & (kind == i), **{name: 1})
        return kind

    def divide(self, angle: float, low: float, high: float) -> _Plots:
        """Cut the ground into strips, and each strip into rectangles, of sides between low and high pixels."""
        u = np.cos(angle) * self.x + np.sin(angle) * self.y
        v = np.cos(angle) * self.y - np.sin(angle) * self.x
        strip, u, edge_u = self._cut(u, low, high)
        row, v, edge_v = self._cut(v + self.rng.uniform(0, 9 * high, strip.max() + 1)[strip], low, high)
        return _Plots(strip * (row.max() + 1) + row, u, v, edge_u, edge_v)

    def _cut(self, t: Array, low: float, high: float) -> tuple[NDArray[np.intp], Array, Array]:
        cuts = t.min() - high + np.cumsum(self.rng.uniform(low, high, int((np.ptp(t) + high) / low) + 2))
        i = np.searchsorted(cuts, t, side="right") - 1
        return i, t - (cuts[i] + cuts[i + 1]) / 2, np.minimum(t - cuts[i], cuts[i + 1] - t)

    def shade(self, mask: Mask, height: float) -> None:
        """Cast the shadow of what stands ``height`` pixels high; the sun is at the lower right."""
        shadow = np.zeros_like(mask)
        for dy in range(1, round(height * SUB) + 1):
            dx = (dy + 1) // 2
            shadow[:-dy, :-dx] |= mask[dy:, dx:]
        self.paint(0.75 * (shadow & ~mask), shade=1)


def _farmland(c: _Canvas, where: Mask, relief: Array) -> None:
    """Fields of one crop each, with rows and tramlines, wet in the hollows; grass margins and tracks between them."""
    plots = c.divide(0.35, 12, 32)
    crop, straw = np.moveaxis(CROPS[(plots.draw(c.rng) * len(CROPS)).astype(int)], -1, 0)
    across = np.where(plots.draw(c.rng) < 0.5, plots.u, plots.v)
    growth = 1 + 0.12 * relief + plots.draw(c.rng, 0.1, 0.45) * np.cos(2 * np.pi * across / plots.draw(c.rng, 1.7, 4))
    growth *= across % 9 > 0.6
    crop = np.clip(crop * growth, 0, 1)
    straw = np.clip(straw * growth, 0, 1 - crop)
    bare = 1 - crop - straw
    wet = np.clip(0.2 - 0.3 * relief + plots.draw(c.rng, -0.3, 0.3), 0, 0.9)
    c.paint(where, crop=crop, straw=straw, soil=bare * (1 - wet), mud=bare * wet)
    c.light *= np.where(where, plots.draw(c.rng, 0.85, 1.15), 1)
    c.paint(where & (plots.edge_v < 0.9), lawn=0.6, straw=0.4)
    c.paint(where & (plots.edge_u < 0.6), soil=0.7, straw=0.3)


def _campus(c: _Canvas, where: Mask, relief: Array) -> None:
    """Lawns, streets and footpaths; in each block a car park, a sports ground, a park or buildings."""
    worn = np.clip(0.2 + 0.15 * relief, 0, 0.8)
    c.paint(where, lawn=1 - worn, straw=0.7 * worn, soil=0.3 * worn)
    block = c.divide(-0.25, 15, 26)
    use = block.draw(c.rng)
    c.paint(where & (block.edge_v < 0.5), concrete=1)
    c.paint(where & (block.edge_u < 1.6), concrete=1)
    c.paint(where & (block.edge_u < 1.2), asphalt=1)
    inside = where & (block.edge_u > 3) & (block.edge_v > 1.5)

    parking = inside & (use < 0.1)
    bay = c.divide(-0.25, 1.4, 1.8)
    c.paint(parking, asphalt=1)
    car = parking & (block.u % 4 < 1.8) & (np.abs(bay.v) < 0.5) & (bay.draw(c.rng) < 0.5)
    c.paint_each(car, bay, ("white", "metal", "tile", "shade"))

    stadium = where & (use > 0.1) & (use < 0.15)
    ring = np.hypot(block.u / (np.abs(block.u) + block.edge_u), block.v / (np.abs(block.v) + block.edge_v))
    c.paint(stadium & (ring < 0.8), tile=1)
    c.paint(stadium & (ring < 0.6), turf=1)

    house = c.divide(-0.25, 10, 17)
    built = inside & (use > 0.15) & (use < 0.85) & (house.draw(c.rng) < 0.9)
    built &= (house.edge_u > house.draw(c.rng, 2.2, 3.8)) & (house.edge_v > house.draw(c.rng, 2.2, 3.8))
    built &= (house.u < 0) | (house.v < 0) | (house.draw(c.rng) > 0.4)  # the others are L-shaped
    c.shade(built, 2.5)
    pitched = c.paint_each(built, house, ROOFS) < 2
    c.paint(built & ~pitched & (house.u % 2.4 < 0.7) & (house.v % 3.1 < 0.8), metal=0.5, shade=0.5)  # air conditioning
    c.light *= np.where(built, house.draw(c.rng, 0.75, 1.15) * (1 + 0.2 * pitched * np.sign(house.u)), 1)


def _trees(c: _Canvas) -> None:
    """Crowns 2–4 pixels wide, with a bright side and a shadow, in woods and alone, wherever nothing is built."""
    wood = c.fractal(1.4)
    alone = np.where(_share(c.cover, "lawn") > 0.4, 0.02, 0.0007)
    density = np.where(wood > 1, 0.25, alone) * (_share(c.cover, *LEAF, *EARTH[:3]) > 0.8)  # trees a pixel
    distance, (i, j) = distance_transform_edt(c.rng.random(c.x.shape) >= density / SUB**2, return_indices=True)
    radius = SUB * c.rng.uniform(1, 2, c.x.shape)[i, j]
    crown = distance < radius
    leaf = np.clip(0.85 + 0.2 * c.fractal(0.3), 0.3, 1)
    c.shade(crown, 1.5)
    c.paint(crown, canopy=leaf, shade=1 - leaf)
    row, column = np.indices(crown.shape)
    c.light *= np.where(crown, 1 + 0.2 * (row - i + column - j) / radius, 1)
