"""Stage 1: how the scene was degraded."""

from torch import Tensor, nn
from torch.nn.functional import l1_loss

from udaln.networks import FusionNetworks
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
        return {"lr_msi": lr_msi_loss(self.networks, blocks)}


def lr_msi_loss(networks: FusionNetworks, blocks: Blocks) -> Tensor:
    """Mean absolute difference of the two LR-MSIs, SpeDnet(Y) and SpaDnet(Z)."""
    return l1_loss(networks.sped(blocks.lr), networks.spad(blocks.windows))
