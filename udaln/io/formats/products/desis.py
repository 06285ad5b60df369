"""DESIS L2A: surface reflectance of 235 bands on 30 m pixels.

Source: DESIS Product Specification, DLR. The quality layers of level 2A, -QL_QUALITY-2.tif, are shadow, clear land,
snow, haze over land, haze over water, cloud over land, cloud over water, clear water (0 or 1 each), aerosol and water
vapour. -QL_QUALITY.tif is the quality of the detectors, band by band, and is not used.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from udaln.io.formats.products.dlr import Product
from udaln.io.formats.products.quality_layer import Layer

LAYERS = 10
_SHADOW, _HAZE, _CLOUD = [0], [3, 4], [5, 6]


def _flagged(values: NDArray[Any]) -> NDArray[np.bool_]:
    flagged: NDArray[np.bool_] = (values[..., _SHADOW + _HAZE + _CLOUD] != 0).any(2, keepdims=True)
    return flagged


DESIS = Product(
    kind="DESIS L2A",
    file=re.compile(r"(?P<stem>DESIS-HSI-(?P<level>L\d\w).*)-METADATA\.XML$", re.IGNORECASE),
    band="band",
    tags={
        "wavelength": "wavelengthCenterOfBand",
        "fwhm": "wavelengthWidthOfBand",
        "gain": "gainOfBand",
        "offset": "offsetOfBand",
    },
    layers=[Layer(["QL_QUALITY-2", "QL_QUALITY"], "shadow, haze, cloud", LAYERS, _flagged)],
)
