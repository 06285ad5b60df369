"""CSTF, coupled sparse tensor factorisation (Li, Dian, Fang and Bioucas-Dias, IEEE TIP 27(8), 2018).

The image is X = G ×₁ W ×₂ H ×₃ S: a sparse core and dictionaries of columns, rows and spectra. They minimise

    ‖Y − G ×₁ P·W ×₂ Q·H ×₃ S‖² + ‖Z − G ×₁ W ×₂ H ×₃ SRFᵀ·S‖² + λ |G|₁

by proximal alternating minimisation; P and Q blur and sample along the columns and along the rows. The dictionaries
are solved for in closed form, where the authors use conjugate gradients. They learn the first columns and rows by
K-SVD; here these are the principal ones, which are a complete basis of a scene of up to 260 pixels a side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from udaln.methods.base import Method, Model, StageRecord, Training
from udaln.methods.classical.limits import check_least, check_positive
from udaln.methods.classical.matrix_equations import sylvester
from udaln.methods.classical.observed import Observed
from udaln.methods.classical.progress import Progress, steps, unseen
from udaln.methods.classical.separable import degradation_matrices
from udaln.methods.classical.solver import Solver
from udaln.methods.classical.sparse_core import View, sparse_core
from udaln.methods.classical.subspace import principal_directions
from udaln.methods.classical.tucker import Dictionaries, unfolded
from udaln.methods.classical.vca import vertex_component_analysis
from udaln.physics.degradation import Degradation
from udaln.scene import Scene


@dataclass
class Settings:
    """The published settings.

    Attributes:
        atoms: Columns and rows in their dictionaries; never more than the HR-MSI has pixels along that side.
        spectra: Atoms in the dictionary of spectra; never more than the LR-HSI has bands.
        sparsity: λ.
        proximity: Weight of the change of core and dictionaries in an iteration.
        penalty: Of the solver of the core.
        iterations: In each, the core and the dictionaries are solved for by turns.
        core_iterations: Of the solver of the core.
    """

    name: str = "cstf"
    atoms: int = 260
    spectra: int = 15
    sparsity: float = 1e-5
    proximity: float = 1e-3
    penalty: float = 1e-3
    iterations: int = 15
    core_iterations: int = 10


class TuckerDecomposition(Solver):
    """The first dictionary of spectra; the rest is found for each scene. A window has other columns and rows.

    Args:
        degradation: Of the pair.
        settings: Of the method.

    Attributes:
        spectra: C×s float64.
    """

    local: ClassVar[bool] = False
    spectra: Tensor

    def __init__(self, degradation: Degradation, settings: Settings) -> None:
        super().__init__(degradation)
        self.settings = settings
        bands = degradation.support.shape[0]
        self.register_buffer("spectra", torch.ones(bands, min(settings.spectra, bands), dtype=torch.float64))

    @property
    def margin(self) -> int:
        """LR pixels that a window has more than is wanted of it."""
        return 2

    def solve(self, pair: Observed, progress: Progress) -> Tensor:
        """Decompose a pair."""
        core, dictionaries = coupled_factorisation(pair, self.spectra, self.settings, progress)
        return dictionaries.cube(core)


class Cstf(Method):
    """Both images by one sparse core and dictionaries along their sides."""

    name: ClassVar[str] = "cstf"
    Settings = Settings

    def check(self, devices: int = 1) -> None:
        """Refuse numbers that are too small."""
        check_least(self.settings, atoms=1, spectra=1, iterations=1, core_iterations=1, sparsity=0)
        check_positive(self.settings, "proximity", "penalty")

    def model(self, degradation: Degradation) -> TuckerDecomposition:
        """Spectra that are not known yet."""
        return TuckerDecomposition(degradation, self.settings)

    @torch.no_grad()
    def fit(self, model: Model, scene: Scene, training: Training) -> Sequence[StageRecord]:
        """Find the first dictionary of spectra."""
        assert isinstance(model, TuckerDecomposition)
        pixels = Observed.of(scene, model.degradation).lr_hsi.flatten(0, 1)
        generator = torch.Generator().manual_seed(training.seed)
        model.spectra.copy_(vertex_component_analysis(pixels, model.spectra.shape[1], generator))
        return []


def coupled_factorisation(
    pair: Observed, spectra: Tensor, settings: Settings, progress: Progress = unseen
) -> tuple[Tensor, Dictionaries]:
    """The core and the dictionaries of the image of a pair.

    Args:
        pair: The pair.
        spectra: The first dictionary of spectra, C×s.
        settings: Of the method.
        progress: Is called with the share of the work that is done.
    """
    columns, rows = (
        principal_directions(samples, min(settings.atoms, samples.shape[1]))
        for samples in (unfolded(pair.hr_msi, side).T for side in (0, 1))
    )
    dictionaries, operators = Dictionaries(columns, rows, spectra), degradation_matrices(pair)
    core = spectra.new_zeros([dictionary.shape[1] for dictionary in dictionaries])
    for _ in steps(settings.iterations, progress):
        core = sparse_core(
            _views(pair, dictionaries, operators),
            core,
            sparsity=settings.sparsity,
            proximity=settings.proximity,
            penalty=settings.penalty,
            iterations=settings.core_iterations,
        )
        for side in range(3):
            dictionaries = _with_new(side, pair, core, dictionaries, operators, settings.proximity)
    return core, dictionaries


def objective(pair: Observed, core: Tensor, dictionaries: Dictionaries, settings: Settings) -> Tensor:
    """What core and dictionaries minimise."""
    views = _views(pair, dictionaries, degradation_matrices(pair))
    return views[0].misfit(core) + views[1].misfit(core) + settings.sparsity * core.abs().sum()


def _views(pair: Observed, dictionaries: Dictionaries, operators: tuple[Tensor, Tensor]) -> tuple[View, View]:
    """The LR-HSI and the HR-MSI, as the image by these dictionaries looks to either sensor."""
    columns, rows, spectra = dictionaries
    lr = Dictionaries(operators[0] @ columns, operators[1] @ rows, spectra)
    return View(pair.lr_hsi, lr), View(pair.hr_msi, Dictionaries(columns, rows, pair.srf.T @ spectra))


def _with_new(
    side: int,
    pair: Observed,
    core: Tensor,
    dictionaries: Dictionaries,
    operators: tuple[Tensor, Tensor],
    proximity: float,
) -> Dictionaries:
    """The dictionaries, of which the one along a side is solved for, all else being fixed."""
    lr, hr = _views(pair, dictionaries, operators)
    degrading, coupled, plain = (operators[side], lr, hr) if side < 2 else (pair.srf.T, hr, lr)
    constants, matrices = proximity * dictionaries[side], []
    for view, operator in ((coupled, degrading), (plain, None)):
        atoms = view.dictionaries.unfolded_without(core, side)
        target = unfolded(view.cube, side) @ atoms.T
        constants = constants + (target if operator is None else operator.T @ target)
        matrices.append(atoms @ atoms.T)
    matrices[1] = matrices[1] + proximity * torch.eye(len(matrices[1])).to(core)
    found = sylvester(degrading.T @ degrading, matrices[0], matrices[1], constants)
    return Dictionaries(*(found if other == side else dictionaries[other] for other in range(3)))
