"""Small products of the layouts that the agencies deliver, made of any reflectance.

Each takes a cube, H×W×B, NaN where there are no data, and where its upper left corner lies.
"""

from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

import h5py
import numpy as np
import pytest

rasterio = pytest.importorskip("rasterio", reason="the extra io is not installed")

STEP = 1e-4  # of reflectance, in all but PRISMA's
S2_WAVELENGTHS = [442.7, 492.7, 559.8, 664.6, 704.1, 740.5, 782.8, 832.8, 864.7, 945.1, 1373.5, 1613.7, 2202.4]
S2_FWHM = [21, 66, 36, 31, 15, 15, 20, 106, 21, 20, 31, 91, 175]
S2_NAMES = ["B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B10", "B11", "B12"]
S2_10M = ["B2", "B3", "B4", "B8"]
S2_20M = ["B2", "B3", "B4", "B5", "B6", "B7", "B8A", "B11", "B12"]
S2_20M_ALONE = ["B5", "B6", "B7", "B8A", "B11", "B12"]
S2_60M = ["B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8A", "B9", "B11", "B12"]
S2_60M_ALONE = ["B1", "B9", "B10"]


@dataclass(frozen=True)
class Place:
    """Where an image lies: the corner of its upper left pixel, and the size of its pixels."""

    epsg: int = 32632
    x: float = 600000.0
    y: float = 5000000.0
    size: float = 30.0

    @property
    def transform(self):
        return rasterio.Affine(self.size, 0, self.x, 0, -self.size, self.y)


def write_raster(path, stored, place, driver="GTiff", **options):
    """Numbers, H×W or H×W×B, as a raster."""
    bands = np.atleast_3d(stored)
    height, width, count = bands.shape
    profile = {"height": height, "width": width, "count": count, "dtype": bands.dtype.name, **options}
    with rasterio.open(
        path, "w", driver=driver, crs=f"EPSG:{place.epsg}", transform=place.transform, **profile
    ) as file:
        file.write(np.moveaxis(bands, -1, 0))


def prisma(
    path, cube, wavelengths, place=Place(), *, vnir=None, errors=None, highest=1.2, good=None, pan=None, pan_errors=None
) -> Path:
    """PRISMA L2D. One band of each spectrometer is not acquired.

    ``vnir``: B bool, the bands of the first spectrometer; ``errors``: H×W×B, of the pixel error matrices;
    ``good``: B, the flags of the bands; ``pan``: 6H×6W, of the camera; ``pan_errors``: likewise.
    """
    wavelengths, bands = np.asarray(wavelengths, float), len(wavelengths)
    vnir = wavelengths < 960 if vnir is None else np.asarray(vnir)
    errors = np.zeros(cube.shape, np.uint8) if errors is None else errors
    good = np.ones(bands) if good is None else np.asarray(good)
    height, width, _ = cube.shape
    with h5py.File(path, "w") as file:
        fields = file.create_group("HDFEOS/SWATHS/PRS_L2D_HCO/Data Fields")
        for name, chosen, first in (("VNIR", vnir, True), ("SWIR", ~vnir, False)):
            order = np.flatnonzero(chosen)[np.argsort(-wavelengths[chosen])]
            stored = np.nan_to_num(np.clip(np.rint(cube[..., order] / highest * 65535), 1, 65535)).astype(np.uint16)
            fields[f"{name}_Cube"] = _with_empty_band(first, stored).transpose(0, 2, 1)
            fields[f"{name}_PIXEL_L2_ERR_MATRIX"] = _with_empty_band(
                first, errors[..., order].astype(np.uint8)
            ).transpose(0, 2, 1)
            title = name.title()
            file.attrs[f"List_Cw_{title}"] = _with_empty_band(first, wavelengths[order]).astype(np.float32)
            file.attrs[f"List_Fwhm_{title}"] = _with_empty_band(first, np.full(len(order), 10.0)).astype(np.float32)
            file.attrs[f"List_Cw_{title}_Flags"] = _with_empty_band(first, good[order]).astype(np.uint8)
            file.attrs[f"L2Scale{title}Min"], file.attrs[f"L2Scale{title}Max"] = np.float32(0), np.float32(highest)
        if pan is not None:
            camera = file.create_group("HDFEOS/SWATHS/PRS_L2D_PCO/Data Fields")
            numbers = np.nan_to_num(np.clip(np.rint(pan / 1.5 * 65535), 1, 65535))
            camera["Cube"] = numbers.astype(np.uint16)
            camera["PIXEL_L2_ERR_MATRIX"] = np.zeros(pan.shape, np.uint8) if pan_errors is None else pan_errors
            file.attrs["L2ScalePanMin"], file.attrs["L2ScalePanMax"] = np.float32(0), np.float32(1.5)
        file.attrs["Processing_Level"] = np.bytes_("2D")
        file.attrs["Epsg_Code"] = np.uint32(place.epsg)
        inset = place.size / 2  # the corners are centres of pixels
        file.attrs["Product_ULcorner_easting"] = place.x + inset
        file.attrs["Product_ULcorner_northing"] = place.y - inset
        file.attrs["Product_LRcorner_easting"] = place.x + width * place.size - inset
        file.attrs["Product_LRcorner_northing"] = place.y - height * place.size + inset
    return Path(path)


