"""PlanetScope: the bands of one scene, with the usable data mask that lies beside them.

Source: Planet Labs, Planet Imagery Product Specifications, and the support articles on the asset ortho_udm2 and on the
order of the bands of the 8-band asset.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from udaln.io.formats.raster.reader import open_with_gdal
from udaln.io.formats.reader import Reader
from udaln.io.formats.source import Source
from udaln.io.formats.stored import Stored
from udaln.io.image import Bands, Cause, Flags, Image

REFLECTANCE, RADIANCE = 1e-4, 0.01  # of a number, of surface reflectance and of radiance [W/(m² sr µm)]
FILL = 0.0
EDGES = {  # of the instrument PSB.SD, SuperDove [nm]
    "coastal_blue": (431, 452),
    "blue": (465, 515),
    "green_i": (513, 549),
    "green": (547, 583),
    "yellow": (600, 620),
    "red": (650, 680),
    "red_edge": (697, 713),
    "nir": (845, 885),
}
FOUR = ["blue", "green", "red", "nir"]
CLEAR, SNOW = 0, 1  # bands of the mask; then shadow, light haze, heavy haze, cloud, confidence, old mask
_IMAGE = re.compile(r"(?P<scene>.+)_AnalyticMS(?P<surface>_SR)?(?P<rest>(_\w+)?)\.tiff?", re.IGNORECASE)


@contextmanager
def open_planet(source: Source) -> Iterator[Image]:
    """Open ``…_AnalyticMS_SR_8b….tif`` or one of its kin: of 8 or 4 bands, of surface reflectance or radiance.

    Pixels that ``…_udm2….tif`` does not call clear are NaN, but for snow.

    Raises:
        InputError: If it cannot be read.
    """
    source.refuse_variable()
    name = _IMAGE.fullmatch(source.path.name)
    assert name is not None
    with ExitStack() as stack:
        image = stack.enter_context(open_with_gdal(source, source.path))
        stored, notes = image.stored, list[str]()
        if source.quality:
            mask = _mask(source, stack, name["scene"], name["rest"], stored.shape)
            if mask is None:
                notes.append(f"{name['scene']}_*udm2*.tif: none of its size beside it, so that clouds are not masked")
            else:
                stored = replace(stored, masks=(mask,))
        scale = REFLECTANCE if name["surface"] else RADIANCE
        stored = replace(stored, scale=scale, nodata=stored.nodata or (FILL,))
        bands = image.bands
        if stored.shape[2] in (len(EDGES), len(FOUR)):
            # only of the eight is the instrument known, and with it their wavelengths
            bands = Bands.between(EDGES) if stored.shape[2] == len(EDGES) else Bands(FOUR)
        else:
            notes.append(f"{stored.shape[2]} bands, expected {len(EDGES)} or {len(FOUR)}: their names are not known")
        unit = "reflectance" if name["surface"] else "W/(m² sr µm)"
        yield stored.image(source, "PlanetScope", bands=bands, grid=image.grid, unit=unit, notes=notes)


def _mask(source: Source, stack: ExitStack, scene: str, rest: str, shape: tuple[int, int, int]) -> Cause | None:
    """The usable data mask beside an image; the one whose name ends as that of the image, if there are several."""
    pattern = re.compile(rf"{re.escape(scene)}_.*udm2.*\.tiff?", re.IGNORECASE)
    files = sorted(path for path in source.path.parent.iterdir() if pattern.fullmatch(path.name))
    end = rest.lower().rpartition("_")[2]
    files.sort(key=lambda path: not (end and path.stem.lower().endswith(end)))
    for path in files:
        mask = stack.enter_context(open_with_gdal(source, path)).stored
        if mask.shape[:2] == shape[:2] and mask.shape[2] > SNOW:
            return Cause("shadow, haze, cloud (udm2)", _unclear(mask))
    return None


def _unclear(mask: Stored) -> Flags:
    def flags(rows: slice, cols: slice) -> NDArray[np.bool_]:
        values = mask.read(rows, cols)
        unclear: NDArray[np.bool_] = ((values[..., CLEAR] == 0) & (values[..., SNOW] == 0))[..., None]
        return unclear

    return flags


def _find(source: Source) -> Path | None:
    path = source.path
    if not path.is_dir():
        return path if _IMAGE.fullmatch(path.name) and "udm" not in path.name.lower() else None
    files = [part for part in path.iterdir() if _IMAGE.fullmatch(part.name) and "udm" not in part.name.lower()]
    if len(files) > 1:
        names = ", ".join(sorted(part.name for part in files))
        raise source.error(f"expected one PlanetScope image in the folder, got {len(files)}; name one of {names}")
    return files[0] if files else None


READER = Reader("PlanetScope", _find, open_planet)
