"""``udaln inspect``: what udaln sees in files before anything is run."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from udaln import threads
from udaln.errors import InputError
from udaln.experiment.schema import Memory
from udaln.experiment.stream_windows import working_set
from udaln.io.bad_bands import dead_bands, describe_bands, noise_bands
from udaln.io.formats import open_image
from udaln.io.image import Image, Pixels
from udaln.io.overlap import overlap
from udaln.io.pair import Pair
from udaln.io.sample import plots

LOOKED_AT = 2500  # pixels of an image, in plots all over it
SECONDS = 1.2e-3  # for an LR pixel of up to 5×5 HR pixels, on two cores; then with the fourth power of the scale factor


@threads.single()
def inspect(words: Sequence[str]) -> None:
    """Print what each file holds and, of two files, how they fit.

    Args:
        words: Files; one that holds several images as ``FILE:VARIABLE``.

    Raises:
        InputError: If there is none, or one cannot be used.
    """
    if not words or any(word.startswith("-") for word in words):
        raise InputError("inspect: expected the files to look at: udaln inspect FILE [FILE]")
    console = Console()
    with ExitStack() as stack:
        images = [stack.enter_context(_opened(word)) for word in words]
        for word, image in zip(words, images, strict=True):
            console.print(_table(escape(word), said_of(image)))
        if len(images) == 2:
            hr_msi, lr_hsi = sorted(images, key=lambda image: image.shape[2])
            console.print(_table("as a pair", said_of_pair(lr_hsi, hr_msi)))


def said_of(image: Image) -> dict[str, str]:
    """What can be told of an image, in words, by what."""
    rows, columns, bands = image.shape
    said = {"kind": image.kind, "size": f"{rows} rows × {columns} columns × {bands} bands", "values": image.unit or "?"}
    if image.grid is None or not image.grid.crs:
        said["grid"] = "not georeferenced"
    else:
        (left, top), (right, bottom) = image.grid.xy(0.0, 0.0), image.grid.xy(float(rows), float(columns))
        said["grid"] = f"{image.grid.crs_name}, pixels of {image.grid.pixel_size}"
        said["extent"] = f"x {left:.8g} to {right:.8g}, y {bottom:.8g} to {top:.8g}"
    about = image.bands
    if about.wavelengths is None:
        said["wavelengths"] = "unknown"
    else:
        said["wavelengths"] = f"{about.wavelengths.min():.0f} to {about.wavelengths.max():.0f} nm"
        if about.fwhm is not None:
            said["wavelengths"] += f", FWHM {about.fwhm.min():.3g} to {about.fwhm.max():.3g} nm"
    if about.names is not None and bands <= 16:
        said["bands"] = ", ".join(about.names)
    said["no data"] = "none named" if image.nodata is None else f"{image.nodata:g}"
    if image.masked:
        said["masked"] = image.masked
    values, holds = _looked_at(image)
    said["with data"] = f"{100 * float(holds.any(2).double().mean()):.0f} % of {holds[..., 0].numel()} pixels looked at"
    if holds.any():
        some = values[holds][:: max(1, int(holds.sum()) // 100_000)].double()
        levels = torch.quantile(some, torch.tensor([0.02, 0.5, 0.98]).double())
        said["range"] = ", ".join(f"{value:.4g}" for value in levels.tolist()) + " (2 %, half, 98 %)"
        said["suspicious"] = _suspicious(image, values, holds)
    return said


def said_of_pair(lr_hsi: Image, hr_msi: Image) -> dict[str, str]:
    """How two images fit, in words."""
    found = overlap(lr_hsi, hr_msi)
    said = {"LR-HSI": lr_hsi.path, "HR-MSI": hr_msi.path}
    said |= dict(note.split(": ", 1) for note in found.notes)
    (rows, columns, bands), (_, _, msi_bands) = found.lr_hsi.shape, found.hr_msi.shape
    height, width = rows * found.scale, columns * found.scale
    said["fused"] = f"{height} rows × {width} columns × {bands} bands, {height * width * bands * 4 / 2**30:.2f} GiB"
    whole = working_set(rows, columns, found.scale, bands, msi_bands, deviation=True)
    default = Memory()
    if rows * columns > default.sample:
        said["memory"] = f"window by window, within memory.limit={default.limit}"
    else:
        said["memory"] = f"whole, about {whole / 2**30:.1f} GiB"
    minutes = rows * columns * SECONDS * max(1, found.scale / 5) ** 4 / 60
    said["time"] = f"about {max(0.3, minutes):.1f} min on two cores, and a minute to learn the sensors"
    return said


def _opened(word: str) -> AbstractContextManager[Image]:
    name, colon, variable = word.rpartition(":")
    if colon and len(name) > 1 and not Path(word).exists():  # one letter is a drive
        return open_image(name, variable, key="inspect", variable_key="inspect")
    return open_image(word, key="inspect", variable_key="inspect")


def _looked_at(image: Image) -> tuple[torch.Tensor, torch.Tensor]:
    """Pixels of plots all over an image, n×1×B, and which of their values are measurements."""

    def nothing_missing(rows: slice, cols: slice) -> Pixels:  # else plots would avoid what has no data
        return np.zeros((rows.stop - rows.start, cols.stop - cols.start, 1), image.dtype)

    anywhere = replace(image, read=nothing_missing)
    boxes = [box for line in plots(Pair(anywhere, anywhere, 1), LOOKED_AT, seed=0) for box in line]
    values = torch.cat([torch.from_numpy(image.read(*box)).flatten(0, 1) for box in boxes])[:, None]
    return values, torch.isfinite(values)


def _suspicious(image: Image, values: torch.Tensor, holds: torch.Tensor) -> str:
    """Bands without a signal, in words."""
    at = None if image.bands.wavelengths is None else torch.from_numpy(image.bands.wavelengths)
    dead = dead_bands(values, holds)
    flagged = torch.zeros_like(dead) if image.bands.good is None else torch.from_numpy(~image.bands.good)
    noise = noise_bands(values, holds & ~dead, dead) if image.shape[2] > 16 else torch.zeros_like(dead)
    found = (("by the file", flagged), ("constant or almost without data", dead), ("nothing but noise", noise))
    return "; ".join(f"{describe_bands(bad, at)}: {why}" for why, bad in found if bad.any()) or "no band"


def _table(title: str, said: dict[str, str]) -> Table:
    table = Table("", "", title=title, show_header=False, title_justify="left")
    for name, words in said.items():
        table.add_row(name, escape(words))
    return table
