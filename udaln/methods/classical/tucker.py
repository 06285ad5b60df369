"""The Tucker decomposition: a cube as a core that is multiplied with a dictionary along each of its three sides."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Dictionaries(NamedTuple):
    """Three dictionaries, with atoms as columns.

    Attributes:
        columns: H×n.
        rows: W×m.
        spectra: K×s.
    """

    columns: Tensor
    rows: Tensor
    spectra: Tensor

    def cube(self, core: Tensor) -> Tensor:
        """The cube, H×W×K, of a core, n×m×s."""
        for side in range(3):
            core = multiplied(core, self[side], side)
        return core

    def adjoint(self, cube: Tensor) -> Tensor:
        """The adjoint of ``cube``: from H×W×K to n×m×s."""
        return Dictionaries(self.columns.T, self.rows.T, self.spectra.T).cube(cube)

    def unfolded_without(self, core: Tensor, side: int) -> Tensor:
        """The cube before it is multiplied along one side, unfolded along that side: dictionary · this = cube."""
        for other in {0, 1, 2} - {side}:
            core = multiplied(core, self[other], other)
        return unfolded(core, side)


def multiplied(cube: Tensor, matrix: Tensor, side: int) -> Tensor:
    """Multiply a cube with a matrix along one of its sides."""
    product: Tensor = torch.tensordot(matrix, cube, dims=([1], [side]))
    return product.movedim(0, side)


def unfolded(cube: Tensor, side: int) -> Tensor:
    """A cube as a matrix, of which one side of the cube is the rows."""
    return cube.movedim(side, 0).flatten(1)
