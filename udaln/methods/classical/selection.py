"""Which MSI band goes with which hyperspectral band in hypersharpening."""

from __future__ import annotations

import torch
from torch import Tensor


def most_correlated(lr_msi: Tensor, lr_hsi: Tensor) -> Tensor:
    """The MSI band with which each hyperspectral band is most correlated.

    Source: Selva, Aiazzi, Butera, Chiarantini and Baronti, IEEE JSTARS 8(6), 2015 (selected band).

    Args:
        lr_msi: N×c.
        lr_hsi: N×C.

    Returns:
        C, from 0 to c−1. A constant MSI band is never chosen if there is another.
    """
    z, y = (image.double() - image.double().mean(0) for image in (lr_msi, lr_hsi))
    spread = z.square().mean(0).sqrt()
    similarity = torch.where(spread > 0, (y.T @ z) / spread, -torch.inf)  # the scale of y is the same for all
    return similarity.argmax(1)
