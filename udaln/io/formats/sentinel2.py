"""Sentinel-2 L2A: surface reflectance of some bands of one tile, all on one grid.

Source: Sentinel-2 Products Specification Document, S2-PDGS-TAS-DI-PSD, issue 14.9.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from udaln.errors import InputError
from udaln.io.formats import raster
from udaln.io.formats.source import Source
from udaln.io.formats.stored import Stored
from udaln.io.formats.xml import number, parsed
from udaln.io.image import Bands, Image

METADATA = "MTD_MSIL2A.xml"
NODATA = 0.0
IDS = ["B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B10", "B11", "B12"]  # in order of their numbers
IMAGES = {
    "10m": ["B2", "B3", "B4", "B8"],
    "20m": ["B2", "B3", "B4", "B5", "B6", "B7", "B8A", "B11", "B12"],  # the first three averaged from 10 m
}
UNUSABLE = {0: "no data", 1: "saturated", 3: "cloud shadow", 8: "cloud", 9: "cloud", 10: "cirrus"}


@contextmanager
def open_sentinel2(source: Source) -> Iterator[Image]:
    """Open a product by its MTD_MSIL2A.xml, in the folder .SAFE as it comes.

    Reflectance is (number + ``BOA_ADD_OFFSET``) / ``BOA_QUANTIFICATION_VALUE``; before processing baseline 04.00 there
    is no offset. ``source.variable`` is ``10m`` or ``20m``, the first if none is named. Pixels of the scene
    classification's classes `UNUSABLE` are NaN in all bands; those of it are 20 m wide.

    Raises:
        InputError: If files are missing or do not fit each other.
    """
    variable = source.variable or next(iter(IMAGES))
    if variable not in IMAGES:
        raise InputError(f"{source.variable_key}: {source.path} holds {', '.join(IMAGES)}, got {variable!r}")
    root, names = parsed(source), IMAGES[variable]
    quantification = number(source, root, ".//BOA_QUANTIFICATION_VALUE")
    if not quantification > 0:
        raise source.wrong(f"BOA_QUANTIFICATION_VALUE: expected more than 0, got {quantification:g}")
    offsets = _offsets(source, root)
    folder = _image_folder(source)
    with ExitStack() as stack:
        rasters = []
        for name in names:
            path = _file(source, folder / f"R{variable}", f"{name[0]}{name[1:].zfill(2)}_{variable}")
            rasters.append(stack.enter_context(raster.opened(source, path)))
            if rasters[-1].stored.shape != (*rasters[0].stored.shape[:2], 1):
                sizes = ["×".join(map(str, found.stored.shape)) for found in (rasters[0], rasters[-1])]
                raise source.wrong(f"expected {sizes[0]} numbers as in {names[0]}, got {sizes[1]}", path)

        def read(rows: slice, cols: slice) -> NDArray[Any]:
            return np.concatenate([found.stored.read(rows, cols) for found in rasters], 2)

        rows, columns, _ = rasters[0].stored.shape
        masks = []
        if source.quality:
            path = _file(source, folder / "R20m", "SCL_20m")
            classes = stack.enter_context(raster.opened(source, path)).stored
            masks.append(_Unusable(source, path, classes, (rows, columns)))
        stored = Stored(
            (rows, columns, len(names)),
            np.result_type(*(found.stored.dtype for found in rasters)),
            read,
            1 / quantification,
            np.array([offsets[name] for name in names]) / quantification,
            NODATA,
            masks,
        )
        yield Image(
            source.named,
            "Sentinel-2 L2A",
            stored.shape,
            stored.becomes,
            stored.values,
            _bands(source, root, names),
            rasters[0].grid,
            "reflectance",
            NODATA,
            f"{', '.join(dict.fromkeys(UNUSABLE.values()))} (scene classification)" if source.quality else "",
        )


class _Unusable:
    """Where the scene classification, on larger pixels, names one of the classes that are of no use."""

    def __init__(self, source: Source, path: Path, classes: Stored, sides: tuple[int, int]) -> None:
        self.classes, self.times = classes, sides[0] // classes.shape[0]
        if classes.shape[2] != 1 or (classes.shape[0] * self.times, classes.shape[1] * self.times) != sides:
            size, got = ("×".join(map(str, part)) for part in (sides, classes.shape))
            raise source.wrong(f"expected classes of whole pixels of an image of {size}, got {got}", path)

    def __call__(self, rows: slice, cols: slice) -> NDArray[np.bool_]:
        outer = [slice(part.start // self.times, -(-part.stop // self.times)) for part in (rows, cols)]
        flags = np.isin(self.classes.read(*outer)[..., 0], list(UNUSABLE))
        i, j = (
            np.arange(part.start, part.stop) // self.times - wide.start
            for part, wide in zip((rows, cols), outer, strict=True)
        )
        return flags[np.ix_(i, j)]


def _offsets(source: Source, root: Element) -> dict[str, float]:
    baseline = next((found.text or "" for found in root.iter("PROCESSING_BASELINE")), "")
    listed = list(root.iter("BOA_ADD_OFFSET"))
    try:
        offsets = {IDS[int(found.get("band_id", ""))]: float(found.text or "") for found in listed}
        old = float(baseline) < 4
    except (ValueError, IndexError) as error:
        raise source.wrong(f"BOA_ADD_OFFSET, PROCESSING_BASELINE: expected numbers, got {error}") from error
    missing = [name for name in IDS if name not in offsets and name != "B10"]  # cirrus is not in L2A
    if missing and (offsets or not old):
        raise source.wrong(f"expected BOA_ADD_OFFSET of {', '.join(missing)} in baseline {baseline}, got none")
    return offsets or dict.fromkeys(IDS, 0.0)


def _image_folder(source: Source) -> Path:
    found = sorted(source.path.parent.glob("GRANULE/*/IMG_DATA"))
    if len(found) != 1:
        raise source.wrong(f"expected one GRANULE/…/IMG_DATA beside it, got {len(found)}")
    return found[0]


def _file(source: Source, folder: Path, end: str) -> Path:
    found = sorted(folder.glob(f"*_{end}.jp2"))
    if len(found) != 1:
        raise source.wrong(f"expected one {folder.name}/*_{end}.jp2, got {len(found)}")
    return found[0]


def _bands(source: Source, root: Element, names: list[str]) -> Bands:
    """Names as in the files' and, if they are told, wavelengths; FWHM as the response has it."""
    about = {found.get("physicalBand"): found for found in root.iter("Spectral_Information")}
    called = [f"{name[0]}{name[1:].zfill(2)}" for name in names]
    if not all(name in about for name in names):
        return Bands(called)
    wavelengths = [number(source, about[name], "Wavelength/CENTRAL") for name in names]
    return Bands(called, np.array(wavelengths), np.array([_fwhm(source, about[name]) for name in names]))


def _fwhm(source: Source, band: Element) -> float:
    """The width at half maximum of the response, or, where there is none, from its beginning to its end [nm]."""
    values = band.findtext("Spectral_Response/VALUES")
    if values is None:
        return number(source, band, "Wavelength/MAX") - number(source, band, "Wavelength/MIN")
    try:
        response = np.array(values.split(), np.float64)
    except ValueError as error:
        raise source.wrong(f"Spectral_Response/VALUES: expected numbers: {error}") from error
    above = np.flatnonzero(response >= response.max(initial=0) / 2)
    return float(above[-1] - above[0] + 1) * number(source, band, "Spectral_Response/STEP") if above.size else 0.0
