"""EnMAP L2A: surface reflectance of 224 bands on 30 m pixels.

Source: EnMAP HSI Level 1B / Level 1C / Level 2A Product Specification, EN-PCV-ICD-2009-2.
"""

from __future__ import annotations

import re

from udaln.io.formats.dlr import Layer, Product

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
        Layer(["QL_PIXELMASK"], "defective pixels", bands=None),
    ],
)
