"""Square patches of an image, drawn at random and turned."""

from __future__ import annotations

import torch
from torch import Tensor

TURNS = 8  # ways to turn and mirror a square


def drawn_patches(image: Tensor, side: int, count: int, generator: torch.Generator) -> Tensor:
    """Draw patches at random places, each turned or mirrored at random.

    Args:
        image: h×w×B.
        side: Of a patch, s [pixels], at most h and w.
        count: How many, n; never more than there are different ones.
        generator: On the CPU.

    Returns:
        (n, s, s, B).
    """
    rows, columns = (length - side + 1 for length in image.shape[:2])
    places = torch.randint(rows * columns * TURNS, (min(count, rows * columns * TURNS),), generator=generator)
    patches = []
    for place in places.tolist():
        position, turn = divmod(place, TURNS)
        row, column = divmod(position, columns)
        patch = image[row : row + side, column : column + side]
        patch = patch.rot90(turn % 4)
        patches.append(patch.transpose(0, 1) if turn >= 4 else patch)
    return torch.stack(patches)
