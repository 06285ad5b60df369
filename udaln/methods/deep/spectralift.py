"""SpectraLift (Shah and Duarte, arXiv 2507.13339, 2025): a network inverts the SRF, pixel by pixel.

The SRF makes an LR-MSI of the LR-HSI. The network learns to map it back, and is then applied to the HR-MSI. The size of
the network, its skips and the number of steps are published. The learning rates were not at hand: they are those that
the same authors published for SpectraMorph.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from udaln.methods.base import Method, Model, StageRecord, Training
from udaln.methods.classical.limits import check_least
from udaln.methods.deep.lifting import Lift, LiftStage, LiftStages
from udaln.methods.deep.warm_up import check_warm_up
from udaln.methods.training.fit import fit_stages
from udaln.physics.degradation import Degradation
from udaln.scene import Scene

SLOPE = 0.2  # of LeakyReLU, as in UDALN; the published one was not at hand


@dataclass
class Settings:
    """The published settings.

    Attributes:
        layers: Hidden layers.
        hidden: Units of each.
    """

    name: str = "spectralift"
    layers: int = 6
    hidden: int = 64


class InversionNetwork(nn.Module):
    """Hidden layers of one width, each but the first with a skip, and a linear last one."""

    def __init__(self, msi_bands: int, bands: int, layers: int, hidden: int) -> None:
        super().__init__()
        self.first = nn.Linear(msi_bands, hidden)
        self.hidden = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(layers - 1))
        self.last = nn.Linear(hidden, bands)

    def forward(self, pixels: Tensor) -> Tensor:
        """MSI pixels (N, c) to spectra (N, C)."""
        signal = nn.functional.leaky_relu(self.first(pixels), SLOPE)
        for layer in self.hidden:
            signal = signal + nn.functional.leaky_relu(layer(signal), SLOPE)
        spectra: Tensor = self.last(signal)
        return spectra


class SpectralInversion(Lift):
    """The network gives the spectra themselves."""

    def __init__(self, degradation: Degradation, settings: Settings) -> None:
        super().__init__(degradation)
        bands, msi_bands = degradation.support.shape
        self.network = InversionNetwork(msi_bands, bands, settings.layers, settings.hidden)

    def forward(self, pixels: Tensor) -> Tensor:
        """MSI pixels (N, c) to spectra (N, C)."""
        spectra: Tensor = self.network(pixels.float()).float()
        return spectra


class SpectraLift(Method):
    """A network that inverts the SRF; it needs no PSF."""

    name: ClassVar[str] = "spectralift"
    Settings = Settings
    Stages = LiftStages

    def check(self, devices: int = 1) -> None:
        """Refuse settings that cannot be carried out."""
        check_least(self.settings, layers=1, hidden=1)
        check_warm_up("stages.spectral", self.stages.spectral, devices)

    def model(self, degradation: Degradation) -> SpectralInversion:
        """A network that is not trained yet."""
        return SpectralInversion(degradation, self.settings)

    def fit(self, model: Model, scene: Scene, training: Training) -> Sequence[StageRecord]:
        """Train the network."""
        assert isinstance(model, SpectralInversion)
        stage = LiftStage(model, self.stages.spectral, training.every, training.seed)
        return fit_stages(model, [stage], scene, training)
