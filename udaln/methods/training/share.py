"""How several processes share the blocks of a step, and how they add up their results."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Share:
    """One process of several that train the same networks.

    Attributes:
        rank: Which one it is, from 0.
        ranks: How many there are.
    """

    rank: int = 0
    ranks: int = 1

    def of(self, blocks: Tensor) -> Tensor:
        """Its part of the blocks of some steps, (steps, blocks); the parts of all ranks together are all blocks."""
        return blocks[:, self.rank :: self.ranks]

    @staticmethod
    def total(values: Iterable[Tensor]) -> list[Tensor]:
        """The sums of tensors over all processes, the same bits on each; one exchange, in the widest type there is."""
        given = list(values)
        flat = torch.cat([value.flatten() for value in given])
        torch.distributed.all_reduce(flat)
        parts = torch.split(flat, [value.numel() for value in given])
        return [part.view_as(value).to(value) for part, value in zip(parts, given, strict=True)]
