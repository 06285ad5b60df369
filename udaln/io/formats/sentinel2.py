"""Sentinel-2 L2A: surface reflectance of the bands of one tile that have the same resolution.

Source: Sentinel-2 Products Specification Document, S2-PDGS-TAS-DI-PSD, issue 14.9.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from udaln.errors import InputError
from udaln.io.formats import raster
from udaln.io.formats.reader import Reader
from udaln.io.formats.source import Source
from udaln.io.formats.stored import Stored
from udaln.io.formats.xml import parse_xml, read_number
from udaln.io.image import Bands, Cause, Image

METADATA = "MTD_MSIL2A.xml"
NODATA = 0.0
IDS = ["B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B10", "B11", "B12"]  # by ``band_id``
IMAGES = {
    "10m": ["B2", "B3", "B4", "B8"],
    "20m": ["B2", "B3", "B4", "B5", "B6", "B7", "B8A", "B11", "B12"],  # B2, B3, B4 averaged from 10 m
}
# classes of the scene classification that are masked
UNUSABLE = {0: "no data", 1: "saturated", 3: "cloud shadow", 8: "cloud", 9: "cloud", 10: "cirrus"}


@contextmanager
def open_sentinel2(source: Source) -> Iterator[Image]:
    """Open a product by its MTD_MSIL2A.xml, in the folder .SAFE as it is distributed.

    Reflectance is (number + ``BOA_ADD_OFFSET``) / ``BOA_QUANTIFICATION_VALUE``; before processing baseline 04.00 there
    is no offset. ``source.variable`` is ``10m`` or ``20m``; None stands for ``10m``. Pixels whose class in the scene
    classification is one of `UNUSABLE` are NaN in all bands; the classification has 20 m pixels.

    Raises:
        InputError: If files are missing or do not match each other.
    """
    variable = source.variable or next(iter(IMAGES))
    if variable not in IMAGES:
        raise InputError(f"{source.variable_key}: {source.path} holds {', '.join(IMAGES)}, got {variable!r}")
    root, names = parse_xml(source), IMAGES[variable]
    quantification = read_number(source, root, ".//BOA_QUANTIFICATION_VALUE")
    if not quantification > 0:
        raise source.error(f"BOA_QUANTIFICATION_VALUE: expected more than 0, got {quantification:g}")
    offsets = _offsets(source, root)
    folder = _image_folder(source)
    with ExitStack() as stack:
        rasters = _open_bands(source, stack, folder / f"R{variable}", names)
        rows, columns, _ = rasters[0].stored.shape
        masks: list[Cause] = []
        if source.quality:
            path = _find_file(source, folder / "R20m", "SCL_20m")
            classes = stack.enter_context(raster.open_with_gdal(source, path)).stored
            what = f"{', '.join(dict.fromkeys(UNUSABLE.values()))} (scene classification)"
            masks.append(Cause(what, _ClassMask(source, path, classes, (rows, columns))))
        stored = Stored(
            (rows, columns, len(names)),
            np.result_type(*(band.stored.dtype for band in rasters)),
            lambda rows, cols: np.concatenate([band.stored.read(rows, cols) for band in rasters], 2),
            1 / quantification,
            np.array([offsets[name] for name in names]) / quantification,
            (NODATA,),
            masks=masks,
        )
        yield stored.image(
            source,
            "Sentinel-2 L2A",
            bands=_bands(source, root, names),
            grid=rasters[0].grid,
            unit="reflectance",
        )


def _open_bands(source: Source, stack: ExitStack, folder: Path, names: list[str]) -> list[raster.Raster]:
    """The rasters of some bands, all of the same size."""
    rasters: list[raster.Raster] = []
    for name in names:
        path = _find_file(source, folder, f"{_padded(name)}_{folder.name.removeprefix('R')}")
        rasters.append(stack.enter_context(raster.open_with_gdal(source, path)))
        if rasters[-1].stored.shape != (*rasters[0].stored.shape[:2], 1):
            sizes = ["×".join(map(str, band.stored.shape)) for band in (rasters[0], rasters[-1])]
            raise source.error(f"expected {sizes[0]} numbers as in {names[0]}, got {sizes[1]}", path)
    return rasters


class _ClassMask:
    """Mask of the unusable classes of the scene classification, whose pixels may be larger than the image's."""

    def __init__(self, source: Source, path: Path, classes: Stored, sides: tuple[int, int]) -> None:
        self.classes, self.factor = classes, sides[0] // classes.shape[0]
        if classes.shape[2] != 1 or (classes.shape[0] * self.factor, classes.shape[1] * self.factor) != sides:
            size, got = ("×".join(map(str, part)) for part in (sides, classes.shape))
            raise source.error(f"expected classes of whole pixels of an image of {size}, got {got}", path)

    def __call__(self, rows: slice, cols: slice) -> NDArray[np.bool_]:
        outer = [slice(part.start // self.factor, -(-part.stop // self.factor)) for part in (rows, cols)]
        flags = np.isin(self.classes.read(*outer)[..., 0], list(UNUSABLE))
        i, j = (
            np.arange(part.start, part.stop) // self.factor - wide.start
            for part, wide in zip((rows, cols), outer, strict=True)
        )
        return flags[np.ix_(i, j)][..., None]


def _padded(name: str) -> str:
    """The name of a band as in file names: B02 for B2."""
    return f"{name[0]}{name[1:].zfill(2)}"


def _offsets(source: Source, root: Element) -> dict[str, float]:
    """``BOA_ADD_OFFSET`` of each band."""
    baseline = next((element.text or "" for element in root.iter("PROCESSING_BASELINE")), "")
    elements = list(root.iter("BOA_ADD_OFFSET"))
    try:
        offsets = {IDS[int(element.get("band_id", ""))]: float(element.text or "") for element in elements}
        before_offsets = float(baseline) < 4
    except (ValueError, IndexError) as error:
        raise source.error(f"BOA_ADD_OFFSET, PROCESSING_BASELINE: expected numbers, got {error}") from error
    missing = [name for name in IDS if name not in offsets and name != "B10"]  # cirrus is not in L2A
    if missing and (offsets or not before_offsets):
        raise source.error(f"expected BOA_ADD_OFFSET of {', '.join(missing)} in baseline {baseline}, got none")
    return offsets or dict.fromkeys(IDS, 0.0)


def _image_folder(source: Source) -> Path:
    folders = sorted(source.path.parent.glob("GRANULE/*/IMG_DATA"))
    if len(folders) != 1:
        raise source.error(f"expected one GRANULE/…/IMG_DATA beside it, got {len(folders)}")
    return folders[0]


def _find_file(source: Source, folder: Path, suffix: str) -> Path:
    files = sorted(folder.glob(f"*_{suffix}.jp2"))
    if len(files) != 1:
        raise source.error(f"expected one {folder.name}/*_{suffix}.jp2, got {len(files)}")
    return files[0]


def _bands(source: Source, root: Element, names: list[str]) -> Bands:
    """Names as in file names and, if the XML has them, wavelengths and FWHM."""
    elements = {element.get("physicalBand"): element for element in root.iter("Spectral_Information")}
    padded = [_padded(name) for name in names]
    if not all(name in elements for name in names):
        return Bands(padded)
    wavelengths = [read_number(source, elements[name], "Wavelength/CENTRAL") for name in names]
    return Bands(padded, np.array(wavelengths), np.array([_fwhm(source, elements[name]) for name in names]))


def _fwhm(source: Source, band: Element) -> float:
    """Full width at half maximum of the response or, without one, the width of the band [nm]."""
    values = band.findtext("Spectral_Response/VALUES")
    if values is None:
        return read_number(source, band, "Wavelength/MAX") - read_number(source, band, "Wavelength/MIN")
    try:
        response = np.array(values.split(), np.float64)
    except ValueError as error:
        raise source.error(f"Spectral_Response/VALUES: expected numbers: {error}") from error
    above = np.flatnonzero(response >= response.max(initial=0) / 2)
    return float(above[-1] - above[0] + 1) * read_number(source, band, "Spectral_Response/STEP") if above.size else 0.0


def _find(source: Source) -> Path | None:
    path = source.path
    if not path.is_dir():
        return path if path.name == METADATA else None
    return path / METADATA if path.suffix.upper() == ".SAFE" or (path / METADATA).exists() else None


READER = Reader("Sentinel-2 L2A", _find, open_sentinel2)
