"""Small multispectral products of the layouts that agencies and companies deliver; see ``made_up_products``."""

from pathlib import Path

import numpy as np
from made_up_products import STEP, Place, write_raster

OF_30_M, OF_3_M, OF_2_M = Place(), Place(size=3.0), Place(size=2.0)

LANDSAT = "LC08_L2SP_192030_20240830_20240905_02_T1"


def landsat(folder, cube, place=OF_30_M, *, scene=LANDSAT, metadata="txt", quality=None, saturated=None) -> Path:
    """Landsat Collection 2 Level-2. NaN is fill.

    ``metadata``: ``txt``, ``xml`` or None for none; ``quality``, ``saturated``: QA_PIXEL and QA_RADSAT, clear if None.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    numbers = (1, 2, 3, 4, 5, 6, 7) if scene[1] == "C" else (1, 2, 3, 4, 5, 7)
    for band, number in enumerate(numbers):
        stored = np.where(np.isnan(cube[..., band]), 0, np.rint((np.nan_to_num(cube[..., band]) + 0.2) / 2.75e-5))
        write_raster(folder / f"{scene}_SR_B{number}.TIF", stored.astype(np.uint16), place, nodata=0)
    write_raster(folder / f"{scene}_ST_B10.TIF", np.ones(cube.shape[:2], np.uint16), place)
    clear = np.full(cube.shape[:2], 21824)
    write_raster(folder / f"{scene}_QA_PIXEL.TIF", (clear if quality is None else quality).astype(np.uint16), place)
    saturated = np.zeros(cube.shape[:2]) if saturated is None else saturated
    write_raster(folder / f"{scene}_QA_RADSAT.TIF", saturated.astype(np.uint16), place)
    groups = {  # level 1 has factors of the same names
        "LEVEL1_RADIOMETRIC_RESCALING": (2e-5, -0.1),
        "LEVEL2_SURFACE_REFLECTANCE_PARAMETERS": (2.75e-5, -0.2),
    }
    text, xml = "GROUP = LANDSAT_METADATA_FILE\n", "<LANDSAT_METADATA_FILE>"
    for group, (scale, offset) in groups.items():
        factors = (("MULT", scale), ("ADD", offset))
        keys = {f"REFLECTANCE_{kind}_BAND_{number}": value for kind, value in factors for number in numbers}
        lines = "".join(f"    {key} = {value}\n" for key, value in keys.items())
        text += f"  GROUP = {group}\n{lines}  END_GROUP = {group}\n"
        xml += f"<{group}>{''.join(f'<{key}>{value}</{key}>' for key, value in keys.items())}</{group}>"
    if metadata is not None:
        text, xml = f"{text}END_GROUP = LANDSAT_METADATA_FILE\nEND\n", f"{xml}</LANDSAT_METADATA_FILE>"
        (folder / f"{scene}_MTL.{metadata}").write_text(text if metadata == "txt" else xml)
    return folder


def planet(folder, cube, place=OF_3_M, *, scene="20230207_143613_03_241c_3B", end="_SR_8b_clip", mask=None) -> Path:
    """PlanetScope: the image. NaN is fill. ``mask``: H×W×8, of the usable data mask, no file if None."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{scene}_AnalyticMS{end}.tif"
    step = STEP if end.startswith("_SR") else 0.01
    stored = np.where(np.isnan(cube), 0, np.rint(np.nan_to_num(cube) / step)).astype(np.uint16)
    write_raster(path, stored, place, nodata=0)
    if mask is not None:
        write_raster(
            folder / f"{scene}_udm2{'_clip' if end.endswith('_clip') else ''}.tif", mask.astype(np.uint8), place
        )
    return path


def worldview(folder, numbers, groups, place=OF_2_M, *, name="14JUN11-M2AS-0146_01_P001", tiles=1) -> Path:
    """An image with its .IMD. ``groups``: of its bands, ``C``, ``B`` …; with several tiles side by side, and a .TIL."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    first, _, rest = name.partition("-")
    parts, left = [], 0
    for column, part in enumerate(np.array_split(numbers, tiles, axis=1), 1):
        file = f"{first}_R1C{column}-{rest}.TIF" if tiles > 1 else f"{name}.TIF"
        where = Place(place.epsg, place.x + left * place.size, place.y, place.size)
        write_raster(folder / file, part, where)
        parts.append((file, left, left + part.shape[1] - 1))
        left += part.shape[1]
    rows, columns, _ = numbers.shape
    bands = "".join(
        f"BEGIN_GROUP = BAND_{group}\n\tabsCalFactor = 1.2e-02;\nEND_GROUP = BAND_{group}\n" for group in groups
    )
    (folder / f"{name}.IMD").write_text(
        f'version = "AA";\nnumRows = {rows};\nnumColumns = {columns};\nbandId = "Multi";\nnumTiles = {tiles};\n'
        f'bitsPerPixel = 16;\noutputFormat = "GeoTIFF";\n{bands}'
        'BEGIN_GROUP = IMAGE_1\n\tsatId = "WV02";\nEND_GROUP = IMAGE_1\n'
        f"BEGIN_GROUP = MAP_PROJECTED_PRODUCT\n\tULX = {place.x + place.size / 2};\n"
        f"\tULY = {place.y - place.size / 2};\nEND_GROUP = MAP_PROJECTED_PRODUCT\nEND;\n"
    )
    if tiles > 1:
        text = f'bandId = "Multi";\nnumTiles = {tiles};\ntileUnits = "Pixels";\n'
        for number, (file, start, end) in enumerate(parts, 1):
            text += (
                f'BEGIN_GROUP = TILE_{number}\n\tfilename = "{file}";\n\tULColOffset = {start};\n\tULRowOffset = 0;\n'
                f"\tURColOffset = {end};\n\tURRowOffset = 0;\n\tLRColOffset = {end};\n\tLRRowOffset = {rows - 1};\n"
                f"\tLLColOffset = {start};\n\tLLRowOffset = {rows - 1};\nEND_GROUP = TILE_{number}\n"
            )
        (folder / f"{name}.TIL").write_text(f"{text}END;\n")
    return folder
