#!/usr/bin/env python3
"""Simulate a pair of any size: ``make_scene.py out=FOLDER rows=2515 columns=2335 bands=128 scale=5``."""

from __future__ import annotations

import csv
import math
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import Enum
from importlib.resources import files
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from omegaconf import MISSING, OmegaConf

from udaln.errors import InputError
from udaln.experiment.cli import arguments, one_line_errors
from udaln.experiment.config import choices
from udaln.io.image import Bands
from udaln.monitor.progress import progress_bar
from udaln.physics.landscape import Landscape, Pixels
from udaln.physics.simulation import gaussian_psf, row_noise, simulate_strips
from udaln.physics.srf import SRF, normalise, srf_from_edges

EPSG, WEST, NORTH = 32654, 410000.0, 4020000.0  # UTM zone 54N, near Chikusei [m]
CACHE = 32  # cache of GDAL [MB]
STEPS = 10000  # value of uint16 for a reflectance of 1

Format = Enum("Format", ["tif", "img"])
Number = Enum("Number", ["float32", "uint16"])


@dataclass
class Arguments:
    """The output folder, the sizes, the two sensors, and the format of the files.

    ``rows`` and ``columns`` are the HR-MSI's, ``pixel`` is the side of its pixels [m]. The PSF is a Gaussian with
    ``kernel_size`` and ``fwhm`` as in ``scale`` of a run. ``tif`` is GeoTIFF, ``img`` is ENVI; uint16 is in 1/10000.
    """

    out: str = MISSING
    rows: int = MISSING
    columns: int = MISSING
    bands: int = 128
    scale: int = 5
    sensor: str = "worldview2"
    seed: int = 7
    snr_hsi: float | None = None
    snr_msi: float | None = None
    kernel_size: int | None = None
    fwhm: float | None = None
    shift_down: float = 0.0
    shift_right: float = 0.0
    pixel: float = 2.5
    format: Format = Format.tif
    dtype: Number = Number.float32
    truth: bool = False


def main() -> None:
    """Write the pair, the truth if requested, ``srf.csv`` and ``psf.npy``, and print the sizes."""
    with one_line_errors():
        given = arguments(Arguments)
        _check(given)
        landscape = Landscape(given.columns, given.bands, given.seed)
        sensor = _edges(given.sensor)
        srf = normalise(srf_from_edges(sensor, landscape.wavelengths, key=f"sensor={given.sensor}: bands"))
        edges = np.array([list(pair) for pair in sensor.values()], np.float64)
        msi = Bands(srf.names, edges.mean(1), edges[:, 1] - edges[:, 0])
        out = Path(given.out)
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".", dir=out) as folder:
            made = _make(given, landscape, srf, msi, Path(folder))
            for file in Path(folder).iterdir():
                file.replace(out / file.name)
        print(f"{out}: {made}, srf.csv, psf.npy")


def _check(given: Arguments) -> None:
    if given.scale < 2:
        raise InputError(f"scale: expected at least 2, got {given.scale}")
    for name in ("rows", "columns"):
        if getattr(given, name) < 2 * given.scale:
            raise InputError(f"{name}: expected at least {2 * given.scale}, 2 LR pixels, got {getattr(given, name)}")
    if given.kernel_size is not None and given.kernel_size < given.scale:
        raise InputError(f"kernel_size: expected at least the scale factor {given.scale}, got {given.kernel_size}")
    for name, above in (
        ("fwhm", 0.0),
        ("pixel", 0.0),
        *((name, -math.inf) for name in ("snr_hsi", "snr_msi", "shift_down", "shift_right")),
    ):
        value = getattr(given, name)
        if value is not None and not above < value < math.inf:
            raise InputError(f"{name}: expected a {'finite' if above else 'positive'} number, got {value:g}")


def _edges(sensor: str) -> Mapping[str, Sequence[float]]:
    """The band edges of a sensor of the configuration."""
    known = choices()["sensor"]
    if sensor not in known:
        raise InputError(f"sensor: expected one of {', '.join(known)}, got {sensor!r}")
    text = (files("udaln.conf") / "sensor" / f"{sensor}.yaml").read_text("utf-8")
    bands: Mapping[str, Sequence[float]] = OmegaConf.create(text).bands
    return bands