def _with_empty_band(first, array):
    return np.insert(array, 0 if first else array.shape[-1], 0, axis=-1)


def enmap(folder, cube, wavelengths, place=Place(), *, layers=None, level="L2A") -> Path:
    """EnMAP. ``layers``: by name, ``QUALITY_CLOUD``, ``QUALITY_CIRRUS``, ``PIXELMASK`` …, H×W or H×W×B."""
    stem = f"ENMAP01-____{level}-DT0000001867_20220724T104526Z_008_V010302_20230628T165614Z"
    bands = "".join(
        f'<bandID number="{number}"><wavelengthCenterOfBand>{wavelength}</wavelengthCenterOfBand>'
        f"<FWHMOfBand>8.5</FWHMOfBand><GainOfBand>{STEP}</GainOfBand><OffsetOfBand>0</OffsetOfBand></bandID>"
        for number, wavelength in enumerate(wavelengths, 1)
    )
    metadata = (
        f"<level_X><specific><backgroundValue>-32768</backgroundValue><bandCharacterisation>{bands}"
        "</bandCharacterisation></specific></level_X>"
    )
    return _dlr(folder, stem, ("XML", "TIF"), metadata, cube, place, layers)


def desis(folder, cube, wavelengths, place=Place(), *, flags=None, level="L2A") -> Path:
    """DESIS. ``flags``: H×W×10, the quality layers of level 2A."""
    stem = f"DESIS-HSI-{level}-DT0707652640_011-20220404T193259-V0220"
    bands = "".join(
        f"<band><bandNumber>{number}</bandNumber><wavelengthCenterOfBand>{wavelength}</wavelengthCenterOfBand>"
        f"<wavelengthWidthOfBand>3.5</wavelengthWidthOfBand><response>0.5,1,0.5</response>"
        f"<gainOfBand>{STEP}</gainOfBand><offsetOfBand>0</offsetOfBand></band>"
        for number, wavelength in enumerate(wavelengths, 1)
    )
    metadata = (
        f"<hsi_doc><specific><bandCharacterisation>{bands}</bandCharacterisation>"
        "<interiorOrientation><band><bandNumber>1</bandNumber></band></interiorOrientation></specific></hsi_doc>"
    )
    detectors = {"QUALITY": np.zeros(cube.shape, np.uint8)}
    return _dlr(
        folder, stem, ("xml", "tif"), metadata, cube, place, detectors | ({} if flags is None else {"QUALITY-2": flags})
    )


def _dlr(folder, stem, suffixes, metadata, cube, place, layers) -> Path:
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{stem}-METADATA.{suffixes[0]}").write_text(f'<?xml version="1.0" encoding="UTF-8"?>\n{metadata}')
    stored = np.where(np.isnan(cube), -32768, np.rint(np.nan_to_num(cube) / STEP)).astype(np.int16)
    write_raster(folder / f"{stem}-SPECTRAL_IMAGE.{suffixes[1]}", stored, place, nodata=-32768)
    for name, layer in (layers or {}).items():
        write_raster(folder / f"{stem}-QL_{name}.{suffixes[1]}", np.asarray(layer).astype(np.uint8), place)
    return folder


