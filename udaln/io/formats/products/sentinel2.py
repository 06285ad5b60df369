"""Sentinel-2 L2A and L1C: reflectance of the bands of one tile, of one resolution or of 10 m and 20 m together.

Source: Sentinel-2 Products Specification Document, S2-PDGS-TAS-DI-PSD, issue 14.9.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from udaln.errors import InputError
from udaln.io.formats.products.sentinel2_metadata import IDS, L2A, LEVELS, Metadata, padded, read_metadata
from udaln.io.formats.products.tree import Tree, folder_of, is_archive, tree_of
from udaln.io.formats.products.xml import parse_xml
from udaln.io.formats.raster.reader import Raster
from udaln.io.formats.reader import Reader
from udaln.io.formats.source import Source
from udaln.io.formats.stored import Stored, joined
from udaln.io.image import Cause, Image
from udaln.io.sharpened import sharpened

NODATA = 0.0
ALL = "all"
# classes of the scene classification of L2A that are masked
UNUSABLE = {0: "no data", 1: "saturated", 3: "cloud shadow", 8: "cloud", 9: "cloud", 10: "cirrus"}


@contextmanager
def open_sentinel2(source: Source) -> Iterator[Image]:
    """Open a product: the folder .SAFE as it is distributed, its MTD_MSIL2A.xml or MTD_MSIL1C.xml, or its .zip.

    Reflectance is (number + offset) / quantification value; before processing baseline 04.00 there is no offset.
    ``source.variable`` is ``10m``, ``20m`` or ``60m``, which are the images of that resolution, ``all``, which are the
    bands of 10 m and those of 20 m sharpened, or names of bands: ``B4+B8+B11``. None stands for ``10m`` or, where the
    user named the image of a band, for that one.
    Pixels that the product's classification calls unusable are NaN in all bands.

    Raises:
        InputError: If files are missing or do not match each other.
    """
    tree, name = _product(source)
    level = next(level for level in LEVELS if name.endswith(level.metadata))
    where = tree.place(name)
    metadata = read_metadata(source, level, parse_xml(source, tree.read(source, name), where), where)
    parts = _parts(source, metadata)
    with ExitStack() as stack:
        images = [_open_part(source, stack, tree, folder_of(name), metadata, *part) for part in parts]
        if len(images) == 1:
            yield images[0]
            return
        names = [band for _, bands in parts for band in bands]
        note = (
            f"{', '.join(padded(band) for band in parts[1][1])}: of pixels of 20 m, sharpened by those of 10 m, "
            f"{', '.join(padded(band) for band in parts[0][1])}"
        )
        order = sorted(range(len(names)), key=lambda band: IDS.index(names[band]))
        image = sharpened(images[0], images[1], order)
        yield replace(image, notes=(*image.notes, note))


def _parts(source: Source, metadata: Metadata) -> list[tuple[str, list[str]]]:
    """The resolutions that the user's choice takes, and the bands of each."""
    images = metadata.level.images
    named = _IMAGE.fullmatch(Path(source.user_path).name)
    if source.variable is None and named is not None:
        band = _band(named["band"])
        return [(named["size"] or next((size for size, bands in images.items() if band in bands), "10m"), [band])]
    variable = (source.variable or "10m").strip()
    if variable.lower() in (*images, ALL):
        variable = variable.lower()
    if variable in images:
        return [(variable, images[variable])]
    sharp, coarse = images["10m"], [band for band in images["20m"] if band not in images["10m"]]
    names = [*sharp, *coarse] if variable == ALL else [_band(name) for name in re.split(r"[\s,+]+", variable)]
    if not names or not set(names) <= set(IDS) or len(set(names)) < len(names):
        holds = f"{', '.join(images)}, {ALL} or bands such as B4+B8+B11"
        raise InputError(f"{source.variable_key}: {source.path} holds {holds}, got {variable!r}")
    chosen = [("10m", [name for name in sharp if name in names]), ("20m", [name for name in coarse if name in names])]
    chosen = [(size, bands) for size, bands in chosen if bands]
    if sum(len(bands) for _, bands in chosen) == len(names):
        return chosen if len(chosen) == 1 else [("10m", sharp if variable == ALL else chosen[0][1]), chosen[1]]
    if set(names) <= set(images["60m"]):
        return [("60m", [name for name in images["60m"] if name in names])]
    raise InputError(
        f"{source.variable_key}: expected bands of 10 m and 20 m or those of 60m, {', '.join(images['60m'])}, "
        f"got {variable!r}"
    )


def _band(name: str) -> str:
    """The name of a band as in the metadata: B2 for b02."""
    name = name.strip().upper()
    return next((known for known in IDS if name in (known, padded(known))), name)


def _open_part(
    source: Source, stack: ExitStack, tree: Tree, root: str, metadata: Metadata, size: str, names: list[str]
) -> Image:
    """The image of bands of one resolution."""
    level = metadata.level
    rasters = _open_bands(source, stack, tree, root, [(name, level.pattern(name, size)) for name in names])
    rows, columns, _ = rasters[0].stored.shape
    masks, notes = _masks(source, stack, tree, root, metadata, size, (rows, columns))
    stored = replace(
        joined([band.stored for band in rasters]),
        scale=1 / metadata.quantification,
        offset=np.array([metadata.offsets[name] for name in names]) / metadata.quantification,
        nodata=(NODATA,),
        masks=masks,
    )
    bands, grid = metadata.bands(names), rasters[0].grid
    notes = [*metadata.notes, *notes]
    return stored.image(source, level.kind, bands=bands, grid=grid, unit="reflectance", notes=notes)


