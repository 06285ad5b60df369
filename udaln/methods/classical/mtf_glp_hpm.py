"""``method=mtf_glp_hpm``: the generalised Laplacian pyramid with high-pass modulation, as hypersharpening.

Sources: Aiazzi, Alparone, Baronti, Garzelli and Selva, "An MTF-based spectral distortion minimizing model for
pan-sharpening of very high resolution multispectral images of urban areas", GRSS/ISPRS workshop 2003; hypersharpening:
Selva, Aiazzi, Butera, Chiarantini and Baronti, IEEE JSTARS 8(6), 2015.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from udaln.methods.classical.pyramid import Pyramid, PyramidMethod, PyramidSettings

LARGEST_RATIO = 10.0  # by which a pixel is modulated at most


class MultiplicativePyramid(Pyramid):
    """X̂ = up(Y) · P / up(P_L), with a pan image P of each band and its low-pass version P_L.

    The ratio is kept between 0 and 10. It is 1 where the low-pass version is not positive: there is no contrast there.
    """

    def inject(self, interpolated: Tensor, pan: Tensor, low_pass: Tensor) -> Tensor:
        """Multiply by the contrast."""
        return interpolated * torch.where(low_pass > 0, pan / low_pass, 1).clamp(0, LARGEST_RATIO)


@dataclass
class Settings(PyramidSettings):
    """Those of the pyramid."""

    name: str = "mtf_glp_hpm"


class MtfGlpHpm(PyramidMethod):
    """Multiplicative injection of the detail of pan images."""

    name: ClassVar[str] = "mtf_glp_hpm"
    Settings = Settings
    Kind = MultiplicativePyramid
