"""What EnMAP's and DESIS' products, both made by the DLR, have in common: a GeoTIFF, its XML and quality layers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from udaln.io.formats import raster
from udaln.io.formats.source import Source
from udaln.io.formats.stored import Stored
from udaln.io.formats.xml import number, parsed
from udaln.io.image import Bands, Image

BACKGROUND = -32768.0  # no data in the reflectance of both, if neither file says so


@dataclass(frozen=True)
class Layer:
    """A quality layer.

    Attributes:
        ends: How the name of its file ends, after the product's own. Files of a second name count if their bands fit.
        words: What it tells of.
        bands: How many it has; none if one for each of the image's.
        flags: Where its values, h×w×(its bands), tell that: h×w×1 or h×w×(the image's bands) bool.
    """

    ends: Sequence[str]
    words: str
    bands: int | None = 1
    flags: Callable[[NDArray[Any]], NDArray[np.bool_]] = lambda values: values != 0


@dataclass(frozen=True)
class Product:
    """How a product is laid out.

    Attributes:
        kind: In words.
        file: A pattern of its metadata's name; the group ``level`` is L2A.
        band: The elements of the XML's ``bandCharacterisation``, one a band.
        tags: In each, those of ``wavelength`` and ``fwhm`` [nm], ``gain`` and ``offset``.
        layers: The quality layers that count.
    """

    kind: str
    file: re.Pattern[str]
    band: str
    tags: Mapping[str, str]
    layers: Sequence[Layer]

    def metadata_in(self, folder: Path) -> list[Path]:
        """The metadata of the products in a folder."""
        return sorted(path for path in folder.iterdir() if self.file.match(path.name))


@contextmanager
def open_product(product: Product, source: Source) -> Iterator[Image]:
    """Open a product by its metadata: reflectance, bands in order of ascending wavelength.

    Bands without a wavelength are left out.

    Raises:
        InputError: If it is not of level 2A, files are missing, or they do not fit each other.
    """
    source.without_variable()
    name = product.file.match(source.path.name)
    if name is None or name["level"].upper() != "L2A":
        raise source.wrong(f"expected {product.kind}, got {name['level'] if name else 'another file'}")
    found = next(parsed(source).iter("bandCharacterisation"), None)
    described = [] if found is None else found.findall(product.band)
    if not described:
        raise source.wrong(f"expected bandCharacterisation/{product.band} for each band, got none")
    about = {key: np.array([number(source, band, tag) for band in described]) for key, tag in product.tags.items()}
    order = np.argsort(about["wavelength"], kind="stable")
    order = order[about["wavelength"][order] > 0]
    with ExitStack() as stack:
        path = _file(source, name["stem"], "SPECTRAL_IMAGE")
        if path is None:
            raise source.wrong(f"expected {name['stem']}-SPECTRAL_IMAGE.TIF beside it, got no such file")
        image = stack.enter_context(raster.opened(source, path))
        stored = image.stored
        if stored.shape[2] != len(described):
            raise source.wrong(f"expected {len(described)} bands, as its metadata says, got {stored.shape[2]}", path)
        masked = []
        for layer in product.layers if source.quality else ():
            quality = _opened(source, stack, name["stem"], layer, stored.shape)
            if quality is not None:
                stored = replace(stored, masks=(*stored.masks, _mask(layer, quality)))
                masked.append(layer.words)
        nodata = BACKGROUND if image.nodata is None else image.nodata
        stored = replace(stored, scale=about["gain"], offset=about["offset"], nodata=nodata)
        yield Image(
            source.named,
            product.kind,
            (*stored.shape[:2], len(order)),
            stored.becomes,
            lambda rows, cols: np.ascontiguousarray(stored.values(rows, cols)[..., order]),
            Bands([f"band {band + 1}" for band in order], about["wavelength"][order], about["fwhm"][order]),
            image.grid,
            "reflectance",
            nodata,
            f"{', '.join(masked)} (quality layers)" if masked else "",
        )


def _opened(source: Source, stack: ExitStack, stem: str, layer: Layer, shape: tuple[int, int, int]) -> Stored | None:
    expected = (*shape[:2], layer.bands or shape[2])
    for alternative, end in enumerate(layer.ends):
        path = _file(source, stem, end)
        if path is None:
            continue
        quality = stack.enter_context(raster.opened(source, path)).stored
        if quality.shape == expected:
            return quality
        if not alternative:
            sizes = ["×".join(map(str, size)) for size in (expected, quality.shape)]
            raise source.wrong(f"expected {sizes[0]} values, to fit the spectral image, got {sizes[1]}", path)
    return None


def _mask(layer: Layer, quality: Stored) -> Callable[[slice, slice], NDArray[np.bool_]]:
    def mask(rows: slice, cols: slice) -> NDArray[np.bool_]:
        flags = layer.flags(quality.read(rows, cols))
        return flags[..., 0] if flags.shape[2] == 1 else flags

    return mask


def _file(source: Source, stem: str, end: str) -> Path | None:
    there = {path.name.lower(): path for path in source.path.parent.iterdir()}
    names = [f"{stem}-{end}{cog}.tif".lower() for cog in ("", "_COG")]  # the DLR's catalogue has copies as COG
    return next((there[name] for name in names if name in there), None)