def _open_bands(
    source: Source, stack: ExitStack, tree: Tree, root: str, bands: Sequence[tuple[str, str]]
) -> list[Raster]:
    """The rasters of bands, all of the same size."""
    rasters: list[Raster] = []
    for _, pattern in bands:
        files = _files(tree, root, pattern)
        if len(files) != 1:
            raise source.error(f"expected one {_readable(pattern)}, got {len(files)}", tree.place(root))
        rasters.append(stack.enter_context(tree.open(source, files[0])))
        if rasters[-1].stored.shape != (*rasters[0].stored.shape[:2], 1):
            sizes = ["×".join(map(str, band.stored.shape)) for band in (rasters[0], rasters[-1])]
            raise source.error(f"expected {sizes[0]} numbers as in {bands[0][0]}, got {sizes[1]}", tree.place(files[0]))
    return rasters


def _files(tree: Tree, root: str, pattern: str) -> list[str]:
    return tree.find(rf"GRANULE/[^/]+/{pattern}", root)


def _readable(pattern: str) -> str:
    return pattern.replace("[^/]*", "*").replace("\\", "")


def _masks(
    source: Source,
    stack: ExitStack,
    tree: Tree,
    root: str,
    metadata: Metadata,
    size: str,
    sides: tuple[int, int],
) -> tuple[list[Cause], list[str]]:
    """What the product's classification calls unusable, and a note if there is none."""
    if not source.quality:
        return [], []
    pattern = metadata.level.classes("60m" if size == "60m" else "20m")
    files = _files(tree, root, pattern)
    if len(files) != 1:
        key = f"{source.key}_mask"
        return [], [f"{_readable(pattern)}: missing, so that clouds are not masked; {key}=FILE masks them"]
    classes = stack.enter_context(tree.open(source, files[0])).stored
    what = "opaque cloud, cirrus (MSK_CLASSI)"
    if metadata.level is L2A:
        what = f"{', '.join(dict.fromkeys(UNUSABLE.values()))} (scene classification)"
    return [Cause(what, _ClassMask(source, tree.place(files[0]), classes, sides))], []


class _ClassMask:
    """Mask of the unusable classes, whose pixels may be larger than the image's.

    The classification of L2A has one band of classes; that of L1C has a band for opaque clouds, cirrus and snow each.
    """

    def __init__(self, source: Source, path: Path, classes: Stored, sides: tuple[int, int]) -> None:
        self.classes, self.factor = classes, max(1, sides[0] // classes.shape[0])
        if (classes.shape[0] * self.factor, classes.shape[1] * self.factor) != sides or classes.shape[2] not in (1, 3):
            size, got = ("×".join(map(str, part)) for part in (sides, classes.shape))
            raise source.error(f"expected classes of whole pixels of an image of {size}, got {got}", path)

    def __call__(self, rows: slice, cols: slice) -> NDArray[np.bool_]:
        outer = [slice(part.start // self.factor, -(-part.stop // self.factor)) for part in (rows, cols)]
        classes = self.classes.read(*outer)
        flags = np.isin(classes[..., 0], list(UNUSABLE)) if classes.shape[2] == 1 else (classes[..., :2] != 0).any(2)
        i, j = (
            np.arange(part.start, part.stop) // self.factor - wide.start
            for part, wide in zip((rows, cols), outer, strict=True)
        )
        return flags[np.ix_(i, j)][..., None]


def _product(source: Source) -> tuple[Tree, str]:
    """The files of the product, and its metadata file in them."""
    path = source.path
    if path.name in _METADATA:
        return tree_of(path.parent), path.name
    tree = tree_of(path)
    names = _metadata_in(tree)
    if len(names) != 1:
        got = ", ".join(names) or "none"
        raise source.error(f"expected one product with its {' or '.join(_METADATA)}, got {got}")
    return tree, names[0]


_METADATA = tuple(level.metadata for level in LEVELS)


def _metadata_in(tree: Tree) -> list[str]:
    return tree.find(rf"([^/]+/){{0,2}}({'|'.join(_METADATA)})")


_IMAGE = re.compile(r".+_(?P<band>B\d[\dA])(_(?P<size>\d0m))?\.jp2", re.IGNORECASE)


def _find(source: Source) -> Path | None:
    path = source.path
    if path.is_dir():
        folders = [path, *(sorted(path.glob("*.SAFE")) if path.suffix.upper() != ".SAFE" else [])]
        files = [folder / name for folder in folders for name in _METADATA if (folder / name).exists()]
        if len(files) > 1:
            raise source.error(f"expected one product in the folder, got {len(files)}; name one folder .SAFE")
        if not files and path.suffix.upper() == ".SAFE":
            raise source.error(f"expected {' or '.join(_METADATA)} in it, got neither; unpack the product as it is")
        return files[0] if files else None
    if path.name == "manifest.safe":
        return next((path.with_name(name) for name in _METADATA if path.with_name(name).exists()), None)
    if path.name in _METADATA:
        return path
    if _IMAGE.fullmatch(path.name):
        files = [folder / name for folder in path.parents[3:5] for name in _METADATA]
        return next((file for file in files if file.exists()), None)
    return path if is_archive(path) and _metadata_in(tree_of(path)) else None


READER = Reader("Sentinel-2", _find, open_sentinel2)
