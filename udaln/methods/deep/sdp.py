"""SDP, a spectral diffusion prior (Liu, Wu, Peng, Chen, Chan and Wei, IEEE TGRS 62, 2024).

A network learns to tell the noise of noisy spectra. The image is then found by gradient descent: both sensors must see
in it what they recorded, and the network must recognise the noise that is added to its spectra.

The spectra to learn from are those of the LR-HSI. The authors' programs prefer spectra of the truth where a file has
them. The authors set the learning rate of the image for each data set, from 1e-3 to 8e-3; here it is always 3e-3. The
errors are means over all values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor, nn

from udaln.methods.base import Method, Model, StageRecord, Training
from udaln.methods.classical.limits import check_least, check_positive
from udaln.methods.deep.diffusion import Denoiser
from udaln.methods.deep.drawing import DrawingStage, check_drawing
from udaln.methods.deep.sdp_model import SpectralDiffusion
from udaln.methods.deep.warm_up import WarmUp, check_warm_up
from udaln.methods.training.fit import fit_stages
from udaln.methods.training.schedule import Schedules
from udaln.physics.blocks import Blocks
from udaln.physics.degradation import Degradation
from udaln.scene import Scene

KEPT = 0.999  # of the mean of the weights, at each step


@dataclass
class Settings:
    """The published settings.

    Attributes:
        layers: Hidden layers of the prior.
        hidden: Units of each.
        diffusion_steps: Of the prior, and of the image.
        batch: Spectra that a step of the training sees.
        turns: Steps of the image's optimizer for each step of the diffusion.
        lr: Of the image.
        hsi_weight: λ, how much the LR-HSI counts.
        prior_weight: γ, how much the prior counts.
    """

    name: str = "sdp"
    layers: int = 5
    hidden: int = 512
    diffusion_steps: int = 1000
    batch: int = 512
    turns: int = 3
    lr: float = 3e-3
    hsi_weight: float = 0.1
    prior_weight: float = 1e-3


@dataclass
class Stages(Schedules):
    """The one stage of SDP.

    Attributes:
        prior: Schedule of the training of the prior.
    """

    prior: WarmUp = field(default_factory=WarmUp)


class PriorStage(DrawingStage[SpectralDiffusion]):
    """The prior learns to tell noise of all sizes from the spectra of the LR-HSI."""

    name = "prior"
    gives_image = False
    batch: int

    def trained(self) -> list[nn.Module]:
        """The prior."""
        return [self.model.denoiser]

    def losses(self, blocks: Blocks) -> dict[str, Tensor]:
        """Mean square error of the noise told, of random spectra at random steps of the diffusion."""
        denoiser = self.model.denoiser
        self._average()
        count, device = len(denoiser.shares), blocks.lr.device
        chosen = torch.randint(len(blocks.lr), (self.batch,), generator=self.generator)
        step = torch.randint(count, (self.batch,), generator=self.generator)
        noise = torch.randn(self.batch, blocks.lr.shape[1], generator=self.generator)
        return {"noise": denoiser.error(blocks.lr[chosen.to(device)], noise.to(device), step.to(device))}

    @torch.no_grad()
    def _average(self) -> None:
        """Take the weights of the step before into the mean."""
        weights = self.model.denoiser.parameters()
        for mean, weight in zip(self.model.mean_denoiser.parameters(), weights, strict=True):
            mean.lerp_(weight, 1 - KEPT)


class Sdp(Method):
    """A diffusion model of spectra, and an image that agrees with it and with the pair."""

    name: ClassVar[str] = "sdp"
    Settings = Settings
    Stages = Stages

    def check(self, devices: int = 1) -> None:
        """Refuse settings that cannot be carried out."""
        check_least(self.settings, layers=1, hidden=1, diffusion_steps=2, batch=1, turns=1)
        check_least(self.settings, hsi_weight=0, prior_weight=0)
        check_positive(self.settings, "lr")
        check_drawing("stages.prior", self.stages.prior, self.name, devices)
        check_warm_up("stages.prior", self.stages.prior)

    def model(self, degradation: Degradation) -> SpectralDiffusion:
        """A prior that is not trained yet."""
        s, bands = self.settings, degradation.support.shape[0]
        denoiser = Denoiser(bands, s.layers, s.hidden, s.diffusion_steps)
        return SpectralDiffusion(
            degradation, denoiser, lr=s.lr, turns=s.turns, hsi_weight=s.hsi_weight, prior_weight=s.prior_weight
        )

    def fit(self, model: Model, scene: Scene, training: Training) -> Sequence[StageRecord]:
        """Train the prior."""
        assert isinstance(model, SpectralDiffusion)
        stage = PriorStage(model, self.stages.prior, training.every, training.seed)
        stage.batch = self.settings.batch
        return fit_stages(model, [stage], scene, training)
