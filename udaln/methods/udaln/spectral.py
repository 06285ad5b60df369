"""Stage 2: from multispectral to hyperspectral, at low resolution."""

import torch
from torch import Tensor, nn

from udaln.methods.training.stage import Init, Stage, mean_error
from udaln.scene import Blocks


class SpectralStage(Stage):
    """Trains SpeUnet to map the LR-MSI, as the frozen SpaDnet sees it, to the LR-HSI (Li et al. 2022, stage 2)."""

    name = "spectral"
    _lr_msi: tuple[Blocks, Tensor] | None = None

    def trained(self) -> list[nn.Module]:
        """SpeUnet."""
        return [self.networks.speu]

    @torch.no_grad()
    def start(self, blocks: Blocks) -> None:
        """``regression``: the affine regression of the LR-HSI on SpaDnet(Z)."""
        assert self.schedule.init is Init.regression
        psf = self.networks.spad.weight.to(blocks.windows.device)
        lr_msi = torch.einsum("nkc,k->nc", blocks.windows.to(psf), psf)
        self.networks.speu.start_at_regression(lr_msi, blocks.lr.to(psf))

    def losses(self, blocks: Blocks) -> dict[str, Tensor]:
        """|SpeUnet(SpaDnet(Z)) − Y|."""
        return {"lr_hsi": mean_error(self.networks.speu(self._frozen_lr_msi(blocks)), blocks.lr, blocks.lr_weight)}

    def _frozen_lr_msi(self, blocks: Blocks) -> Tensor:
        """SpaDnet(Z): the same at every step, so computed once."""
        if self._lr_msi is None or self._lr_msi[0] is not blocks:
            with torch.no_grad():
                self._lr_msi = blocks, self.networks.spad(blocks.windows)
        return self._lr_msi[1]
