"""Stage 3: all three networks together."""

from torch import Tensor, nn
from torch.nn.functional import l1_loss

from udaln.scene import Blocks
from udaln.stages.degradation import lr_msi_loss
from udaln.stages.stage import Stage


class JointStage(Stage):
    """Trains all three: the losses of stages 1 and 2, and X̂ degraded both ways (Li et al. 2022, stage 3)."""

    name = "joint"

    def trained(self) -> list[nn.Module]:
        """SpaDnet, SpeDnet and SpeUnet."""
        return [self.networks.spad, self.networks.sped, self.networks.speu]

    def losses(self, blocks: Blocks) -> dict[str, Tensor]:
        """Those of stages 1 and 2, |SpeDnet(X̂) − Z| and |SpaDnet(X̂) − Y|, with X̂ = SpeUnet(Z)."""
        networks = self.networks
        fused = networks.speu(blocks.windows)
        return {
            "lr_msi": lr_msi_loss(networks, blocks),
            "lr_hsi": l1_loss(networks.speu(networks.spad(blocks.windows)), blocks.lr),
            "hr_msi": l1_loss(networks.sped(fused), blocks.windows),
            "fused_lr_hsi": l1_loss(networks.spad(fused), blocks.lr),
        }
