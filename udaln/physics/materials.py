"""Materials of the built-in scene: reflectance spectra, and the absorptions that vary from place to place."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

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
LEAVES, SOILS, ALL = ("canopy", "crop", "lawn"), ("straw", "soil", "mud", "tile"), tuple(MATERIALS)
ABSORBERS = (  # materials, standard deviation of the optical depth, absorption bands (centre, standard deviation) [nm]
    # carotenoids, anthocyanins, chlorophylls a, b and a, leaf structure, leaf water
    (LEAVES, 0.12, ((480, 18), (545, 18), (618, 14), (645, 12), (678, 12), (830, 50), (970, 25))),
    # iron oxides: goethite, haematite, then the two bands of Fe(III)
    (SOILS, 0.12, ((485, 20), (535, 20), (660, 25), (870, 45))),
    # residues of an atmospheric correction: haze, oxygen B, water vapour, oxygen A, water vapour twice
    (ALL, 0.06, ((400, 25), (687, 6), (728, 9), (762, 7), (823, 10), (940, 18))),
)


def index_of(name: str) -> int:
    """Position of a material in the last axis of an abundance array."""
    return ALL.index(name)


def total_abundance(abundances: Array, *names: str) -> Array:
    """Sum of the abundances, H×W×materials, of some materials: H×W."""
    return np.asarray(abundances[..., [index_of(name) for name in names]].sum(-1))
