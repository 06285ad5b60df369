"""Stage 1: how the scene was degraded."""

from torch import Tensor, nn
from torch.nn.functional import l1_loss

from udaln.scene import Blocks
from udaln.stages.stage import Stage


class DegradationStage(Stage):
    """Trains SpaDnet and SpeDnet: both ways to the LR-MSI must agree (Li et al. 2022, stage 1)."""

    name = "degradation"

    def trained(self) -> list[nn.Module]:
        """SpaDnet and SpeDnet."""
        return [self.networks.spad, self.networks.sped]

    def losses(self, blocks: Blocks) -> dict[str, Tensor]:
        """|SpeDnet(Y) − SpaDnet(Z)|."""
        return {"lr_msi": l1_loss(self.networks.sped(blocks.lr), self.networks.spad(blocks.windows))}
