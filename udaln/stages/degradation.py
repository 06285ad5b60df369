"""Stage 1: how the scene was degraded."""

import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss

from udaln.scene import Blocks
from udaln.solvers.degradation import solve_degradation
from udaln.stages.stage import Init, Stage


class DegradationStage(Stage):
    """Trains SpaDnet and SpeDnet: both ways to the LR-MSI must agree (Li et al. 2022, stage 1)."""

    name = "degradation"

    def trained(self) -> list[nn.Module]:
        """SpaDnet and SpeDnet."""
        return [self.networks.spad, self.networks.sped]

    @torch.no_grad()
    def start(self, blocks: Blocks) -> None:
        """``convex``: solve for the PSF and the SRF that are not known."""
        assert self.schedule.init is Init.convex
        spad, sped = self.networks.spad, self.networks.sped
        known = [None if part.weight.requires_grad else value for part, value in ((spad, spad.psf), (sped, sped.srf))]
        solved = solve_degradation(blocks.lr, blocks.windows, sped.support, psf=known[0], srf=known[1])
        for part, value in ((spad, solved.psf.flatten()), (sped, solved.srf)):
            if part.weight.requires_grad:
                part.weight.copy_(value)

    def losses(self, blocks: Blocks) -> dict[str, Tensor]:
        """|SpeDnet(Y) − SpaDnet(Z)|."""
        return {"lr_msi": l1_loss(self.networks.sped(blocks.lr), self.networks.spad(blocks.windows))}
