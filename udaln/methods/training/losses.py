"""How far what a network gives is from what it should give: the losses by name."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor
from torch.nn.functional import l1_loss, mse_loss

from udaln.parts import Registry

Loss = Callable[[Tensor, Tensor, Tensor | None], Tensor]
LOSSES: Registry[Loss] = Registry("losses", "stages.….loss")


@LOSSES.register("l1")
def mean_error(values: Tensor, wanted: Tensor, weight: Tensor | None) -> Tensor:
    """Mean absolute error, each band (the last axis) by its weight. The paper's (Li et al. 2022)."""
    return l1_loss(values, wanted) if weight is None else ((values - wanted).abs() * weight).mean()


@LOSSES.register("l2")
def mean_squared_error(values: Tensor, wanted: Tensor, weight: Tensor | None) -> Tensor:
    """Mean squared error, each band (the last axis) by its weight."""
    return mse_loss(values, wanted) if weight is None else ((values - wanted).square() * weight).mean()
