"""Products of the DLR, EnMAP and DESIS: a GeoTIFF, its XML metadata, and quality layers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from xml.etree.ElementTree import Element

import numpy as np

from udaln.io.formats.products.quality_layer import Layer, layer_mask
from udaln.io.formats.products.tree import Tree, folder_of, is_archive, tree_of
from udaln.io.formats.products.xml import parse_xml, read_number
from udaln.io.formats.reader import Reader
from udaln.io.formats.source import Source
from udaln.io.formats.stored import PerBand, Stored
from udaln.io.image import Bands, Image

BACKGROUND = -32768.0  # no-data value of both products, if their files name none


@dataclass(frozen=True)
class Product:
    """The files of a product, and the names in its metadata.

    Attributes:
        kind: Name of the product.
        file: Pattern of the metadata's file name, with the groups ``stem`` and ``level``.
        band: Name of the elements of ``bandCharacterisation``, one per band.
        tags: In each of them, the names of ``wavelength`` and ``fwhm`` [nm], ``gain`` and ``offset``.
        layers: The quality layers that are applied.
        unused: Those that are not, by their file names after that of the product.
    """

    kind: str
    file: re.Pattern[str]
    band: str
    tags: Mapping[str, str]
    layers: Sequence[Layer]
    unused: Sequence[str] = ()

    def metadata_in(self, tree: Tree) -> list[str]:
        """Metadata files of this product in a folder or an archive."""
        return [name for name in tree.names if self.file.match(PurePosixPath(name).name)]


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
    tree, file = _files(product, source)
    name = product.file.match(PurePosixPath(file).name)
    if name is None or name["level"].upper() != "L2A":
        level = name["level"] if name else "another file"
        raise source.error(f"expected {product.kind}, got {level}; order the scene as L2A, reflectance on a map grid")
    root = parse_xml(source, tree.read(source, file), tree.place(file))
    metadata, stem = _band_metadata(product, source, root), f"{folder_of(file)}/{name['stem']}".lstrip("/")
    wavelength, notes = metadata["wavelength"], list[str]()
    order = np.argsort(wavelength, kind="stable")
    order = order[wavelength[order] > 0]
    if len(order) < len(wavelength):
        notes.append(f"{len(wavelength) - len(order)} of {len(wavelength)} bands have no wavelength and are left out")
    with ExitStack() as stack:
        path = _find_file(tree, stem, "SPECTRAL_IMAGE")
        if path is None:
            raise source.error(f"expected {name['stem']}-SPECTRAL_IMAGE.TIF beside it, got no such file")
        image = stack.enter_context(tree.open(source, path))
        stored = image.stored
        if stored.shape[2] != len(wavelength):
            got = f"expected {len(wavelength)} bands, as its metadata says, got {stored.shape[2]}"
            raise source.error(got, tree.place(path))
        if not stored.nodata:
            stored = replace(stored, nodata=(_background(root),))
        for layer in product.layers if source.quality else ():
            quality = _open_layer(source, stack, tree, stem, layer, stored.shape)
            if quality is not None:
                mask, note = layer_mask(layer, quality, stored)
                stored = replace(stored, masks=(*stored.masks, mask))
                notes += note
        unused = [suffix for suffix in product.unused if _find_file(tree, stem, suffix)]
        if unused:
            notes.append(f"{', '.join(unused)}: not used")
        stored = replace(stored, scale=metadata["gain"], offset=metadata["offset"])
        fwhm: PerBand | None = metadata["fwhm"][order]
        if np.isnan(metadata["fwhm"]).any():
            fwhm = None
            notes.append(f"{product.tags['fwhm']}: no numbers for some bands, set aside")
        bands = Bands([f"band {band + 1}" for band in order], wavelength[order], fwhm)
        yield stored.select(order).image(
            source, product.kind, bands=bands, grid=image.grid, unit="reflectance", notes=notes
        )


def _files(product: Product, source: Source) -> tuple[Tree, str]:
    """The files of a product, and its metadata file among them."""
    if not is_archive(source.path):
        return tree_of(source.path.parent, deep=False), source.path.name
    tree = tree_of(source.path)
    files = product.metadata_in(tree)
    if len(files) != 1:
        raise source.error(f"expected one {product.kind} in the archive, got {len(files)}; unpack it")
    return tree, files[0]


def _band_metadata(product: Product, source: Source, root: Element) -> dict[str, PerBand]:
    """Numbers of each band in the XML, by the keys of ``product.tags``."""
    parent = next(root.iter("bandCharacterisation"), None)
    bands = [] if parent is None else parent.findall(product.band)
    if not bands:
        raise source.error(f"expected bandCharacterisation/{product.band} for each band, got none")
    optional = {"fwhm": float("nan")}
    return {
        key: np.array([read_number(source, band, tag, optional.get(key)) for band in bands])
        for key, tag in product.tags.items()
    }


def _background(root: Element) -> float:
    """The number of pixels outside of the scene."""
    try:
        return float(root.findtext(".//backgroundValue", ""))
    except ValueError:
        return BACKGROUND


def _open_layer(
    source: Source, stack: ExitStack, tree: Tree, stem: str, layer: Layer, shape: tuple[int, int, int]
) -> Stored | None:
    """A quality layer; None if the product has none."""
    expected = (*shape[:2], layer.bands or shape[2])
    for alternative, suffix in enumerate(layer.suffixes):
        path = _find_file(tree, stem, suffix)
        if path is None:
            continue
        quality = stack.enter_context(tree.open(source, path)).stored
        if quality.shape == expected:
            return quality
        if not alternative:
            sizes = ["×".join(map(str, size)) for size in (expected, quality.shape)]
            raise source.error(
                f"expected {sizes[0]} values, to fit the spectral image, got {sizes[1]}", tree.place(path)
            )
    return None


def _find_file(tree: Tree, stem: str, suffix: str) -> str | None:
    """A GeoTIFF of the product, whatever the case of its name."""
    files = {name.lower(): name for name in tree.names}
    names = [f"{stem}-{suffix}{cog}.tif".lower() for cog in ("", "_COG")]  # the DLR's catalogue has copies as COG
    return next((files[name] for name in names if name in files), None)


def reader(product: Product) -> Reader:
    """The reader of a product."""
    image = re.compile(product.file.pattern.replace(r"METADATA\.XML", r"SPECTRAL_IMAGE(_COG)?\.TIFF?"), re.IGNORECASE)

    def find(source: Source) -> Path | None:
        path = source.path
        if is_archive(path):
            return path if product.metadata_in(tree_of(path)) else None
        if not path.is_dir():
            found = image.match(path.name)
            if found is None or found["level"].upper() != "L2A":
                return path if product.file.match(path.name) else None
            beside = [part for part in path.parent.iterdir() if _is_metadata(product, part, found["stem"])]
            return beside[0] if beside else None
        files = product.metadata_in(tree_of(path, deep=False))
        if len(files) > 1:
            raise source.error(f"expected one {product.kind} in the folder, got {len(files)}; name the -METADATA.XML")
        images = [part.name for part in path.iterdir() if image.match(part.name)]
        if images and not files:
            raise source.error(
                f"expected the -METADATA.XML of {product.kind} in it, got none; name {images[0]} to read numbers alone"
            )
        return path / files[0] if files else None

    return Reader(product.kind, find, partial(open_product, product))


def _is_metadata(product: Product, path: Path, stem: str) -> bool:
    name = product.file.match(path.name)
    return name is not None and name["stem"].lower() == stem.lower()
