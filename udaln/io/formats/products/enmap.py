"""EnMAP L2A: surface reflectance of 224 bands on 30 m pixels.

Source: EnMAP HSI Level 1B / Level 1C / Level 2A Product Specification, EN-PCV-ICD-2009-2. In the pixel mask, a band for
each of the image's, 1 marks what is defective: a genuine product over water has it in a few per cent of the values of
the bands up to 1800 nm, and in many of the dark ones beyond. A mask that marks most values the other way is understood.
"""

from __future__ import annotations

import re

from udaln.io.formats.products.dlr import Product
from udaln.io.formats.products.quality_layer import Layer

ENMAP = Product(
    kind="EnMAP L2A",
    file=re.compile(r"(?P<stem>ENMAP\d*-_*(?P<level>L\d\w).*)-METADATA\.XML$", re.IGNORECASE),
    band="bandID",
    tags={
        "wavelength": "wavelengthCenterOfBand",
        "fwhm": "FWHMOfBand",
        "gain": "GainOfBand",
        "offset": "OffsetOfBand",
    },
    layers=[
        Layer(["QL_QUALITY_CLOUD"], "cloud"),
        Layer(["QL_QUALITY_CLOUDSHADOW"], "cloud shadow"),
        Layer(["QL_QUALITY_CIRRUS"], "cirrus"),  # thin, medium and thick
        Layer(["QL_QUALITY_HAZE"], "haze"),
        Layer(["QL_QUALITY_CLASSES"], "background", flags=lambda values: values == 3),  # 1 land, 2 water
        Layer(["QL_PIXELMASK"], "defective pixels", bands=None, ambiguous=True),
    ],
    unused=["QL_QUALITY_SNOW", "QL_QUALITY_TESTFLAGS"],
)
