"""Files of one image in many kinds, for `stress_files.py`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import scipy.io
from numpy.typing import NDArray
from stress_file_kinds import FileKind

COUNTS = {"uint8": 250.0, "int16": 1e4, "uint16": 1e4}  # stored numbers per reflectance of 1


@dataclass(frozen=True)
class Place:
    """Where the image lies: pixels of this size [m] from one corner on."""

    size: float


@dataclass(frozen=True)
class Content:
    """What a file holds.

    Attributes:
        numbers: As they are stored, H×W×B.
        kind: What the file is like.
        declared: The number that the file declares to be no data.
        scale: Reflectance per stored number.
        place: Its georeferencing.
        hole: H×W bool, where there are no data.
    """

    numbers: NDArray[Any]
    kind: FileKind
    declared: int | None
    scale: float
    place: Place
    hole: NDArray[np.bool_]


def write(
    stem: Path, image: NDArray[np.float64], hole: NDArray[np.bool_], kind: FileKind, place: Place
) -> tuple[Path, NDArray[np.float64], float | None]:
    """Write an image and, if it has one, its mask, under the same name with ``_mask.npy``.

    Args:
        stem: Path without a suffix.
        image: Reflectance, H×W×B.
        hole: H×W bool, where there are no data.
        kind: What the file is like.
        place: Its georeferencing.

    Returns:
        The file, the numbers that it stands for, and the number that the user has to name; None if there is none.
    """
    dtype = np.dtype(">f4" if kind.dtype.startswith("big") else kind.dtype)
    counts = COUNTS.get(kind.dtype, 1.0)
    numbers = np.rint(image * counts) if dtype.kind in "iu" else image
    numbers = numbers.astype(dtype)
    fill = {"uint8": 0, "uint16": 65535, "int16": -9999}.get(kind.dtype, -9999)
    if kind.dtype == "uint8":
        numbers = np.maximum(numbers, 1)
    if kind.fill != "none":
        numbers[hole] = np.nan if kind.fill == "NaN" else fill
    elif kind.mask != "none":
        numbers[hole] = numbers.mean(dtype=np.float64).astype(dtype)  # nothing that looks like fill
        numbers[hole] += (np.arange(numbers[hole].size).reshape(numbers[hole].shape) % 7).astype(dtype)
    if kind.mask == "file":
        np.save(f"{stem}_mask.npy", hole)
    declared = fill if kind.fill == "declared" else None
    scaled = kind.format in ("GeoTIFF", "ENVI", "HDF5", "NetCDF-3")
    path = WRITERS[kind.format](stem, Content(numbers, kind, declared, 1 / counts, place, hole))
    values = np.where(hole[..., None], np.nan, numbers.astype(np.float64)) / (counts if scaled else 1)
    return path, values, float(fill) if kind.fill == "named by the user" else None


def _gdal(stem: Path, content: Content) -> Path:
    numbers, kind = content.numbers, content.kind
    import rasterio
    from rasterio.enums import ColorInterp

    tiff = kind.format == "GeoTIFF"
    bands = np.moveaxis(numbers, 2, 0)
    if kind.mask == "alpha":
        opaque = np.where(content.hole, 0, np.iinfo(numbers.dtype).max if numbers.dtype.kind in "iu" else 1)
        bands = np.concatenate([bands, opaque[None].astype(numbers.dtype)])
    options = {"interleave": "pixel" if kind.order == "bands last" else "band"} if tiff else {}
    path = stem.with_suffix(".tif" if tiff else ".pix")
    with rasterio.open(
        path,
        "w",
        driver="GTiff" if tiff else "PCIDSK",
        height=bands.shape[1],
        width=bands.shape[2],
        count=len(bands),
        dtype=numbers.dtype.name,
        crs="EPSG:32632",
        transform=rasterio.Affine(content.place.size, 0, 600000, 0, -content.place.size, 5000000),
        nodata=content.declared,
        **options,
    ) as file:
        file.write(bands)
        if tiff:
            file.scales = [content.scale] * len(bands)
            if kind.mask == "internal":
                with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
                    file.write_mask(~content.hole)
    if kind.mask == "alpha":
        with rasterio.open(path, "r+") as file:  # while it is written for the first time, the colours are not kept
            file.colorinterp = [ColorInterp.undefined] * (len(bands) - 1) + [ColorInterp.alpha]
    return path


def _envi(stem: Path, content: Content) -> Path:
    numbers, kind = content.numbers, content.kind
    axes, name = {
        "bands last": ((0, 1, 2), "bip"),
        "bands first": ((2, 0, 1), "bsq"),
        "by line": ((0, 2, 1), "bil"),
    }[kind.order]
    numbers.transpose(axes).tofile(stem.with_suffix(".img"))
    types = {"u1": 1, "i2": 2, "f4": 4, "f8": 5, "u2": 12}
    text = {"UTF-8": "Größe ✓", "Windows-1252": "Größe – 5 µm", "GBK": "高光谱影像"}[kind.encoding]
    lines = [
        "ENVI",
        f"description = {{{text}}}",
        f"samples = {numbers.shape[1]}",
        f"lines = {numbers.shape[0]}",
        f"bands = {numbers.shape[2]}",
        f"data type = {types[numbers.dtype.str[1:]]}",
        f"byte order = {int(kind.dtype.startswith('big'))}",
        f"interleave = {name}",
        f"map info = {{UTM, 1, 1, 600000, 5000000, {content.place.size}, {content.place.size}, 32, North, WGS-84}}",
    ]
    if content.scale != 1:
        lines.append(f"reflectance scale factor = {1 / content.scale:g}")
    if content.declared is not None:
        lines.append(f"data ignore value = {content.declared}")
    encoding = {"UTF-8": "utf-8", "Windows-1252": "cp1252", "GBK": "gbk"}[kind.encoding]
    stem.with_suffix(".hdr").write_bytes("\n".join([*lines, ""]).encode(encoding))
    return stem.with_suffix(".hdr")


def _numpy(stem: Path, content: Content) -> Path:
    np.save(stem.with_suffix(".npy"), content.numbers)
    return stem.with_suffix(".npy")


def _matlab(stem: Path, content: Content) -> Path:
    numbers, kind = content.numbers, content.kind
    path = stem.with_suffix(".mat")
    if kind.format == "MATLAB 5":
        scipy.io.savemat(path, {"cube": numbers, "note": "a text"})
        return path
    with h5py.File(path, "w", userblock_size=512) as file:
        file["cube"] = numbers.transpose()
        names = {"uint8": "uint8", "int16": "int16", "uint16": "uint16", "float32": "single", "float64": "double"}
        file["cube"].attrs["MATLAB_class"] = np.bytes_(names[numbers.dtype.name])
    return path


def _hdf5(stem: Path, content: Content) -> Path:
    numbers, kind = content.numbers, content.kind
    first = kind.order == "bands first"
    with h5py.File(stem.with_suffix(".h5"), "w") as file:
        data = file.create_dataset("group/reflectance", data=numbers.transpose(2, 0, 1) if first else numbers)
        for axis, name in enumerate(("band", "y", "x") if first else ("y", "x", "band")):
            data.dims[axis].label = name
        if content.scale != 1:
            data.attrs["scale_factor"] = content.scale
        if content.declared is not None:
            data.attrs["_FillValue"] = numbers.dtype.type(content.declared)
    return stem.with_suffix(".h5")


def _netcdf(stem: Path, content: Content) -> Path:
    numbers, kind = content.numbers, content.kind
    first = kind.order == "bands first"
    unsigned = numbers.dtype.kind == "u"  # NetCDF-3 has signed numbers only
    stored = numbers.view(numbers.dtype.str.replace("u", "i")) if unsigned else numbers
    names = ("band", "y", "x") if first else ("y", "x", "band")
    with scipy.io.netcdf_file(stem.with_suffix(".nc"), "w") as file:
        array = stored.transpose(2, 0, 1) if first else stored
        for name, size in zip(names, array.shape, strict=True):
            file.createDimension(name, size)
        variable = file.createVariable("reflectance", array.dtype, names)
        variable[:] = array
        if unsigned:
            variable._Unsigned = "true"
        if content.scale != 1:
            variable.scale_factor = content.scale
        if content.declared is not None:
            variable._FillValue = np.array(content.declared).astype(numbers.dtype).view(stored.dtype)[()]
    return stem.with_suffix(".nc")


WRITERS = {
    "GeoTIFF": _gdal,
    "PCIDSK": _gdal,
    "ENVI": _envi,
    "NumPy": _numpy,
    "MATLAB 5": _matlab,
    "MATLAB 7.3": _matlab,
    "HDF5": _hdf5,
    "NetCDF-3": _netcdf,
}