def _make(given: Arguments, landscape: Landscape, srf: SRF, msi: Bands, folder: Path) -> str:
    """Write all files; return the names and sizes of the images."""
    scale = given.scale
    height, width = (side // scale * scale for side in (given.rows, given.columns))
    top, left = (given.rows - height) // 2, (given.columns - width) // 2
    psf = gaussian_psf(given.kernel_size or scale, scale, given.fwhm or scale, (given.shift_down, given.shift_right))
    np.save(folder / "psf.npy", psf.numpy())
    with (folder / "srf.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["wavelength_nm", *srf.names])
        table.writerows(np.column_stack([landscape.wavelengths, srf.values]).tolist())

    nm = landscape.wavelengths
    hsi = Bands([f"{centre:.2f} nm" for centre in nm], nm, np.full(len(nm), nm[1] - nm[0]))
    images = {
        f"lr_hsi.{given.format.name}": ((height // scale, width // scale, len(nm)), hsi),
        f"hr_msi.{given.format.name}": ((height, width, len(srf.names)), msi),
    } | ({f"truth.{given.format.name}": ((height, width, len(nm)), hsi)} if given.truth else {})
    with ExitStack() as opened:
        writers = [opened.enter_context(_raster(folder / name, given, *image)) for name, image in images.items()]
        aside = [_Aside(opened.enter_context(tempfile.TemporaryFile(dir=folder))) for _ in range(2)]
        progress = opened.enter_context(progress_bar("scene"))

        def rows(first: int, last: int) -> Pixels:
            return landscape.rows(top + first, top + last)[:, left : left + width]

        done = 0
        for truth, lr_hsi, hr_msi in simulate_strips(rows, height, psf, srf.values, scale):
            aside[0].add(lr_hsi)
            aside[1].add(hr_msi)
            if given.truth:
                writers[2](done, truth)
            done += len(truth)
            progress(0.95 * done / height)
        for number, snr in enumerate((given.snr_hsi, given.snr_msi)):
            for row, line in enumerate(aside[number].lines(snr, given.seed, number)):
                writers[number](row, line[None])
        progress(1.0)
    said = ", ".join(f"{name} {'×'.join(map(str, size))}" for name, (size, _) in images.items())
    whole = (height, width) == (given.rows, given.columns)
    return said if whole else f"{said} (the middle of {given.rows}×{given.columns}, a multiple of {scale})"


class _Aside:
    """An image kept in a raw file until the mean power of each band, and therefore its noise, is known."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._power: list[NDArray[np.float64]] = []  # per row, so that the result does not depend on the strips
        self._shape = (0, 0)

    def add(self, strip: Pixels) -> None:
        """Add rows, h×W×B."""
        self._file.write(strip.tobytes())
        self._power += [np.square(line, dtype=np.float64).mean(0) for line in strip]
        self._shape = strip.shape[1], strip.shape[2]

    def lines(self, snr: float | None, seed: int, number: int) -> Iterator[Pixels]:
        """All rows, W×B, with noise of a signal-to-noise ratio [dB] of each band over the whole image."""
        sigma = np.sqrt(np.mean(self._power, 0) / 10 ** ((snr or 0) / 10)).astype(np.float32)
        self._file.seek(0)
        for row in range(len(self._power)):
            data = self._file.read(4 * math.prod(self._shape))
            line = np.frombuffer(data, np.float32).reshape(self._shape)
            yield line if snr is None else line + sigma * row_noise(seed, number, row, self._shape)


@contextmanager
def _raster(
    path: Path, given: Arguments, size: tuple[int, int, int], bands: Bands
) -> Iterator[Callable[[int, Pixels], None]]:
    """Open a raster with its metadata; yield a function that writes a strip from a row on."""
    try:
        import rasterio
    except ImportError as error:
        raise InputError("out: rasters need rasterio: pip install 'udaln[io]'") from error
    height, width, count = size
    side = given.pixel * (given.rows // given.scale * given.scale // height)
    layout: dict[str, Any] = {"interleave": "pixel", "bigtiff": "IF_SAFER"}
    if given.format is Format.img:
        layout = {"interleave": "bip"}
    with (
        rasterio.Env(GDAL_CACHEMAX=CACHE, GDAL_PAM_ENABLED=False),
        rasterio.open(
            path,
            "w",
            driver="GTiff" if given.format is Format.tif else "ENVI",
            height=height,
            width=width,
            count=count,
            dtype=given.dtype.name,
            crs=rasterio.CRS.from_epsg(EPSG),
            transform=rasterio.Affine(side, 0, WEST, 0, -side, NORTH),
            **layout,
        ) as file,
    ):
        _describe(file, given, bands)

        def write(row: int, strip: Pixels) -> None:
            if given.dtype is Number.uint16:
                strip = np.clip(np.rint(strip * STEPS), 0, 2**16 - 1).astype(np.uint16)
            file.write(np.moveaxis(strip, -1, 0), window=((row, row + len(strip)), (0, width)))

        yield write
    if given.format is Format.img:
        header = path.with_suffix(".hdr")
        text = header.read_text(encoding="utf-8")
        # GDAL writes the path into the description, and the path is temporary
        header.write_text(text.replace(str(path), path.name), encoding="utf-8")


def _describe(file: Any, given: Arguments, bands: Bands) -> None:
    """Write the metadata of the bands: for GDAL (the domain IMAGERY) and as in ENVI headers."""
    assert bands.names is not None and bands.wavelengths is not None and bands.fwhm is not None
    for index, name, nm, fwhm in zip(file.indexes, bands.names, bands.wavelengths, bands.fwhm, strict=True):
        file.set_band_description(index, name)
        if given.format is Format.tif:
            file.update_tags(index, wavelength=f"{nm:.6g}", wavelength_units="Nanometers", fwhm=f"{fwhm:.6g}")
            file.update_tags(
                index, ns="IMAGERY", CENTRAL_WAVELENGTH_UM=f"{nm / 1000:.6g}", FWHM_UM=f"{fwhm / 1000:.6g}"
            )
    if given.format is Format.img:
        words = {
            "wavelength_units": "Nanometers",
            "wavelength": "{" + ", ".join(f"{nm:.6g}" for nm in bands.wavelengths) + "}",
            "fwhm": "{" + ", ".join(f"{fwhm:.6g}" for fwhm in bands.fwhm) + "}",
        }
        if given.dtype is Number.uint16:
            words["reflectance_scale_factor"] = str(STEPS)
        file.update_tags(ns="ENVI", **words)
    elif given.dtype is Number.uint16:
        file.scales = [1 / STEPS] * file.count


if __name__ == "__main__":
    main()
