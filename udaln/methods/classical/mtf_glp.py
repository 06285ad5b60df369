"""``method=mtf_glp``: generalised Laplacian pyramid with a filter of the sensor's MTF, as hypersharpening.

Sources: Aiazzi, Alparone, Baronti and Garzelli, IEEE TGRS 40(10), 2002; Aiazzi, Alparone, Baronti, Garzelli and Selva,
Photogramm. Eng. Remote Sens. 72(5), 2006; hypersharpening: Selva, Aiazzi, Butera, Chiarantini and Baronti, IEEE JSTARS
8(6), 2015.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from udaln.methods.classical.pyramid import Pyramid, PyramidMethod, PyramidSettings


class AdditivePyramid(Pyramid):
    """X̂ = up(Y) + (P − up(P_L)), with a pan image P of each band and its low-pass version P_L.

    The injection gain is 1: regression or matching have given P the scale of the band.
    """

    def inject(self, interpolated: Tensor, pan: Tensor, low_pass: Tensor) -> Tensor:
        """Add the detail."""
        return interpolated + (pan - low_pass)


@dataclass
class Settings(PyramidSettings):
    """Those of the pyramid."""

    name: str = "mtf_glp"


class MtfGlp(PyramidMethod):
    """Additive injection of the detail of pan images."""

    name: ClassVar[str] = "mtf_glp"
    Settings = Settings
    Kind = AdditivePyramid