def sentinel2(
    folder,
    cube,
    place=Place(size=10.0),
    *,
    cube_20m=None,
    cube_60m=None,
    classes=None,
    baseline="05.09",
    response=True,
    level="L2A",
) -> Path:
    """Sentinel-2, in ``folder``: the bands of `S2_10M`, of `S2_20M` and `S2_60M` if they are given.

    In L1C the bands of 20 m and 60 m are those that no finer image has. ``classes``: of L2A the scene classification on
    pixels of 20 m, all vegetation if none; of L1C opaque clouds, cirrus and snow on pixels of 60 m, no file if none.
    """
    tile, l2a = "T32TQM_20240830T100559", level == "L2A"
    name = f"S2B_MSI{level}_20240830T100559_N{baseline.replace('.', '')}_R022_{tile[:6]}_20240830T134009.SAFE"
    safe = Path(folder) / name
    granule = safe / "GRANULE" / f"{level}_T32TQM_A038765_20240830T100558"
    offset = -1000 if float(baseline) >= 4 else 0
    for end, names, bands, times in (
        ("10m", S2_10M, cube, 1),
        ("20m", S2_20M if l2a else S2_20M_ALONE, cube_20m, 2),
        ("60m", S2_60M if l2a else S2_60M_ALONE, cube_60m, 6),
    ):
        images = granule / "IMG_DATA" / (f"R{end}" if l2a else "")
        images.mkdir(parents=True, exist_ok=True)
        for band, name in enumerate(names if bands is not None else ()):
            numbers = np.nan_to_num(np.clip(np.rint(bands[..., band] / STEP) - offset, 1, 65535)).astype(np.uint16)
            where = Place(place.epsg, place.x, place.y, times * place.size)
            _write_jp2(images / f"{tile}_{_padded(name)}{f'_{end}' if l2a else ''}.jp2", numbers, where)
    height, width, _ = cube.shape
    quality = granule / "QI_DATA"
    quality.mkdir()
    if l2a:
        coarse = Place(place.epsg, place.x, place.y, 2 * place.size)
        classes = np.full((-(-height // 2), -(-width // 2)), 4) if classes is None else np.asarray(classes)
        _write_jp2(granule / "IMG_DATA" / "R20m" / f"{tile}_SCL_20m.jp2", classes.astype(np.uint8), coarse)
    elif classes is not None:
        coarse = Place(place.epsg, place.x, place.y, 6 * place.size)
        _write_jp2(quality / "MSK_CLASSI_B00.jp2", np.asarray(classes).astype(np.uint8), coarse)
    (safe / f"MTD_MSI{level}.xml").write_text(_sentinel2_metadata(l2a, baseline, offset, response))
    return safe


def _sentinel2_metadata(l2a, baseline, offset, response) -> str:
    product = "Level-2A_User_Product" if l2a else "Level-1C_User_Product"
    value = f'QUANTIFICATION_VALUE unit="none">{round(1 / STEP)}</'
    quantification = (
        f"<QUANTIFICATION_VALUES_LIST><BOA_{value}BOA_QUANTIFICATION_VALUE></QUANTIFICATION_VALUES_LIST>"
        if l2a
        else f"<{value}QUANTIFICATION_VALUE>"
    )
    tag = "BOA_ADD_OFFSET" if l2a else "RADIO_ADD_OFFSET"
    listed = "BOA_ADD_OFFSET_VALUES_LIST" if l2a else "Radiometric_Offset_List"
    offsets = "".join(f'<{tag} band_id="{band}">{offset}</{tag}>' for band in range(13))
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<n1:{product} xmlns:n1="https://psd-14.sentinel2.eo.esa.int/PSD/User_Product.xsd">'
        f"<n1:General_Info><Product_Info><PROCESSING_BASELINE>{escape(baseline)}</PROCESSING_BASELINE></Product_Info>"
        f"<Product_Image_Characteristics>{quantification}"
        + (f"<{listed}>{offsets}</{listed}>" if offset else "")
        + f"<Spectral_Information_List>{_spectral_information(response)}</Spectral_Information_List>"
        f"</Product_Image_Characteristics></n1:General_Info></n1:{product}>"
    )


def _spectral_information(response) -> str:
    parts = []
    for number, (name, centre, width) in enumerate(zip(S2_NAMES, S2_WAVELENGTHS, S2_FWHM, strict=True)):
        low, high = centre - width, centre + width
        values = " ".join(["0.1"] * 9 + ["1"] * width + ["0.2"] * 9)
        parts.append(
            f'<Spectral_Information bandId="{number}" physicalBand="{name}"><Wavelength><MIN unit="nm">{low}</MIN>'
            f'<MAX unit="nm">{high}</MAX><CENTRAL unit="nm">{centre}</CENTRAL></Wavelength>'
            + (
                f'<Spectral_Response><STEP unit="nm">1</STEP><VALUES>{values}</VALUES></Spectral_Response>'
                if response
                else ""
            )
            + "</Spectral_Information>"
        )
    return "".join(parts)


def _padded(name) -> str:
    return name[0] + name[1:].zfill(2)


def _write_jp2(path, stored, place):
    write_raster(path, stored, place, "JP2OpenJPEG", QUALITY=100, REVERSIBLE="YES")
