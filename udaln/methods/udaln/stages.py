"""The three training stages of UDALN (Li et al. 2022, section II)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from udaln.estimation.sensors import estimate_sensors
from udaln.methods.training.schedule import Init
from udaln.methods.training.stage import Stage
from udaln.methods.udaln.consistency import consistency_losses
from udaln.methods.udaln.model import UdalnModel
from udaln.parts import Registry
from udaln.physics.blocks import Blocks


class DegradationStage(Stage[UdalnModel]):
    """Stage 1 trains SpaDnet and SpeDnet: both ways to the LR-MSI must agree."""

    name = "degradation"
    inits = (Init.none, Init.convex, Init.gaussian)
    chooses_loss = True
    gives_image = False

    def trained(self) -> list[nn.Module]:
        """SpaDnet and SpeDnet."""
        return [self.model.spad, self.model.sped]

    @torch.no_grad()
    def start(self, blocks: Blocks) -> None:
        """``convex`` or ``gaussian``: solve for all of the two sensors that is not known."""
        assert self.schedule.init in (Init.convex, Init.gaussian)
        estimate_sensors(self.model.degradation, blocks, gaussian=self.schedule.init is Init.gaussian)

    def losses(self, blocks: Blocks) -> dict[str, Tensor]:
        """|SpeDnet(Y) − SpaDnet(Z)|."""
        by_sped, by_spad = self.model.sped(blocks.lr), self.model.spad(blocks.windows)
        return {"lr_msi": self.error(by_sped, by_spad, blocks.msi_weight)}


class SpectralStage(Stage[UdalnModel]):
    """Stage 2 trains SpeUnet to map the LR-MSI, as the frozen SpaDnet gives it, to the LR-HSI."""

    name = "spectral"
    inits = (Init.none, Init.regression)
    chooses_loss = True
    _lr_msi: tuple[Blocks, Tensor] | None = None

    def trained(self) -> list[nn.Module]:
        """SpeUnet."""
        return [self.model.speu]

    @torch.no_grad()
    def start(self, blocks: Blocks) -> None:
        """``regression``: the affine regression of the LR-HSI on SpaDnet(Z)."""
        assert self.schedule.init is Init.regression
        self.model.speu.start_at_regression(*blocks.spectral_pairs(self.model.spad.psf))

    def losses(self, blocks: Blocks) -> dict[str, Tensor]:
        """|SpeUnet(SpaDnet(Z)) − Y|."""
        return {"lr_hsi": self.error(self.model.speu(self._frozen_lr_msi(blocks)), blocks.lr, blocks.lr_weight)}

    def _frozen_lr_msi(self, blocks: Blocks) -> Tensor:
        """SpaDnet(Z): the same at every step, so computed once."""
        if self._lr_msi is None or self._lr_msi[0] is not blocks:
            with torch.no_grad():
                self._lr_msi = blocks, self.model.spad(blocks.windows)
        return self._lr_msi[1]


class JointStage(Stage[UdalnModel]):
    """Stage 3 trains all three networks: the losses of stages 1 and 2, and X̂ degraded both ways."""

    name = "joint"
    chooses_loss = True

    def trained(self) -> list[nn.Module]:
        """SpaDnet, SpeDnet and SpeUnet."""
        return [self.model.spad, self.model.sped, self.model.speu]

    @property
    def block_pixels(self) -> int:
        """SpeUnet maps an LR pixel, as in stage 2, and all HR pixels of its window."""
        return 1 + self.model.degradation.kernel_size**2

    def losses(self, blocks: Blocks) -> dict[str, Tensor]:
        """Those of stages 1 and 2, |SpeDnet(X̂) − Z| and |SpaDnet(X̂) − Y|, with X̂ = SpeUnet(Z)."""
        lr_msi = self.model.spad(blocks.windows)
        hr_msi, fused_lr_hsi = consistency_losses(self.model, blocks, self.error)
        return {
            "lr_msi": self.error(self.model.sped(blocks.lr), lr_msi, blocks.msi_weight),
            "lr_hsi": self.error(self.model.speu(lr_msi), blocks.lr, blocks.lr_weight),
            "hr_msi": hr_msi,
            "fused_lr_hsi": fused_lr_hsi,
        }


STAGES: tuple[type[Stage[UdalnModel]], ...] = (DegradationStage, SpectralStage, JointStage)

OWN_STAGES: Registry[type[Stage[UdalnModel]]] = Registry("stages", "stages.own")  # after the paper's three
