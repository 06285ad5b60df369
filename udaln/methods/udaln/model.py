"""The three networks of UDALN (Li et al. 2022) as one model."""

from __future__ import annotations

from torch import Tensor

from udaln.methods.base import SpectralMap
from udaln.methods.udaln.speunet import SPEUNETS
from udaln.physics.degradation import Degradation, SpaDnet, SpeDnet


class UdalnModel(SpectralMap):
    """SpaDnet and SpeDnet, which make up the degradation, and SpeUnet.

    Args:
        degradation: Of the pair of sensors.
        network: Which SpeUnet, by its name in `SPEUNETS`.

    Raises:
        InputError: If there is no such SpeUnet.
    """

    def __init__(self, degradation: Degradation, network: str) -> None:
        super().__init__(degradation)
        hsi_bands, msi_bands = degradation.support.shape
        self.speu = SPEUNETS.get(network)(msi_bands, hsi_bands)

    @property
    def spad(self) -> SpaDnet:
        """SpaDnet."""
        return self.degradation.spad

    @property
    def sped(self) -> SpeDnet:
        """SpeDnet."""
        return self.degradation.sped

    def forward(self, pixels: Tensor) -> Tensor:
        """MSI pixels (…, c) to spectra (…, C), in network units."""
        spectra: Tensor = self.speu(pixels)
        return spectra
