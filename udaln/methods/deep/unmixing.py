"""What the networks that unmix have in common: endmembers, what is asked of abundances, and their one stage."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from udaln.errors import InputError
from udaln.methods.training.schedule import Init, Schedule, Schedules, check_schedule
from udaln.physics.blocks import Blocks

SPARSITY = 0.01  # the mean abundance that the sparsity term asks for
SMALLEST = 1e-6  # mean abundance that the sparsity term tells from zero


class Endmembers(nn.Module):
    """The linear mixing model: spectra are sums of endmembers, weighted by abundances.

    The publications scale images to at most 1, and so bound endmembers by 1. Here the bound is the largest value of the
    pair where that is more than 1.

    Args:
        count: Endmembers p.
        bands: Of the spectra, B.
        start: What all weights start from; random values from 0 to 1 if None.

    Attributes:
        weight: The endmembers, p×B, in network units.
        bound: The largest value that is allowed.
    """

    bound: Tensor

    def __init__(self, count: int, bands: int, start: float | None = None) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.rand(count, bands) if start is None else torch.full((count, bands), start))
        self.register_buffer("bound", torch.ones(()))

    def forward(self, abundances: Tensor) -> Tensor:
        """Abundances (…, p) to spectra (…, B)."""
        return abundances @ self.weight

    def limit(self, blocks: Blocks) -> None:
        """Set the bound to that of a scene, on the CPU."""
        self.bound.fill_(max(1.0, blocks.lr.max().item(), blocks.windows.max().item()))

    @torch.no_grad()
    def constrain(self) -> None:
        """Put the endmembers between 0 and the bound, in place."""
        self.weight.clamp_(min=0)
        torch.minimum(self.weight, self.bound, out=self.weight.data)


def sum_to_one(abundances: Tensor) -> Tensor:
    """Mean absolute distance of the sum of a pixel's abundances, (…, p), from 1."""
    return (1 - abundances.sum(-1)).abs().mean()


def sparsity(abundances: Tensor) -> Tensor:
    """How far the mean abundances of the endmembers are from `SPARSITY`: Kullback-Leibler divergences, summed.

    Args:
        abundances: (…, p), from 0 to 1.
    """
    mean = abundances.flatten(0, -2).mean(0).clamp(SMALLEST, 1 - SMALLEST)
    present = SPARSITY * torch.log(SPARSITY / mean)
    return (present + (1 - SPARSITY) * torch.log((1 - SPARSITY) / (1 - mean))).sum()


@dataclass
class UnmixingStages(Schedules):
    """The one stage of a network that unmixes.

    Attributes:
        unmixing: Its schedule.
    """

    unmixing: Schedule = field(default_factory=Schedule)


def check_unmixing(stages: UnmixingStages, devices: int) -> None:
    """Refuse a schedule that cannot be carried out; the stage starts from nothing, so it needs steps.

    Raises:
        InputError: Names the key.
    """
    check_schedule("stages.unmixing", stages.unmixing, [Init.none], devices)
    if stages.unmixing.steps < 1:
        raise InputError(f"stages.unmixing.steps: expected at least 1, got {stages.unmixing.steps}")
