"""Landsat Collection 2 Level-2: surface reflectance of the bands of 30 m of Landsat 4 to 9.

Source: USGS, Landsat 8-9 Collection 2 Level 2 Science Product Guide, LSDS-1619; Landsat 4-7, LSDS-1618.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from udaln.io.formats.products.tree import Tree, folder_of, is_archive, tree_of
from udaln.io.formats.products.xml import parse_xml
from udaln.io.formats.raster.reader import Raster
from udaln.io.formats.reader import Reader
from udaln.io.formats.source import Source
from udaln.io.formats.stored import Stored, joined
from udaln.io.image import Bands, Cause, Image

SCALE, OFFSET = 2.75e-5, -0.2  # of all products so far; the metadata repeat them
FILL = 0.0
GROUP = "LEVEL2_SURFACE_REFLECTANCE_PARAMETERS"
CLOUDS = {0: "fill", 1: "dilated cloud", 2: "cirrus", 3: "cloud", 4: "cloud shadow"}  # bits of QA_PIXEL
_OLI = {
    "coastal": (435, 451),
    "blue": (452, 512),
    "green": (533, 590),
    "red": (636, 673),
    "nir": (851, 879),
    "swir1": (1566, 1651),
    "swir2": (2107, 2294),
}
_TM = {  # band 6 is thermal
    "blue": (450, 520),
    "green": (520, 600),
    "red": (630, 690),
    "nir": (760, 900),
    "swir1": (1550, 1750),
    "swir2": (2080, 2350),
}
_SCENE = r"(?P<scene>L(?P<sensor>[COTE])0\d_(?P<level>L\d\w\w)_\d{6}_\d{8}_\d{8}_\d\d_\w\w)"
_BAND = re.compile(_SCENE + r"_SR_B(?P<band>\d)\.TIFF?", re.IGNORECASE)
_METADATA = re.compile(_SCENE + r"_MTL\.(txt|xml)", re.IGNORECASE)


@contextmanager
def open_landsat(source: Source) -> Iterator[Image]:
    """Open a product: its folder, its archive, its ``_MTL.txt`` or ``_MTL.xml``, or the raster of one band.

    Reflectance is 2.75e-5 · number − 0.2 unless the metadata say otherwise. Bands are named coastal, blue, green, red,
    nir, swir1, swir2. Pixels that QA_PIXEL calls fill, cloud, next to cloud, cirrus or shadow are NaN, and values that
    QA_RADSAT calls saturated.

    Raises:
        InputError: If bands are missing or do not match each other.
    """
    source.refuse_variable()
    tree, scene = _scene(source)
    name = re.fullmatch(_SCENE, PurePosixPath(scene).name, re.IGNORECASE)
    assert name is not None
    edges: Mapping[str, tuple[int, int]] = _OLI if name["sensor"].upper() in "CO" else _TM
    numbers = tuple(number for number in range(1, 8) if edges is _OLI or number != 6)
    if (alone := _BAND.fullmatch(Path(source.user_path).name)) is not None and int(alone["band"]) in numbers:
        chosen = numbers.index(int(alone["band"]))
        numbers, edges = numbers[chosen : chosen + 1], dict([list(edges.items())[chosen]])
    scaling, notes = _scaling(source, tree, scene, numbers)
    with ExitStack() as stack:
        rasters = [_open(source, stack, tree, f"{scene}_SR_B{number}") for number in numbers]
        first = rasters[0].stored.shape
        masks: list[Cause] = []
        for suffix in ("QA_PIXEL", "QA_RADSAT") if source.quality else ():
            files = tree.find(rf"{re.escape(scene)}_{suffix}\.TIFF?")
            if not files:
                lost = "clouds" if suffix == "QA_PIXEL" else "saturated values"
                notes.append(f"*_{suffix}.TIF: missing, so that {lost} are not masked")
                continue
            rasters.append(_open(source, stack, tree, f"{scene}_{suffix}"))
            quality = rasters[-1].stored
            masks.append(_clouds(quality) if suffix == "QA_PIXEL" else _saturated(quality, numbers))
        for part in rasters:
            if part.stored.shape != first:
                sizes = ["×".join(map(str, shape)) for shape in (first, part.stored.shape)]
                raise source.error(f"expected {sizes[0]} numbers in all rasters of {scene}, got {sizes[1]}")
        images = rasters[: len(numbers)]
        stored = joined([band.stored for band in images])
        stored = replace(stored, scale=scaling[0], offset=scaling[1], nodata=(FILL,), masks=masks)
        kind, bands = f"Landsat {name['scene'][3]} {name['level'].upper()}", Bands.between(edges)
        yield stored.image(source, kind, bands=bands, grid=images[0].grid, unit="reflectance", notes=notes)


def _open(source: Source, stack: ExitStack, tree: Tree, name: str) -> Raster:
    """One raster of a scene."""
    files = tree.find(rf"{re.escape(name)}\.TIFF?")
    if len(files) != 1:
        raise source.error(f"expected {PurePosixPath(name).name}.TIF in it, got {len(files)} of them")
    return stack.enter_context(tree.open(source, files[0]))


def _clouds(quality: Stored) -> Cause:
    bits = sum(1 << bit for bit in CLOUDS)
    return Cause(f"{', '.join(CLOUDS.values())} (QA_PIXEL)", lambda rows, cols: quality.read(rows, cols) & bits != 0)


def _saturated(quality: Stored, numbers: Sequence[int]) -> Cause:
    bits = np.array([1 << (number - 1) for number in numbers])

    def flags(rows: slice, cols: slice) -> NDArray[np.bool_]:
        marked: NDArray[np.bool_] = quality.read(rows, cols) & bits != 0
        return marked

    return Cause("saturated (QA_RADSAT)", flags)


def _scaling(
    source: Source, tree: Tree, scene: str, numbers: Sequence[int]
) -> tuple[tuple[NDArray[np.float64], NDArray[np.float64]], list[str]]:
    """Scale and offset of the bands, and a note if the metadata do not have them."""
    usual = np.full(len(numbers), SCALE), np.full(len(numbers), OFFSET)
    files = tree.find(rf"{re.escape(scene)}_MTL\.(txt|xml)")
    if not files:
        return usual, [f"*_MTL.txt: missing, so that reflectance is {SCALE:g} · number − {-OFFSET:g}, as usual"]
    text = tree.read(source, files[0])
    try:
        values = _from_xml(source, text, tree.place(files[0])) if files[0].lower().endswith("xml") else _from_text(text)
        keys = [[f"REFLECTANCE_{kind}_BAND_{number}" for number in numbers] for kind in ("MULT", "ADD")]
        scale, offset = (np.array([float(values[key]) for key in part]) for part in keys)
    except (KeyError, ValueError) as error:
        what = f"{PurePosixPath(files[0]).name}: {GROUP} has no {error.args[0]}"
        return usual, [f"{what}; reflectance is {SCALE:g} · number − {-OFFSET:g}, as usual"]
    return (scale, offset), []


def _from_text(text: bytes) -> Mapping[str, str]:
    """The values of the group in metadata of nested ``GROUP = …`` and ``KEY = value``."""
    values: dict[str, str] = {}
    inside = False
    for line in text.decode("utf-8", "replace").splitlines():
        key, _, value = (part.strip() for part in line.partition("="))
        if key in ("GROUP", "END_GROUP") and value == GROUP:
            inside = key == "GROUP"
        elif inside:
            values[key] = value.strip('"')
    return values


def _from_xml(source: Source, text: bytes, path: Path) -> Mapping[str, str]:
    group = parse_xml(source, text, path).find(f".//{GROUP}")
    return {} if group is None else {element.tag: element.text or "" for element in group}


def _scenes(tree: Tree) -> list[str]:
    """The scenes with surface reflectance in a folder or an archive, as their files begin."""
    names = {
        f"{folder_of(name)}/{match['scene']}".lstrip("/")
        for name in tree.names
        if (match := _BAND.fullmatch(PurePosixPath(name).name))
    }
    return sorted(names)


def _only_scene(source: Source, tree: Tree) -> str:
    scenes = _scenes(tree)
    if len(scenes) != 1:
        raise source.error(f"expected one scene, got {len(scenes)}: {', '.join(scenes)}; name the _MTL.txt of one")
    return scenes[0]


def _scene(source: Source) -> tuple[Tree, str]:
    """The files, and how those of the scene begin."""
    archive = is_archive(source.path)
    tree = tree_of(source.path if archive else source.path.parent, deep=False)
    if not archive and (match := _METADATA.fullmatch(source.path.name)):
        if not match["level"].upper().startswith("L2"):
            raise source.error(f"expected a Level-2 product, got {match['level']}; {_ORDER}")
        return tree, match["scene"]
    if not archive and (band := _BAND.fullmatch(source.path.name)):
        return tree, band["scene"]
    return tree, _only_scene(source, tree)


_ORDER = "order the scene as Collection 2 Level-2, L2SP, which has files _SR_B….TIF"


def _find(source: Source) -> Path | None:
    path = source.path
    if not path.is_dir():
        if is_archive(path):
            tree = tree_of(path)
            _refuse_level_1(source, tree)
            return path if _scenes(tree) else None
        return path if _METADATA.fullmatch(path.name) or _BAND.fullmatch(path.name) else None
    tree = tree_of(path, deep=False)
    _refuse_level_1(source, tree)
    if not _scenes(tree):
        return None
    _only_scene(source, tree)
    return path / next(name for name in tree.names if _BAND.fullmatch(name))


def _refuse_level_1(source: Source, tree: Tree) -> None:
    for name in tree.names:
        match = _METADATA.fullmatch(PurePosixPath(name).name)
        if match and match["level"].upper().startswith("L1") and not _scenes(tree):
            raise source.error(f"expected a Level-2 product, got {match['level']}; {_ORDER}")


READER = Reader("Landsat Level-2", _find, open_landsat)
