"""Denoising diffusion of single spectra (Ho, Jain and Abbeel, NeurIPS 2020)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

LEAST_NOISE, MOST_NOISE = 1e-4, 2e-2  # variances of the first and of the thousandth step
STEPS = 1000  # that these are for
EMBEDDING = 64  # numbers that stand for a step


def signal_shares(steps: int) -> Tensor:
    """What is left of a spectrum's power after each step of the diffusion, from the first on; steps float32.

    Fewer than 1 000 steps are each the larger, so that as little is left at the end.
    """
    scale = STEPS / steps
    variances = torch.linspace(scale * LEAST_NOISE, scale * MOST_NOISE, steps, dtype=torch.float64).clamp(max=0.999)
    return (1 - variances).cumprod(0).float()


class Denoiser(nn.Module):
    """Tells the noise of noisy spectra: layers of one width with skips, each of which is told the step.

    Args:
        bands: C.
        layers: Hidden layers.
        hidden: Units of each.
        steps: Of the diffusion.

    Attributes:
        shares: From `signal_shares`.
    """

    shares: Tensor

    def __init__(self, bands: int, layers: int, hidden: int, steps: int) -> None:
        super().__init__()
        self.register_buffer("shares", signal_shares(steps))
        self.first = nn.Linear(bands, hidden)
        self.hidden = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(layers - 1))
        self.told = nn.ModuleList(nn.Linear(EMBEDDING, hidden) for _ in range(layers - 1))
        self.last = nn.Linear(hidden, bands)

    def forward(self, spectra: Tensor, step: Tensor) -> Tensor:
        """Noisy spectra (N, C) at steps (N or 1), counted from 0, to their noise of variance 1 (N, C)."""
        embedded = _embedded(STEPS * step / len(self.shares))
        signal = nn.functional.silu(self.first(spectra))
        for layer, told in zip(self.hidden, self.told, strict=True):
            signal = signal + nn.functional.silu(layer(signal) + told(embedded))
        noise: Tensor = self.last(signal)
        return noise

    def error(self, spectra: Tensor, noise: Tensor, step: Tensor) -> Tensor:
        """Mean square error of the noise that is told of spectra (N, C), to which noise is added at steps (N or 1)."""
        share = self.shares[step][:, None]
        told = self(share.sqrt() * spectra + (1 - share).sqrt() * noise, step)
        return nn.functional.mse_loss(told.float(), noise)


def _embedded(step: Tensor) -> Tensor:
    """Sines and cosines of a step, (N, 64) (Vaswani et al., NeurIPS 2017)."""
    frequency = torch.exp(-math.log(1e4) * torch.arange(EMBEDDING // 2, device=step.device) / (EMBEDDING // 2))
    angle = step[:, None] * frequency
    return torch.cat([angle.sin(), angle.cos()], 1)
