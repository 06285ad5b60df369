"""The built-in scene: a synthetic airborne view of a campus at the edge of farmland.

It needs no download: tests, demonstrations and a first trial always have an image to fuse. It has the properties of a
real one: materials with plausible spectra, a layout finer than the pixel, linear mixing within a pixel (Keshava and
Mustard, IEEE Signal Processing Magazine 19, 2002), and absorptions that vary with place, so that the cube is not of
low rank.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import distance_transform_edt

from udaln.errors import InputError
from udaln.physics.ground import SUB, Array, Ground, Mask, fractal_noise
from udaln.physics.materials import ABSORBERS, KNOTS, LEAVES, MATERIALS, SOILS, total_abundance

ROOFS = ("tile", "metal", "white", "concrete", "asphalt")
CROPS = np.array([[0.9, 0.02], [0.75, 0.15], [0.55, 0.05], [0.3, 0.45], [0.08, 0.77], [0.03, 0.07]])  # crop, straw


def synthetic_reference(size: int = 120, bands: int = 64, seed: int = 7) -> tuple[NDArray[np.float32], Array]:
    """Generate the scene.

    Objects keep their size in pixels (roads 1–4 wide, trees 2–4, buildings 3–12): a larger scene has more of them.

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
    abundances, brightness = _layout(size, rng)
    return _render(abundances, brightness, wavelengths, rng).astype(np.float32), wavelengths


def _render(abundances: Array, brightness: Array, wavelengths: Array, rng: np.random.Generator) -> Array:
    """Mix the spectra, shift their edges, vary absorptions by the Beer–Lambert law, and apply the brightness."""
    size = len(brightness)
    spectra = PchipInterpolator(KNOTS, np.array(list(MATERIALS.values())).T / 100)
    shift = 1.5 * np.stack([fractal_noise(size, rng, 0.7) for _ in MATERIALS], -1)  # nm
    cube = _mix(abundances, spectra(wavelengths)) + _mix(abundances * shift, spectra(wavelengths, 1))
    depth = [
        std * fractal_noise(size, rng, 0.6) * total_abundance(abundances, *materials)
        for materials, std, absorptions in ABSORBERS
        for _ in absorptions
    ]
    shape = [np.exp(-(((wavelengths - nm) / width) ** 2) / 2) for *_, bands in ABSORBERS for nm, width in bands]
    cube *= brightness[..., None] * np.exp(-_mix(np.stack(depth, -1), np.stack(shape, -1)))
    return np.clip(cube, 1e-3, 1 - 1e-3)


def _mix(weights: Array, spectra: Array) -> Array:
    """Weighted sums (H×W×C) of k spectra (C×k), weights H×W×k; no BLAS, so no byte depends on its threads."""
    return np.asarray(np.einsum("ijk,ck->ijc", weights, spectra))


