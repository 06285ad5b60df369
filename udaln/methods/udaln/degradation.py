"""Stage 1: how the scene was degraded."""

import torch
from torch import Tensor, nn

from udaln.estimation.degradation import estimate_degradation
from udaln.methods.training.stage import Init, Stage, mean_error
from udaln.scene import Blocks


class DegradationStage(Stage):
    """Trains SpaDnet and SpeDnet: both ways to the LR-MSI must agree (Li et al. 2022, stage 1)."""

    name = "degradation"

    def trained(self) -> list[nn.Module]:
        """SpaDnet and SpeDnet."""
        return [self.networks.spad, self.networks.sped]

    @torch.no_grad()
    def start(self, blocks: Blocks) -> None:
        """``convex`` or ``gaussian``: solve for all of the two sensors that is not known."""
        assert self.schedule.init in (Init.convex, Init.gaussian)
        spad, sped = self.networks.spad, self.networks.sped
        known = [None if part.weight.requires_grad else value for part, value in ((spad, spad.psf), (sped, sped.srf))]
        solved = estimate_degradation(
            blocks.lr,
            blocks.windows,
            sped.support,
            psf=known[0],
            srf=known[1],
            gain=sped.gain.requires_grad,
            offset=sped.offset.requires_grad,
            gaussian=self.schedule.init is Init.gaussian,
        )
        found = (
            (spad.weight, solved.psf.flatten()),
            (sped.weight, solved.srf),
            (sped.gain, solved.gain),
            (sped.offset, solved.offset),
        )
        for parameter, value in found:
            if parameter.requires_grad:
                parameter.copy_(value)

    def losses(self, blocks: Blocks) -> dict[str, Tensor]:
        """|SpeDnet(Y) − SpaDnet(Z)|."""
        by_sped, by_spad = self.networks.sped(blocks.lr), self.networks.spad(blocks.windows)
        return {"lr_msi": mean_error(by_sped, by_spad, blocks.msi_weight)}
