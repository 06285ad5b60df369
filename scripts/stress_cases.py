"""The battery's design: which pairs it simulates.

Around one base case, three planes vary two or three factors each and keep the others: blur × size × shift,
sensor × scale factor, sensor × noise. A random sample varies all factors at once, and a few faults are put into the
base case. Every scene has all of them but the random sample, which draws the scene, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from itertools import product

import numpy as np
from stress_blurs import KERNELS

SCENES = ("muufl_gulfport", "jasper_ridge", "pavia_center", "samson", "synthetic")
SIZES = (0.35, 0.85, 1.2)  # of a blur, in units of the scale factor
SENSORS = ("pan", "rgb", "4", "8", "10")
SCALES = (2, 3, 4, 5, 8, 10, 16)
NOISES = ("none", "40/45", "35/40", "30/35", "25/30")  # signal-to-noise ratio of LR-HSI/HR-MSI [dB]
FAULTS = (
    "wrong_psf",  # given as known: a Gaussian of half the width of an LR pixel
    "shift_ignored",  # the LR-HSI is shifted, and instruments="alike" excludes that
    "bands_swapped",  # the first and the last MSI band; their SRF is given as known
    "changed_third",  # a third of the HR-MSI shows another part of the scene
    "unrelated",  # the HR-MSI shows another scene
)
NARROWEST_SINC = 1.7  # size [HR pixels]
RANDOM = 150  # cases of the random sample


@dataclass(frozen=True)
class Case:
    """One pair.

    Attributes:
        scene: One of `SCENES`.
        blur: One of `KERNELS`.
        size: Size of the blur, in units of the scale factor.
        shifted: Whether the LR-HSI is shifted by a fraction of an HR pixel.
        sensor: Of the HR-MSI, one of `SENSORS`.
        scale: Scale factor r.
        noise: One of `NOISES`.
        fault: One of `FAULTS`, or ``none``.
    """

    scene: str
    blur: str = "gaussian"
    size: float = 0.35
    shifted: bool = False
    sensor: str = "8"
    scale: int = 5
    noise: str = "40/45"
    fault: str = "none"

    @property
    def name(self) -> str:
        """All factors in words; different cases have different names."""
        moved = " shifted" if self.shifted else ""
        bands = f"{self.sensor} bands" if self.sensor.isdigit() else self.sensor
        fault = "" if self.fault == "none" else f" {self.fault}"
        return f"{self.scene} {self.blur} {self.size:g}r{moved} {bands} x{self.scale} {self.noise}{fault}"


BASE = Case("")
FACTORS = tuple(field.name for field in fields(Case))


def battery(scenes: Sequence[str] = SCENES, seed: int = 0) -> list[Case]:
    """All cases of the battery, each once, in a random order: the first of them are a sample of all.

    Args:
        scenes: The scenes.
        seed: Of the random sample and of the order.
    """
    rng = np.random.default_rng(seed)
    cases = [case for scene in scenes for case in planes(replace(BASE, scene=scene))]
    cases += random_sample(scenes, RANDOM, rng)
    distinct = list(dict.fromkeys(_plain(case) for case in cases if not _degenerate(case)))
    return [distinct[i] for i in rng.permutation(len(distinct))]


def planes(base: Case) -> Iterable[Case]:
    """The base case of a scene, the planes through it, and its faults."""
    yield base
    for blur, size, shifted in product(KERNELS, SIZES, (False, True)):
        yield replace(base, blur=blur, size=size, shifted=shifted)
    for sensor, scale in product(SENSORS, SCALES):
        yield replace(base, sensor=sensor, scale=scale)
    for sensor, noise in product(SENSORS, NOISES):
        yield replace(base, sensor=sensor, noise=noise)
    for fault in FAULTS:
        yield replace(base, fault=fault, shifted=fault == "shift_ignored")


def random_sample(scenes: Sequence[str], count: int, rng: np.random.Generator) -> list[Case]:
    """Cases in which every level of every factor is equally frequent (a Latin hypercube), combined at random."""
    levels = (scenes, tuple(KERNELS), SIZES, (False, True), SENSORS, SCALES, NOISES)
    columns = [[column[i % len(column)] for i in rng.permutation(count)] for column in levels]
    return [Case(*values) for values in zip(*columns, strict=True)]


def _degenerate(case: Case) -> bool:
    """Whether a blur is none: a sinc that is sampled near its zeros only enhances contrasts."""
    return case.blur == "sinc" and case.size * case.scale < NARROWEST_SINC


def _plain(case: Case) -> Case:
    """Nothing but the average over LR pixels has no size."""
    return replace(case, size=SIZES[0]) if case.blur == "delta" else case
