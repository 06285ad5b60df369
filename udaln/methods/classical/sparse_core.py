"""The sparse core of two Tucker decompositions, by an alternating direction method of multipliers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from udaln.methods.classical.tucker import Dictionaries


class View(NamedTuple):
    """A cube that the core is to explain.

    Attributes:
        cube: H×W×K.
        dictionaries: By which.
    """

    cube: Tensor
    dictionaries: Dictionaries

    def misfit(self, core: Tensor) -> Tensor:
        """Sum of squares of what a core leaves unexplained."""
        return (self.cube - self.dictionaries.cube(core)).square().sum()


class _Proximal:
    """The core nearest to another one that also explains a view."""

    def __init__(self, view: View, penalty: float) -> None:
        eigen = [torch.linalg.eigh(dictionary.T @ dictionary) for dictionary in view.dictionaries]
        columns, rows, spectra = (values for values, _ in eigen)
        self._vectors = Dictionaries(*(vectors for _, vectors in eigen))
        self._weights = 1 / (columns[:, None, None] * rows[:, None] * spectra + penalty)
        self._constants = self._vectors.adjoint(view.dictionaries.adjoint(view.cube))
        self._penalty = penalty

    def __call__(self, core: Tensor) -> Tensor:
        turned = self._constants + self._penalty * self._vectors.adjoint(core)
        return self._vectors.cube(self._weights * turned)


def sparse_core(
    views: Sequence[View], previous: Tensor, *, sparsity: float, proximity: float, penalty: float, iterations: int
) -> Tensor:
    """The core G, n×m×s, that minimises Σ misfit(G) + sparsity · |G|₁ + proximity · ‖G − previous‖².

    Args:
        views: What it is to explain.
        previous: Also the core to begin with.
        sparsity: Weight of the sum of absolute values.
        proximity: Weight of the distance from the previous core.
        penalty: Of the method of multipliers; any positive number gives the same solution in the end.
        iterations: Of the method of multipliers.
    """
    proximal = [_Proximal(view, penalty) for view in views]
    core, total = previous, proximity + penalty * len(views)
    duals = [torch.zeros_like(previous) for _ in views]
    for _ in range(iterations):
        splits = [step(core + dual) for step, dual in zip(proximal, duals, strict=True)]
        wanted = proximity * previous
        for split, dual in zip(splits, duals, strict=True):
            wanted = wanted + penalty * (split - dual)
        core = torch.nn.functional.softshrink(wanted / total, sparsity / (2 * total))
        for split, dual in zip(splits, duals, strict=True):
            dual += core - split
    return core
