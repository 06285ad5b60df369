"""STEREO (Kanatsoulis, Fu, Sidiropoulos and Ma, IEEE TSP 66(24), 2018): coupled canonical polyadic decomposition.

The image is a sum of outer products of columns, rows and spectra, X = [[A, B, C]]. The factors minimise, by turns,

    ‖Y − [[P·A, Q·B, C]]‖² + λ ‖Z − [[A, B, SRFᵀ·C]]‖²,

where P and Q blur and sample along the columns and along the rows. Each turn is a Sylvester equation. The first columns
and rows are those of the decomposition of the HR-MSI alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from udaln.methods.base import Method, Model, StageRecord, Training
from udaln.methods.classical.limits import check_least, check_positive
from udaln.methods.classical.matrix_equations import solved, sylvester
from udaln.methods.classical.observed import Observed
from udaln.methods.classical.polyadic import Factors, balanced, cube_of, decomposition, gram, projected
from udaln.methods.classical.progress import Progress, steps, unseen
from udaln.methods.classical.separable import degradation_matrices
from udaln.methods.classical.solver import Solver
from udaln.physics.degradation import Degradation
from udaln.scene import Scene

LR_PIXELS_PER_TERM = 2  # with fewer, the LR-HSI does not determine the spectra


@dataclass
class Settings:
    """The published settings.

    Attributes:
        rank: Number of outer products; at most one for every two LR pixels.
        msi_weight: λ, how much the HR-MSI counts.
        first_iterations: Of the decomposition of the HR-MSI alone.
        iterations: Of the coupled decomposition.
    """

    name: str = "stereo"
    rank: int = 100
    msi_weight: float = 1.0
    first_iterations: int = 50
    iterations: int = 10


class PolyadicDecomposition(Solver):
    """Decomposes each scene by itself: columns and rows of one are not those of another, nor of a window of it.

    Args:
        degradation: Of the pair.
        settings: Of the method.

    Attributes:
        seed: Of the first factors.
    """

    local: ClassVar[bool] = False
    seed: Tensor

    def __init__(self, degradation: Degradation, settings: Settings) -> None:
        super().__init__(degradation)
        self.settings = settings
        self.register_buffer("seed", torch.zeros((), dtype=torch.int64))

    @property
    def margin(self) -> int:
        """LR pixels that a window has more than is wanted of it: few would not determine the factors."""
        return 8

    def solve(self, pair: Observed, progress: Progress) -> Tensor:
        """Decompose a pair."""
        return cube_of(coupled_decomposition(pair, self.settings, int(self.seed.item()), progress))


class Stereo(Method):
    """Both images as sums of outer products with common factors."""

    name: ClassVar[str] = "stereo"
    Settings = Settings

    def check(self, devices: int = 1) -> None:
        """Refuse numbers that are too small."""
        check_least(self.settings, rank=1, first_iterations=1, iterations=0)
        check_positive(self.settings, "msi_weight")

    def model(self, degradation: Degradation) -> PolyadicDecomposition:
        """A decomposition without a seed."""
        return PolyadicDecomposition(degradation, self.settings)

    def fit(self, model: Model, scene: Scene, training: Training) -> Sequence[StageRecord]:
        """Set the seed: there is nothing that one scene has in common with its windows."""
        assert isinstance(model, PolyadicDecomposition)
        model.seed.fill_(training.seed)
        return []


def coupled_decomposition(pair: Observed, settings: Settings, seed: int, progress: Progress = unseen) -> Factors:
    """The factors A, H×F, B, W×F, and C, C×F, of the image of a pair."""
    y, z, srf, weight = pair.lr_hsi, pair.hr_msi, pair.srf, settings.msi_weight
    rank = min(settings.rank, max(1, y.shape[0] * y.shape[1] // LR_PIXELS_PER_TERM))
    generator = torch.Generator().manual_seed(seed)
    a, b, _ = decomposition(z, rank, settings.first_iterations, generator)
    p, q = degradation_matrices(pair)
    c = solved(gram(p @ a, q @ b), projected(y, (p @ a, q @ b, srf), 2))
    for _ in steps(settings.iterations, progress):
        lr, hr = (p @ a, q @ b, c), (a, b, srf.T @ c)
        constants = p.T @ projected(y, lr, 0) + weight * projected(z, hr, 0)
        a = sylvester(p.T @ p, gram(lr[1], c), weight * gram(b, hr[2]), constants)
        lr, hr = (p @ a, lr[1], c), (a, b, hr[2])
        constants = q.T @ projected(y, lr, 1) + weight * projected(z, hr, 1)
        b = sylvester(q.T @ q, gram(lr[0], c), weight * gram(a, hr[2]), constants)
        lr, hr = (lr[0], q @ b, c), (a, b, hr[2])
        constants = projected(y, lr, 2) + weight * srf @ projected(z, hr, 2)
        c = sylvester(weight * srf @ srf.T, gram(a, b), gram(lr[0], lr[1]), constants)
        a, b, c = balanced((a, b, c))
    return a, b, c


def misfit(pair: Observed, factors: Factors, settings: Settings) -> Tensor:
    """What the factors minimise."""
    a, b, c = factors
    p, q = degradation_matrices(pair)
    lr_misfit = (pair.lr_hsi - cube_of((p @ a, q @ b, c))).square().sum()
    return lr_misfit + settings.msi_weight * (pair.hr_msi - cube_of((a, b, pair.srf.T @ c))).square().sum()
