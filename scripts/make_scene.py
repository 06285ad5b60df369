#!/usr/bin/env python3
"""Simulate a pair of any size: ``make_scene.py out=FOLDER rows=2515 columns=2335 bands=128 scale=5``."""

from __future__ import annotations

import csv
import math
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray
from omegaconf import MISSING, OmegaConf
from scene_raster import Format, Number, create_raster
from torch import Tensor

from udaln.errors import InputError
from udaln.experiment.cli import arguments, one_line_errors
from udaln.experiment.conf_files import choices
from udaln.experiment.config import one_of
from udaln.io.image import Bands
from udaln.monitor.progress import progress_bar
from udaln.physics.landscape import Landscape, Pixels
from udaln.physics.simulation import gaussian_psf, row_noise, simulate_strips
from udaln.physics.srf import SRF, normalise, srf_from_edges


@dataclass
class Arguments:
    """The output folder, sizes, sensors and file format.

    ``rows`` and ``columns`` are those of the HR-MSI, ``pixel`` is the side of one of its pixels [m]. The PSF is a
    Gaussian, with the keys of ``scale`` and ``dataset`` of a run. ``tif`` is GeoTIFF, ``img`` ENVI; uint16 is in units
    of 1/10000.
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
    """Write the pair, ``srf.csv``, ``psf.npy`` and, if it is asked for, the truth; print the sizes."""
    with one_line_errors():
        args = arguments(Arguments)
        _check(args)
        landscape = Landscape(args.columns, args.bands, args.seed)
        sensor = _edges(args.sensor)
        srf = normalise(srf_from_edges(sensor, landscape.wavelengths, key=f"sensor={args.sensor}: bands"))
        edges = np.array([list(pair) for pair in sensor.values()], np.float64)
        msi = Bands(srf.names, edges.mean(1), edges[:, 1] - edges[:, 0])
        out = Path(args.out)
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".", dir=out) as folder:
            summary = _write_files(args, landscape, srf, msi, Path(folder))
            for file in Path(folder).iterdir():
                file.replace(out / file.name)
        print(f"{out}: {summary}, srf.csv, psf.npy")


def _check(args: Arguments) -> None:
    if args.scale < 2:
        raise InputError(f"scale: expected at least 2, got {args.scale}")
    for name in ("rows", "columns"):
        if getattr(args, name) < 2 * args.scale:
            raise InputError(f"{name}: expected at least {2 * args.scale}, 2 LR pixels, got {getattr(args, name)}")
    if args.kernel_size is not None and args.kernel_size < args.scale:
        raise InputError(f"kernel_size: expected at least the scale factor {args.scale}, got {args.kernel_size}")
    for name in ("fwhm", "pixel", "snr_hsi", "snr_msi", "shift_down", "shift_right"):
        positive, value = name in ("fwhm", "pixel"), getattr(args, name)
        if value is not None and not (0 if positive else -math.inf) < value < math.inf:
            raise InputError(f"{name}: expected a {'positive' if positive else 'finite'} number, got {value:g}")


def _edges(sensor: str) -> Mapping[str, Sequence[float]]:
    """The edges of the bands of a sensor of ``conf/sensor`` [nm]."""
    one_of("sensor", sensor, choices()["sensor"])
    text = (files("udaln.conf") / "sensor" / f"{sensor}.yaml").read_text("utf-8")
    bands: Mapping[str, Sequence[float]] = OmegaConf.create(text).bands
    return bands


def _write_files(args: Arguments, landscape: Landscape, srf: SRF, msi: Bands, folder: Path) -> str:
    """Write all files; returns names and sizes of the images."""
    scale = args.scale
    height, width = (side // scale * scale for side in (args.rows, args.columns))
    psf = gaussian_psf(args.kernel_size or scale, scale, args.fwhm or scale, (args.shift_down, args.shift_right))
    np.save(folder / "psf.npy", psf.numpy())
    with (folder / "srf.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["wavelength_nm", *srf.names])
        table.writerows(np.column_stack([landscape.wavelengths, srf.values]).tolist())

    nm = landscape.wavelengths
    hsi = Bands([f"{centre:.2f} nm" for centre in nm], nm, np.full(len(nm), nm[1] - nm[0]))
    images = {
        f"lr_hsi.{args.format.name}": ((height // scale, width // scale, len(nm)), hsi),
        f"hr_msi.{args.format.name}": ((height, width, len(srf.names)), msi),
    }
    if args.truth:
        images[f"truth.{args.format.name}"] = (height, width, len(nm)), hsi
    with ExitStack() as stack:
        writers = []
        for name, (size, bands) in images.items():
            side = args.pixel * (height // size[0])
            raster = create_raster(folder / name, size, bands, side, args.format, args.dtype)
            writers.append(stack.enter_context(raster))
        buffers = [_NoiseFreeImage(stack.enter_context(tempfile.TemporaryFile(dir=folder))) for _ in range(2)]
        _write_images(args, landscape, (height, width), psf, srf, writers, buffers)
    sizes = ", ".join(f"{name} {'×'.join(map(str, size))}" for name, (size, _) in images.items())
    if (height, width) == (args.rows, args.columns):
        return sizes
    return f"{sizes} (the middle of {args.rows}×{args.columns}, a multiple of {scale})"


def _write_images(
    args: Arguments,
    landscape: Landscape,
    sides: tuple[int, int],
    psf: Tensor,
    srf: SRF,
    writers: Sequence[Callable[[int, Pixels], None]],
    buffers: Sequence[_NoiseFreeImage],
) -> None:
    """Simulate strip by strip: first both images without noise, and the truth; then both with noise.

    Args:
        args: The arguments.
        landscape: The truth.
        sides: Rows and columns of the part in the middle that is simulated [HR pixels].
        psf: The PSF.
        srf: The SRF.
        writers: Of LR-HSI, HR-MSI and, if it is asked for, the truth.
        buffers: For LR-HSI and HR-MSI.
    """
    height, width = sides
    top, left = (args.rows - height) // 2, (args.columns - width) // 2

    def rows(first: int, last: int) -> Pixels:
        return landscape.rows(top + first, top + last)[:, left : left + width]

    with progress_bar("scene") as progress:
        finished = 0
        for truth, lr_hsi, hr_msi in simulate_strips(rows, height, psf, srf.values, args.scale):
            buffers[0].add(lr_hsi)
            buffers[1].add(hr_msi)
            if args.truth:
                writers[2](finished, truth)
            finished += len(truth)
            progress(0.95 * finished / height)
        for number, snr in enumerate((args.snr_hsi, args.snr_msi)):
            for row, line in enumerate(buffers[number].with_noise(snr, args.seed, number)):
                writers[number](row, line[None])
        progress(1.0)


class _NoiseFreeImage:
    """An image in a temporary file, kept until the mean power of each band, and thus its noise level, is known."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._power: list[NDArray[np.float64]] = []  # of each row, so that the result does not depend on the strips
        self._shape = (0, 0)

    def add(self, strip: Pixels) -> None:
        """Add rows, h×W×B."""
        self._file.write(strip.tobytes())
        self._power += [np.square(line, dtype=np.float64).mean(0) for line in strip]
        self._shape = strip.shape[1], strip.shape[2]

    def with_noise(self, snr: float | None, seed: int, number: int) -> Iterator[Pixels]:
        """Yield all rows, W×B, with noise of a signal-to-noise ratio [dB], in each band over the whole image.

        Args:
            snr: None for no noise.
            seed: Of the noise.
            number: Of the image, so that the noise of two images differs.
        """
        sigma = np.sqrt(np.mean(self._power, 0) / 10 ** ((snr or 0) / 10)).astype(np.float32)
        self._file.seek(0)
        for row in range(len(self._power)):
            data = self._file.read(4 * math.prod(self._shape))
            line = np.frombuffer(data, np.float32).reshape(self._shape)
            yield line if snr is None else line + sigma * row_noise(seed, number, row, self._shape)


if __name__ == "__main__":
    main()
