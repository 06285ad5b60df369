"""ZSL, zero-shot learning of the fusion (Dian, Guo and Li, IEEE TPAMI 45(10), 2023).

The image is X = A·Eᵀ with few principal spectra E of the LR-HSI. A network of 3×3 convolutions corrects interpolated
coefficients by the HR-MSI. It learns one scale below, where the answer is known: the pair is degraded once more by its
own PSF, and the network brings the LR-HSI back. Here, that PSF is the estimated one unless it is given; the authors'
programs hold the true one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from udaln.errors import InputError
from udaln.methods.base import Method, Model, StageRecord, Training
from udaln.methods.classical.limits import check_least
from udaln.methods.classical.subspace import principal_directions
from udaln.methods.deep.drawing import check_drawing
from udaln.methods.deep.warm_up import WarmUp, check_warm_up
from udaln.methods.deep.zsl_network import ZeroShot
from udaln.methods.deep.zsl_stage import ReducedStage, known_image
from udaln.methods.training.fit import fit_stages
from udaln.methods.training.schedule import Schedules
from udaln.physics.degradation import Degradation
from udaln.physics.observation import usable_lr_pixels
from udaln.scene import Scene


@dataclass
class Settings:
    """The published settings.

    Attributes:
        dimensions: Of the subspace; never more than the LR-HSI has bands.
        channels: Of each layer but the last.
        patch: Side of a training patch [LR pixels]; never more than the LR-HSI has.
        batch: Patches that a step sees; never more than there are different ones.
    """

    name: str = "zsl"
    dimensions: int = 10
    channels: int = 128
    patch: int = 32
    batch: int = 64


@dataclass
class Stages(Schedules):
    """The one stage of ZSL.

    Attributes:
        reduced: Schedule of the training at reduced resolution.
    """

    reduced: WarmUp = field(default_factory=WarmUp)


class Zsl(Method):
    """A convolutional network that learns from the pair, degraded once more."""

    name: ClassVar[str] = "zsl"
    Settings = Settings
    Stages = Stages

    def check(self, devices: int = 1) -> None:
        """Refuse settings that cannot be carried out."""
        check_least(self.settings, dimensions=1, channels=1, patch=2, batch=1)
        check_drawing("stages.reduced", self.stages.reduced, self.name, devices)
        check_warm_up("stages.reduced", self.stages.reduced)

    def model(self, degradation: Degradation) -> ZeroShot:
        """A network that is not trained yet."""
        return ZeroShot(degradation, self.settings.dimensions, self.settings.channels)

    def fit(self, model: Model, scene: Scene, training: Training) -> Sequence[StageRecord]:
        """Find the subspace and train the network.

        Raises:
            InputError: If the LR-HSI or the patches are too small to be degraded.
        """
        assert isinstance(model, ZeroShot)
        side = self._patch_side(scene)
        usable = usable_lr_pixels(scene, model.degradation.psf)
        spectra = scene.lr_hsi.flatten(0, 1)[usable].double() / model.degradation.unit
        model.subspace.copy_(principal_directions(spectra, model.subspace.shape[1]))
        stage = ReducedStage(model, self.stages.reduced, training.every, training.seed)
        stage.learn_from(known_image(scene, model.degradation, usable), side, self.settings.batch)
        return fit_stages(model, [stage], scene, training)

    def _patch_side(self, scene: Scene) -> int:
        """Side of a patch that can be degraded: a multiple of the scale factor."""
        r, sides = scene.scale, scene.lr_hsi.shape[:2]
        if min(sides) < r:
            raise InputError(
                f"LR-HSI: expected at least {r} pixels along each side for method=zsl, which degrades it once more, "
                f"got {sides[0]}×{sides[1]}"
            )
        if self.settings.patch < r:
            raise InputError(f"method.patch: expected at least the scale factor {r}, got {self.settings.patch}")
        return int(min(self.settings.patch, *sides) // r * r)
