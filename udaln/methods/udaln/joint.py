"""Stage 3: all three networks together."""

from torch import Tensor, nn

from udaln.methods.training.stage import Stage, mean_error
from udaln.methods.udaln.consistency import consistency_losses
from udaln.scene import Blocks


class JointStage(Stage):
    """Trains all three: the losses of stages 1 and 2, and X̂ degraded both ways (Li et al. 2022, stage 3)."""

    name = "joint"

    def trained(self) -> list[nn.Module]:
        """SpaDnet, SpeDnet and SpeUnet."""
        return [self.networks.spad, self.networks.sped, self.networks.speu]

    def losses(self, blocks: Blocks) -> dict[str, Tensor]:
        """Those of stages 1 and 2, |SpeDnet(X̂) − Z| and |SpaDnet(X̂) − Y|, with X̂ = SpeUnet(Z)."""
        lr_msi = self.networks.spad(blocks.windows)
        hr_msi, fused_lr_hsi = consistency_losses(self.networks, blocks)
        return {
            "lr_msi": mean_error(self.networks.sped(blocks.lr), lr_msi, blocks.msi_weight),
            "lr_hsi": mean_error(self.networks.speu(lr_msi), blocks.lr, blocks.lr_weight),
            "hr_msi": hr_msi,
            "fused_lr_hsi": fused_lr_hsi,
        }
