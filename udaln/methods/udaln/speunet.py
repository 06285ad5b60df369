"""SpeUnet, the map from MSI pixels to spectra, in the forms that ``network=`` chooses from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from udaln.estimation.regression import affine_regression
from udaln.parts import Registry

SLOPE = 0.2  # of the paper's LeakyReLU
WIDTH, DEPTH = 64, 4  # of the residual network's hidden layers
RANK = 40  # spectra that the residual network mixes, at most


class SpeUnet(nn.Module, ABC):
    """MSI to HSI in spectrum, pixel by pixel.

    Args:
        msi_bands: c.
        hsi_bands: C, at least c.
    """

    def __init__(self, msi_bands: int, hsi_bands: int) -> None:
        super().__init__()

    @abstractmethod
    def forward(self, pixels: Tensor) -> Tensor:
        """MSI pixels (…, c) to spectra (…, C), float32."""

    def start_at_regression(self, lr_msi: Tensor, lr_hsi: Tensor) -> None:  # most hold no affine map
        """Start as the affine regression of spectra (N, C) on MSI pixels (N, c), as far as the network can hold one."""


class PaperSpeUnet(SpeUnet):
    """The paper's (Li et al. 2022, section II).

    Layers of widths c, 2c, 4c, … c·2ⁿ, C with n = ⌊log₂(C/c)⌋, LeakyReLU(0.2) after each, the last one included. How
    they start is not in the paper; Glorot's uniform weights (2010) and no bias train better than PyTorch's default.
    """

    def __init__(self, msi_bands: int, hsi_bands: int) -> None:
        super().__init__(msi_bands, hsi_bands)
        doublings = (hsi_bands // msi_bands).bit_length() - 1
        widths = [msi_bands * 2**i for i in range(doublings + 1)] + [hsi_bands]
        layers = [nn.Linear(narrow, wide) for narrow, wide in pairwise(widths)]
        for layer in layers:
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
        self.layers = nn.ModuleList(layers)

    def forward(self, pixels: Tensor) -> Tensor:
        """MSI pixels (…, c) to spectra (…, C), float32."""
        signal = pixels.flatten(0, -2)  # of a matrix alone autograd keeps no copies for the activations in place
        for layer in self.layers:
            signal = F.leaky_relu_(layer(signal), SLOPE)
        return signal.float().view(*pixels.shape[:-1], -1)


class AffineSpeUnet(SpeUnet):
    """A weighted sum of the MSI bands and a constant, for each band: what a linear regression can say."""

    def __init__(self, msi_bands: int, hsi_bands: int) -> None:
        super().__init__(msi_bands, hsi_bands)
        self.affine = nn.Linear(msi_bands, hsi_bands)

    def forward(self, pixels: Tensor) -> Tensor:
        """MSI pixels (…, c) to spectra (…, C), float32."""
        with torch.autocast(pixels.device.type, enabled=False):
            affine: Tensor = self.affine(pixels.float())
        return affine

    @torch.no_grad()
    def start_at_regression(self, lr_msi: Tensor, lr_hsi: Tensor) -> None:
        """Become the regression."""
        self._become(*affine_regression(lr_msi, lr_hsi))

    def _become(self, weight: Tensor, bias: Tensor) -> None:
        """Take weights c×C and constants C."""
        self.affine.weight.copy_(weight.T)
        self.affine.bias.copy_(bias)


class ResidualSpeUnet(AffineSpeUnet):
    """The affine map, and a network that mixes the spectra that the regression cannot explain.

    The spectra are the right singular vectors of the regression's residual, scaled by their size. Without noise they
    lie in the null space of the SRF, since the regression reproduces the MSI bands: so does then every mixture of them,
    and the fused image stays consistent with the HR-MSI whatever the network says. Inputs are whitened; hidden layers
    have skips; the last one starts at zero, so that the network starts as the regression.
    """

    centre: Tensor
    whitening: Tensor
    spectra: Tensor

    def __init__(self, msi_bands: int, hsi_bands: int) -> None:
        super().__init__(msi_bands, hsi_bands)
        rank = min(hsi_bands, RANK)
        self.register_buffer("centre", torch.zeros(msi_bands))
        self.register_buffer("whitening", torch.eye(msi_bands))
        self.register_buffer("spectra", torch.zeros(rank, hsi_bands))
        self.first = nn.Linear(msi_bands, WIDTH)
        self.hidden = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(DEPTH))
        self.last = nn.Linear(WIDTH, rank)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, pixels: Tensor) -> Tensor:
        """MSI pixels (…, c) to spectra (…, C), float32."""
        signal = F.relu(self.first((pixels.float() - self.centre) @ self.whitening))
        for layer in self.hidden:
            signal = signal + F.relu(layer(signal))
        mixed: Tensor = self.last(signal) @ self.spectra
        return super().forward(pixels) + mixed.float()

    @torch.no_grad()
    def start_at_regression(self, lr_msi: Tensor, lr_hsi: Tensor) -> None:
        """Become the regression; take the whitening and the spectra to mix from the same samples."""
        weight, bias = affine_regression(lr_msi, lr_hsi)
        self._become(weight, bias)
        centre = lr_msi.double().mean(0)
        variance, axes = torch.linalg.eigh((lr_msi.double() - centre).T.cov())
        self.centre.copy_(centre)
        self.whitening.copy_(axes / variance.clamp(min=1e-6 * variance.max()).sqrt())
        residual = lr_hsi.double() - lr_msi.double() @ weight - bias
        _, sizes, spectra = torch.linalg.svd(residual, full_matrices=False)
        rank = min(len(spectra), len(self.spectra))
        self.spectra[:rank] = (sizes[:rank, None] / len(lr_msi) ** 0.5 * spectra[:rank]).float()


SPEUNETS: Registry[type[SpeUnet]] = Registry("networks", "method.network")
SPEUNETS.add("paper", PaperSpeUnet)
SPEUNETS.add("affine", AffineSpeUnet)
SPEUNETS.add("residual", ResidualSpeUnet)
