"""The model of SDP: an image whose spectra a diffusion prior finds likely, and which agrees with the pair."""

from __future__ import annotations

from copy import deepcopy
from typing import ClassVar

import torch
from torch import Tensor, nn

from udaln.methods.classical.observed import Observed
from udaln.methods.classical.progress import Progress, steps
from udaln.methods.classical.solver import Solver
from udaln.methods.deep.diffusion import Denoiser
from udaln.physics.degradation import Degradation
from udaln.physics.interpolation import interpolate
from udaln.physics.windows import degrade

KEPT = 0.9  # of the mean of the images of all steps
SEED = 0  # of the noise


class SpectralDiffusion(Solver):
    """The prior; the image is solved for each scene, for all pixels at once.

    Args:
        degradation: Of the pair.
        denoiser: The prior.
        lr: Adam's learning rate for the image.
        turns: Steps of Adam for each step of the diffusion.
        hsi_weight: λ, of the mean square error against the LR-HSI.
        prior_weight: γ, of that of the noise.

    Attributes:
        denoiser: Is trained.
        mean_denoiser: The mean of its weights over the training, which tells the noise.
    """

    local: ClassVar[bool] = False

    def __init__(
        self,
        degradation: Degradation,
        denoiser: Denoiser,
        *,
        lr: float,
        turns: int,
        hsi_weight: float,
        prior_weight: float,
    ) -> None:
        super().__init__(degradation)
        self.denoiser, self.mean_denoiser = denoiser, deepcopy(denoiser).requires_grad_(False)
        self.lr, self.turns, self.hsi_weight, self.prior_weight = lr, turns, hsi_weight, prior_weight

    @property
    def margin(self) -> int:
        """LR pixels beyond which little changes."""
        return 2

    @property
    def pixel_bytes(self) -> int:
        """Memory for each HR pixel: that of any solver, and two values of each unit of the denoiser."""
        denoiser = self.mean_denoiser
        return super().pixel_bytes + 8 * (len(denoiser.hidden) + 1) * denoiser.first.out_features

    def solve(self, pair: Observed, progress: Progress) -> Tensor:
        """The image by Adam, from the interpolated LR-HSI on, while the noise gets less."""
        y, z, srf = pair.lr_hsi.float(), pair.hr_msi.float(), pair.srf.float()
        highest = max(1.0, y.max().item(), z.max().item())
        image = interpolate(y, pair.scale, pair.shift).clamp(0, highest).requires_grad_()
        mean = image.detach().clone()
        optimizer = torch.optim.Adam([image], lr=self.lr)
        generator = torch.Generator().manual_seed(SEED)
        count = len(self.mean_denoiser.shares)
        for done in steps(count, progress):
            step = torch.tensor([count - 1 - done], device=y.device)
            noise = torch.randn(z.shape[0] * z.shape[1], y.shape[2], generator=generator).to(y)
            for _ in range(self.turns):
                with torch.enable_grad():
                    seen = degrade(image, pair.psf, pair.scale, pair.shift)
                    loss = (
                        self.hsi_weight * nn.functional.mse_loss(seen, y)
                        + nn.functional.mse_loss(image @ srf, z)
                        + self.prior_weight * self.mean_denoiser.error(image.flatten(0, 1), noise, step)
                    )
                    (image.grad,) = torch.autograd.grad(loss, image)
                optimizer.step()
                image.clamp_(0, highest)
            mean.lerp_(image.detach(), 1 - KEPT)
        return mean.double()
