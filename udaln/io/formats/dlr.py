"""Products of the DLR, EnMAP and DESIS: a GeoTIFF, its XML metadata, and quality layers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from udaln.io.formats import raster
from udaln.io.formats.reader import Reader
from udaln.io.formats.source import Source
from udaln.io.formats.stored import PerBand, Stored
from udaln.io.formats.xml import parse_xml, read_number
from udaln.io.image import Bands, Cause, Image

BACKGROUND = -32768.0  # no-data value of both products, if their files name none


@dataclass(frozen=True)
class Layer:
    """A quality layer.

    Attributes:
        suffixes: Its file name after that of the product. A file with an alternative name is used only if it has the
            expected number of bands.
        description: What the layer marks, as text.
        bands: Number of its bands; None if as many as the image has.
        flags: From the layer's values in a window, h×w×(its bands), what is marked: h×w×1 or h×w×(the image's bands)
            bool.
    """

    suffixes: Sequence[str]
    description: str
    bands: int | None = 1
    flags: Callable[[NDArray[Any]], NDArray[np.bool_]] = lambda values: values != 0


@dataclass(frozen=True)
class Product:
    """The files of a product, and the names in its metadata.

    Attributes:
        kind: Name of the product.
        file: Pattern of the metadata's file name, with the groups ``stem`` and ``level``.
        band: Name of the elements of ``bandCharacterisation``, one per band.
        tags: In each of them, the names of ``wavelength`` and ``fwhm`` [nm], ``gain`` and ``offset``.
        layers: The quality layers that are applied.
    """

    kind: str
    file: re.Pattern[str]
    band: str
    tags: Mapping[str, str]
    layers: Sequence[Layer]

    def metadata_in(self, folder: Path) -> list[Path]:
        """Metadata files of this product in a folder."""
        return sorted(path for path in folder.iterdir() if self.file.match(path.name))


@contextmanager
def open_product(product: Product, source: Source) -> Iterator[Image]:
    """Open a product: reflectance, bands in ascending order of wavelength. Bands without a wavelength are left out.

    Args:
        product: Which product it is.
        source: Its metadata file; the other files are beside it.

    Raises:
        InputError: If it is not of level 2A, files are missing, or they do not fit each other.
    """
    source.refuse_variable()
    name = product.file.match(source.path.name)
    if name is None or name["level"].upper() != "L2A":
        raise source.error(f"expected {product.kind}, got {name['level'] if name else 'another file'}")
    metadata = _band_metadata(product, source)
    wavelength = metadata["wavelength"]
    order = np.argsort(wavelength, kind="stable")
    order = order[wavelength[order] > 0]
    with ExitStack() as stack:
        path = _find_file(source, name["stem"], "SPECTRAL_IMAGE")
        if path is None:
            raise source.error(f"expected {name['stem']}-SPECTRAL_IMAGE.TIF beside it, got no such file")
        image = stack.enter_context(raster.open_with_gdal(source, path))
        stored = image.stored
        if stored.shape[2] != len(wavelength):
            raise source.error(f"expected {len(wavelength)} bands, as its metadata says, got {stored.shape[2]}", path)
        for layer in product.layers if source.quality else ():
            quality = _open_layer(source, stack, name["stem"], layer, stored.shape)
            if quality is not None:
                stored = replace(stored, masks=(*stored.masks, _mask(layer, quality)))
        stored = replace(stored, scale=metadata["gain"], offset=metadata["offset"])
        if not stored.nodata:
            stored = replace(stored, nodata=(BACKGROUND,))
        bands = Bands([f"band {band + 1}" for band in order], wavelength[order], metadata["fwhm"][order])
        yield stored.select(order).image(source, product.kind, bands=bands, grid=image.grid, unit="reflectance")


def _band_metadata(product: Product, source: Source) -> dict[str, PerBand]:
    """Numbers of each band in the XML, by the keys of ``product.tags``."""
    parent = next(parse_xml(source).iter("bandCharacterisation"), None)
    bands = [] if parent is None else parent.findall(product.band)
    if not bands:
        raise source.error(f"expected bandCharacterisation/{product.band} for each band, got none")
    return {key: np.array([read_number(source, band, tag) for band in bands]) for key, tag in product.tags.items()}


def _open_layer(
    source: Source, stack: ExitStack, stem: str, layer: Layer, shape: tuple[int, int, int]
) -> Stored | None:
    """A quality layer; None if the product has none."""
    expected = (*shape[:2], layer.bands or shape[2])
    for alternative, suffix in enumerate(layer.suffixes):
        path = _find_file(source, stem, suffix)
        if path is None:
            continue
        quality = stack.enter_context(raster.open_with_gdal(source, path)).stored
        if quality.shape == expected:
            return quality
        if not alternative:
            sizes = ["×".join(map(str, size)) for size in (expected, quality.shape)]
            raise source.error(f"expected {sizes[0]} values, to fit the spectral image, got {sizes[1]}", path)
    return None


def _mask(layer: Layer, quality: Stored) -> Cause:
    return Cause(f"{layer.description} (quality layer)", lambda rows, cols: layer.flags(quality.read(rows, cols)))


def _find_file(source: Source, stem: str, suffix: str) -> Path | None:
    """A GeoTIFF of the product, whatever the case of its name."""
    files = {path.name.lower(): path for path in source.path.parent.iterdir()}
    names = [f"{stem}-{suffix}{cog}.tif".lower() for cog in ("", "_COG")]  # the DLR's catalogue has copies as COG
    return next((files[name] for name in names if name in files), None)


def reader(product: Product) -> Reader:
    """The reader of a product."""

    def find(source: Source) -> Path | None:
        path = source.path
        if not path.is_dir():
            return path if product.file.match(path.name) else None
        files = product.metadata_in(path)
        if len(files) > 1:
            raise source.error(f"expected one {product.kind} in the folder, got {len(files)}; name the -METADATA.XML")
        return files[0] if files else None

    return Reader(product.kind, find, partial(open_product, product))