def _layout(size: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Lay out the ground: abundances (size × size × materials, not negative, sum 1) and brightness (size × size)."""
    ground = Ground(size, rng)
    x, y = ground.x, ground.y
    relief = ground.fractal(1.3)
    road = y + 0.06 * size + 0.35 * x - 0.07 * size * np.sin(x / (0.16 * size) + rng.uniform(0, 6))
    shore = np.hypot(x - 0.42 * size, y - 0.40 * size) - (0.24 + 0.05 * ground.fractal(1.5)) * size
    track = x + 0.3 * size - 0.2 * y - 5 * np.sin(y / 13)
    farm, lake = road > 4, (shore < 0) & (road > 4)
    _farmland(ground, road > 0, relief)
    _campus(ground, road <= 0, relief)
    ground.paint(np.clip(1 - shore / 3, 0, 1) * farm, mud=0.6, straw=0.4)
    ground.paint(lake, water=1)
    ground.brightness[lake | (np.abs(road) < 2.6)] = 1
    for width, material in ((5.2, "concrete"), (4.2, "asphalt"), (0.3, "concrete")):
        ground.paint(2 * np.abs(road) < width, **{material: 1})
    ground.paint(farm & (np.abs(track) < 0.8) & (shore > 3), soil=0.8, concrete=0.2)
    _trees(ground)
    ground.brightness *= np.exp(0.07 * relief + 0.05 * ground.fractal(0.5))
    blocks = (size, SUB, size, SUB)
    return ground.abundances.reshape(*blocks, -1).mean((1, 3)), ground.brightness.reshape(blocks).mean((1, 3))


def _farmland(ground: Ground, mask: Mask, relief: Array) -> None:
    """Fields of one crop each, with rows and tramlines, wet in the hollows; grass margins and tracks between them."""
    rng = ground.rng
    field = ground.divide(0.35, 12, 32)
    crop, straw = np.moveaxis(CROPS[(field.draw(rng) * len(CROPS)).astype(int)], -1, 0)
    across = np.where(field.draw(rng) < 0.5, field.u, field.v)
    growth = 1 + 0.12 * relief + field.draw(rng, 0.1, 0.45) * np.cos(2 * np.pi * across / field.draw(rng, 1.7, 4))
    growth *= across % 9 > 0.6
    crop = np.clip(crop * growth, 0, 1)
    straw = np.clip(straw * growth, 0, 1 - crop)
    bare = 1 - crop - straw
    wet = np.clip(0.2 - 0.3 * relief + field.draw(rng, -0.3, 0.3), 0, 0.9)
    ground.paint(mask, crop=crop, straw=straw, soil=bare * (1 - wet), mud=bare * wet)
    ground.brightness *= np.where(mask, field.draw(rng, 0.85, 1.15), 1)
    ground.paint(mask & (field.edge_v < 0.9), lawn=0.6, straw=0.4)
    ground.paint(mask & (field.edge_u < 0.6), soil=0.7, straw=0.3)


def _campus(ground: Ground, mask: Mask, relief: Array) -> None:
    """Lawns, streets and footpaths; in each block a car park, a sports ground, a park or buildings."""
    rng = ground.rng
    worn = np.clip(0.2 + 0.15 * relief, 0, 0.8)
    ground.paint(mask, lawn=1 - worn, straw=0.7 * worn, soil=0.3 * worn)
    block = ground.divide(-0.25, 15, 26)
    use = block.draw(rng)
    ground.paint(mask & (block.edge_v < 0.5), concrete=1)
    ground.paint(mask & (block.edge_u < 1.6), concrete=1)
    ground.paint(mask & (block.edge_u < 1.2), asphalt=1)
    inside = mask & (block.edge_u > 3) & (block.edge_v > 1.5)

    parking = inside & (use < 0.1)
    bay = ground.divide(-0.25, 1.4, 1.8)
    ground.paint(parking, asphalt=1)
    car = parking & (block.u % 4 < 1.8) & (np.abs(bay.v) < 0.5) & (bay.draw(rng) < 0.5)
    ground.paint_each(car, bay, ("white", "metal", "tile", "shade"))

    stadium = mask & (use > 0.1) & (use < 0.15)
    radius = np.hypot(block.u / (np.abs(block.u) + block.edge_u), block.v / (np.abs(block.v) + block.edge_v))
    ground.paint(stadium & (radius < 0.8), tile=1)
    ground.paint(stadium & (radius < 0.6), turf=1)

    house = ground.divide(-0.25, 10, 17)
    built = inside & (use > 0.15) & (use < 0.85) & (house.draw(rng) < 0.9)
    built &= (house.edge_u > house.draw(rng, 2.2, 3.8)) & (house.edge_v > house.draw(rng, 2.2, 3.8))
    built &= (house.u < 0) | (house.v < 0) | (house.draw(rng) > 0.4)  # the others are L-shaped
    ground.cast_shadow(built, 2.5)
    pitched = ground.paint_each(built, house, ROOFS) < 2
    air_conditioning = built & ~pitched & (house.u % 2.4 < 0.7) & (house.v % 3.1 < 0.8)
    ground.paint(air_conditioning, metal=0.5, shade=0.5)
    ground.brightness *= np.where(built, house.draw(rng, 0.75, 1.15) * (1 + 0.2 * pitched * np.sign(house.u)), 1)


def _trees(ground: Ground) -> None:
    """Crowns 2–4 pixels wide, with a bright side and a shadow, in woods and alone, wherever nothing is built."""
    wood = ground.fractal(1.4)
    alone = np.where(total_abundance(ground.abundances, "lawn") > 0.4, 0.02, 0.0007)
    open_ground = total_abundance(ground.abundances, *LEAVES, *SOILS[:3]) > 0.8
    density = np.where(wood > 1, 0.25, alone) * open_ground  # trees per pixel
    free = ground.rng.random(ground.x.shape) >= density / SUB**2
    distance, (i, j) = distance_transform_edt(free, return_indices=True)  # to the nearest tree, and its place
    radius = SUB * ground.rng.uniform(1, 2, ground.x.shape)[i, j]
    crown = distance < radius
    leaf = np.clip(0.85 + 0.2 * ground.fractal(0.3), 0.3, 1)
    ground.cast_shadow(crown, 1.5)
    ground.paint(crown, canopy=leaf, shade=1 - leaf)
    row, column = np.indices(crown.shape)
    ground.brightness *= np.where(crown, 1 + 0.2 * (row - i + column - j) / radius, 1)
