"""EnMAP L2A: surface reflectance of 224 bands on 30 m pixels.

Source: EnMAP HSI Level 1B / Level 1C / Level 2A Product Specification, EN-PCV-ICD-2009-2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from udaln.io.formats.dlr import Layer, Product, open_product
from udaln.io.formats.source import Source
from udaln.io.image import Image

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


@contextmanager
def open_enmap(source: Source) -> Iterator[Image]:
    """Open a product by its -METADATA.XML; the other files lie beside it.

    Raises:
        InputError: If it is not of level 2A, files are missing, or they do not fit each other.
    """
    with open_product(ENMAP, source) as image:
        yield image
