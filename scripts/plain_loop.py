"""The paper's method as a plain loop: a convolution per band for the PSF, one per MSI band for the SRF.

The baseline of ``benchmark.py``, and an independent implementation for the tests. Images are 1×B×H×W.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.functional import l1_loss

from udaln.methods.udaln.model import UdalnModel
from udaln.methods.udaln.speunet import SLOPE, PaperSpeUnet
from udaln.scene import Scene


class PlainLoop(nn.Module):
    """The three networks and the losses of the three stages (Li et al. 2022, section II), for a PSF as wide as r.

    Args:
        model: Provides the initial weights.
        scene: The pair to fuse.
        dtype: Of weights and images.
    """

    def __init__(self, model: UdalnModel, scene: Scene, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        side = self.scale = model.degradation.scale
        self.lr_hsi, self.hr_msi = (
            (image / scene.unit).permute(2, 0, 1)[None].to(dtype).contiguous() for image in (scene.lr_hsi, scene.hr_msi)
        )
        self.psf = nn.Parameter(model.spad.weight.detach().to(dtype).view(1, 1, side, side).clone())
        self.bands = [slice(int(b.min()), int(b.max()) + 1) for b in map(torch.nonzero, model.sped.support.T)]
        weights = model.sped.weight.detach().to(dtype)
        self.srf = nn.ParameterList(weights[bands, j].view(1, -1, 1, 1).clone() for j, bands in enumerate(self.bands))
        self.layers = nn.Sequential()
        self._frozen: Tensor | None = None
        assert isinstance(model.speu, PaperSpeUnet)
        for layer in model.speu.layers:
            assert isinstance(layer, nn.Linear)
            convolution = nn.Conv2d(layer.in_features, layer.out_features, 1, dtype=dtype)
            convolution.load_state_dict({"weight": layer.weight[:, :, None, None], "bias": layer.bias})
            self.layers.extend((convolution, nn.LeakyReLU(SLOPE)))

    def spad(self, image: Tensor) -> Tensor:
        """SpaDnet, band by band."""
        bands = torch.split(image, 1, dim=1)
        return torch.cat([F.conv2d(band, self.psf, stride=self.scale) for band in bands], dim=1)

    def sped(self, image: Tensor) -> Tensor:
        """SpeDnet, MSI band by MSI band."""
        pairs = zip(self.bands, self.srf, strict=True)
        return torch.cat([F.conv2d(image[:, bands], weight) / weight.sum() for bands, weight in pairs], dim=1)

    def losses(self, stage: str) -> list[Tensor]:
        """The losses whose sum a stage minimises; in stage 2 SpaDnet(Z) is frozen and therefore computed once."""
        y, z = self.lr_hsi, self.hr_msi
        if stage == "spectral":
            if self._frozen is None:
                self._frozen = self.spad(z).detach()
            return [l1_loss(self.layers(self._frozen), y)]
        lr_msi = self.spad(z)
        losses = [l1_loss(self.sped(y), lr_msi)]
        if stage == "joint":
            fused = self.layers(z)
            losses.append(l1_loss(self.layers(lr_msi), y))
            losses.extend((l1_loss(self.sped(fused), z), l1_loss(self.spad(fused), y)))
        return losses

    def stepper(self, stage: str, lr: float) -> Callable[[int], None]:
        """A function that runs so many steps of a stage."""
        trained = {"degradation": (self.psf, *self.srf), "spectral": self.layers.parameters()}
        optimizer = torch.optim.Adam(trained.get(stage, self.parameters()), lr=lr)

        def run(steps: int) -> None:
            for _ in range(steps):
                optimizer.zero_grad()
                torch.stack(self.losses(stage)).sum().backward()  # type: ignore[no-untyped-call]
                optimizer.step()

        return run
