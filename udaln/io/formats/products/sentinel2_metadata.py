"""What the metadata of a Sentinel-2 product say, and where its files are.

Source: Sentinel-2 Products Specification Document, S2-PDGS-TAS-DI-PSD, issue 14.9.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np

from udaln.errors import InputError
from udaln.io.formats.products.xml import read_number
from udaln.io.formats.source import Source
from udaln.io.formats.spectral_axis import as_numbers
from udaln.io.image import Bands

IDS = ["B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B10", "B11", "B12"]  # by ``band_id``


@dataclass(frozen=True)
class Level:
    """A level of processing.

    Attributes:
        kind: Name of the product.
        metadata: Name of the metadata file.
        quantification: Element that has the number of reflectance 1.
        offset: Elements that have what is added to the numbers of a band.
        images: The bands in the files of each pixel size; those of finer bands are averaged.
    """

    kind: str
    metadata: str
    quantification: str
    offset: str
    images: Mapping[str, list[str]]

    def pattern(self, band: str, size: str) -> str:
        """The file of a band in the folder of a granule."""
        if self is L1C:
            return rf"IMG_DATA/[^/]*_{padded(band)}\.jp2"
        return rf"IMG_DATA/R{size}/[^/]*_{padded(band)}_{size}\.jp2"

    def classes(self, size: str) -> str:
        """The file of the classification in the folder of a granule."""
        return r"QI_DATA/MSK_CLASSI_B00\.jp2" if self is L1C else rf"IMG_DATA/R{size}/[^/]*_SCL_{size}\.jp2"


L2A = Level(
    "Sentinel-2 L2A",
    "MTD_MSIL2A.xml",
    "BOA_QUANTIFICATION_VALUE",
    "BOA_ADD_OFFSET",
    {
        "10m": ["B2", "B3", "B4", "B8"],
        "20m": ["B2", "B3", "B4", "B5", "B6", "B7", "B8A", "B11", "B12"],
        "60m": ["B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8A", "B9", "B11", "B12"],
    },
)
L1C = Level(
    "Sentinel-2 L1C",
    "MTD_MSIL1C.xml",
    "QUANTIFICATION_VALUE",
    "RADIO_ADD_OFFSET",
    {
        "10m": ["B2", "B3", "B4", "B8"],
        "20m": ["B5", "B6", "B7", "B8A", "B11", "B12"],
        "60m": ["B1", "B9", "B10"],
    },
)
LEVELS = [L2A, L1C]


@dataclass(frozen=True)
class Metadata:
    """What the metadata file of a product says.

    Attributes:
        level: The level of processing.
        quantification: The number of reflectance 1.
        offsets: Added to the numbers of each band.
        wavelengths: Of each band [nm]; empty if the file does not say.
        fwhm: Likewise [nm].
        notes: What of it is set aside, or to be known.
    """

    level: Level
    quantification: float
    offsets: Mapping[str, float]
    wavelengths: Mapping[str, float]
    fwhm: Mapping[str, float]
    notes: Sequence[str]

    def bands(self, names: Sequence[str]) -> Bands:
        """Names as in file names and, if the file has them, wavelengths and FWHM."""
        labels = [padded(name) for name in names]
        if not set(names) <= set(self.wavelengths):
            return Bands(labels)
        return Bands(labels, *(np.array([of[name] for name in names]) for of in (self.wavelengths, self.fwhm)))


def read_metadata(source: Source, level: Level, root: Element, path: Path) -> Metadata:
    """Read the metadata file of a product.

    Args:
        source: The product.
        level: Of the product.
        root: Of the file's XML.
        path: Of the file, for messages.

    Raises:
        InputError: If it does not say how numbers become reflectance.
    """
    quantification = read_number(source, root, f".//{level.quantification}")
    if not quantification > 0:
        raise source.error(f"{level.quantification}: expected more than 0, got {quantification:g}", path)
    notes = ["reflectance at the top of the atmosphere; L2A is at the surface"] if level is L1C else []
    wavelengths: dict[str, float] = {}
    fwhm: dict[str, float] = {}
    try:
        for element in root.iter("Spectral_Information"):
            name = element.get("physicalBand", "")
            wavelengths[name] = read_number(source, element, "Wavelength/CENTRAL")
            fwhm[name] = _fwhm(source, element)
    except InputError as error:
        wavelengths, fwhm = {}, {}
        notes.append(f"wavelengths are set aside: {str(error).split(': ', 2)[-1]}")
    return Metadata(level, quantification, _offsets(source, level, root, path), wavelengths, fwhm, notes)


def padded(name: str) -> str:
    """The name of a band as in file names: B02 for B2."""
    return f"{name[0]}{name[1:].zfill(2)}"


def _offsets(source: Source, level: Level, root: Element, path: Path) -> dict[str, float]:
    """What is added to the numbers of each band."""
    baseline = next((element.text or "" for element in root.iter("PROCESSING_BASELINE")), "")
    try:
        offsets = {
            IDS[int(element.get("band_id", ""))]: float(element.text or "") for element in root.iter(level.offset)
        }
        before_offsets = float(baseline) < 4
    except (ValueError, IndexError) as error:
        raise source.error(f"{level.offset}, PROCESSING_BASELINE: expected numbers, got {error}", path) from error
    missing = [name for name in IDS if name not in offsets and (name != "B10" or level is L1C)]  # cirrus is not in L2A
    if missing and (offsets or not before_offsets):
        raise source.error(f"expected {level.offset} of {', '.join(missing)} in baseline {baseline}, got none", path)
    return offsets or dict.fromkeys(IDS, 0.0)


def _fwhm(source: Source, band: Element) -> float:
    """Full width at half maximum of the response or, without one, the width of the band [nm]."""
    values = band.findtext("Spectral_Response/VALUES")
    if values is None:
        return read_number(source, band, "Wavelength/MAX") - read_number(source, band, "Wavelength/MIN")
    response = as_numbers(values.split())
    if np.isnan(response).any():
        raise source.error("Spectral_Response/VALUES: expected numbers")
    above = np.flatnonzero(response >= response.max(initial=0) / 2)
    return float(above[-1] - above[0] + 1) * read_number(source, band, "Spectral_Response/STEP") if above.size else 0.0
