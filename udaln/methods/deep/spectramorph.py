"""SpectraMorph (Shah and Duarte, arXiv 2510.20814, 2025): a network unmixes MSI pixels, the endmembers are fixed.

Nonnegative matrix factorisation finds the endmembers of the LR-HSI. The network maps an MSI pixel to their abundances,
which may be negative and have any sum, as in the authors' program. Their prior by an LR-HSI of even lower resolution is
off by default there, and is left out here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from udaln.methods.base import Method, Model, StageRecord, Training
from udaln.methods.classical.limits import check_least
from udaln.methods.classical.nmf import nonnegative_abundances, updated_abundances, updated_endmembers
from udaln.methods.classical.vca import vertex_component_analysis
from udaln.methods.deep.lifting import Lift, LiftStage, LiftStages
from udaln.methods.deep.warm_up import check_warm_up
from udaln.methods.training.fit import fit_stages
from udaln.physics.blocks import blocks_of
from udaln.physics.degradation import Degradation
from udaln.scene import Scene

POSITIVE = 1e-9  # multiplicative updates leave zeros as they are


@dataclass
class Settings:
    """The published settings.

    The authors find the endmembers by coordinate descent. The multiplicative updates here approach the same factors.

    Attributes:
        endmembers: Their number; never more than the LR-HSI has bands.
        updates: Of the endmembers and the abundances of the LR-HSI.
        hidden: Units of the network's hidden layer.
    """

    name: str = "spectramorph"
    endmembers: int = 7
    updates: int = 1000
    hidden: int = 1024


class Unmixing(Lift):
    """The network gives abundances.

    Args:
        degradation: Of the pair.
        settings: Of the method.

    Attributes:
        endmembers: p×C float32, in network units.
    """

    endmembers: Tensor

    def __init__(self, degradation: Degradation, settings: Settings) -> None:
        super().__init__(degradation)
        bands, msi_bands = degradation.support.shape
        count = min(settings.endmembers, bands)
        self.register_buffer("endmembers", torch.ones(count, bands))
        self.network = nn.Sequential(
            nn.Linear(msi_bands, settings.hidden), nn.ReLU(), nn.Linear(settings.hidden, count)
        )

    def forward(self, pixels: Tensor) -> Tensor:
        """MSI pixels (N, c) to spectra (N, C)."""
        abundances = self.network(pixels.float()).float()
        with torch.autocast(pixels.device.type, enabled=False):  # endmembers stay in full precision
            spectra: Tensor = abundances @ self.endmembers
        return spectra


class SpectraMorph(Method):
    """Endmembers of the LR-HSI, and a network that finds their abundances; it needs no PSF."""

    name: ClassVar[str] = "spectramorph"
    Settings = Settings
    Stages = LiftStages

    def check(self, devices: int = 1) -> None:
        """Refuse settings that cannot be carried out."""
        check_least(self.settings, endmembers=1, updates=1, hidden=1)
        check_warm_up("stages.spectral", self.stages.spectral, devices)

    def model(self, degradation: Degradation) -> Unmixing:
        """Endmembers and a network that are not known yet."""
        return Unmixing(degradation, self.settings)

    def fit(self, model: Model, scene: Scene, training: Training) -> Sequence[StageRecord]:
        """Find the endmembers and train the network."""
        assert isinstance(model, Unmixing)
        spectra = blocks_of(scene, model.degradation.kernel_size, torch.float64).lr
        generator = torch.Generator().manual_seed(training.seed)
        model.endmembers.copy_(endmembers_of(spectra, len(model.endmembers), self.settings.updates, generator))
        stage = LiftStage(model, self.stages.spectral, training.every, training.seed)
        return fit_stages(model, [stage], scene, training)


def endmembers_of(spectra: Tensor, count: int, updates: int, generator: torch.Generator) -> Tensor:
    """The endmembers of some spectra by nonnegative matrix factorisation, from pure pixels on.

    Args:
        spectra: N×C float64.
        count: Endmembers wanted, at most C.
        updates: Of both factors.
        generator: Draws the directions in which pure pixels are looked for.

    Returns:
        count×C.
    """
    v = spectra.T.clamp(min=0)
    w = vertex_component_analysis(v.T, count, generator).clamp(min=POSITIVE)
    h = nonnegative_abundances(v, w).clamp(min=POSITIVE)
    for _ in range(updates):
        h = updated_abundances(v, w, h)
        w = updated_endmembers(v, w, h)
    return w.T
