"""Generalised Laplacian pyramid with a filter of the sensor's MTF: what its additive and multiplicative forms share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from udaln.methods.base import Method, Model, StageRecord, Training
from udaln.methods.classical.injection import DetailInjection, Pan
from udaln.methods.classical.low_pass import Filter, check_gain, low_pass_filter
from udaln.physics.degradation import Degradation
from udaln.scene import Scene


@dataclass
class PyramidSettings:
    """What ``method`` holds.

    Attributes:
        name: Of the method.
        pan: The pan image of each band: synthesized from all MSI bands, which the paper on hypersharpening found best,
            or the selected MSI band, as in classic pan-sharpening.
        filter: A Gaussian with the gain of the sensor's MTF at Nyquist's frequency, as published, or the PSF itself.
        nyquist_gain: The gain of the Gaussian; None for that of the estimated or known PSF. In the tables of the field
            it is about 0.3.
    """

    name: str = ""
    pan: Pan = Pan.synthesized
    filter: Filter = Filter.gaussian
    nyquist_gain: float | None = None


class Pyramid(DetailInjection):
    """Detail is what a pan image has beyond its version that is low-passed, decimated and interpolated."""

    def __init__(self, degradation: Degradation, settings: PyramidSettings) -> None:
        super().__init__(degradation)
        self.settings = settings

    @property
    def kernel(self) -> Tensor:
        """The filter of the settings."""
        return low_pass_filter(self.degradation, self.settings.filter, self.settings.nyquist_gain)


class PyramidMethod(Method):
    """A method whose model is a pyramid.

    Attributes:
        Kind: The class of the model.
    """

    Kind: ClassVar[type[Pyramid]]
    Settings: ClassVar[Any] = PyramidSettings
    settings: PyramidSettings

    def check(self, devices: int = 1) -> None:
        """Refuse a gain that no filter has."""
        check_gain(self.settings.nyquist_gain)

    def model(self, degradation: Degradation) -> Pyramid:
        """Pan images and a filter."""
        return self.Kind(degradation, self.settings)

    def fit(self, model: Model, scene: Scene, training: Training) -> Sequence[StageRecord]:
        """Fit the pan images."""
        assert isinstance(model, Pyramid)
        model.regress(scene, self.settings.pan)
        return []
