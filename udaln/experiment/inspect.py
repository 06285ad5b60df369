"""``udaln inspect``: describe image files, and how two of them make a pair, before a run."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from rich.text import Text

from udaln import threads
from udaln.errors import InputError
from udaln.experiment.fuse_words import file_and_variable
from udaln.experiment.schema import Memory
from udaln.experiment.stream_windows import working_set
from udaln.io.bad_bands import dead_bands, describe_bands, noise_bands
from udaln.io.formats import open_image
from udaln.io.image import Image, Pixels
from udaln.io.missing import describe_shares
from udaln.io.overlap import overlap
from udaln.io.pair import Pair
from udaln.io.sample import plots

SAMPLE = 2500  # pixels of an image that are read, in plots spread over it
SECONDS = 1.2e-3  # per LR pixel, on two cores; from scale factor 5 on it grows with the factor's fourth power


@threads.single()
def inspect(words: Sequence[str]) -> None:
    """Print a description of each file and, for two files, of the pair.

    Args:
        words: Files; a file that holds several images as ``FILE:VARIABLE``.

    Raises:
        InputError: If there is no file, or one cannot be used.
    """
    if not words or any(word.startswith("-") for word in words):
        raise InputError("inspect: expected the files to look at: udaln inspect FILE [FILE]")
    console = Console()
    with ExitStack() as stack:
        images = [stack.enter_context(_opened(word)) for word in words]
        for word, image in zip(words, images, strict=True):
            console.print(_table(word, describe_image(image)))
        if len(images) == 2:
            hr_msi, lr_hsi = sorted(images, key=lambda image: image.shape[2])
            console.print(_table("as a pair", describe_pair(lr_hsi, hr_msi)))


def describe_image(image: Image) -> dict[str, str]:
    """Describe an image: lines of text by topic."""
    rows, columns, bands = image.shape
    lines = {
        "kind": image.kind,
        "size": f"{rows} rows × {columns} columns × {bands} bands",
        "values": image.unit or "?",
    }
    if image.grid is None or not image.grid.crs:
        lines["grid"] = "not georeferenced"
    else:
        (left, top), (right, bottom) = image.grid.xy(0.0, 0.0), image.grid.xy(float(rows), float(columns))
        lines["grid"] = f"{image.grid.crs_name}, pixels of {image.grid.pixel_size}"
        lines["extent"] = f"x {left:.8g} to {right:.8g}, y {bottom:.8g} to {top:.8g}"
    metadata = image.bands
    if metadata.wavelengths is None:
        lines["wavelengths"] = "unknown"
    else:
        lines["wavelengths"] = f"{metadata.wavelengths.min():.0f} to {metadata.wavelengths.max():.0f} nm"
        if metadata.fwhm is not None:
            lines["wavelengths"] += f", FWHM {metadata.fwhm.min():.3g} to {metadata.fwhm.max():.3g} nm"
    if metadata.names is not None and bands <= 16:
        lines["bands"] = ", ".join(metadata.names)
    lines["no data"] = "; ".join(f"{cause.what}" for cause in image.causes) or "none named"
    if missing := describe_shares(image):
        lines["missing"] = "; ".join(missing)
    if image.notes:
        lines["notes"] = "; ".join(image.notes)
    values, valid = _sample(image)
    lines["with data"] = (
        f"{100 * float(valid.any(2).double().mean()):.0f} % of {valid[..., 0].numel()} pixels looked at"
    )
    if valid.any():
        subset = values[valid][:: max(1, int(valid.sum()) // 100_000)].double()
        levels = torch.quantile(subset, torch.tensor([0.02, 0.5, 0.98]).double())
        lines["range"] = ", ".join(f"{value:.4g}" for value in levels.tolist()) + " (2 %, half, 98 %)"
        lines["suspicious"] = _suspicious_bands(image, values, valid)
    return lines


def describe_pair(lr_hsi: Image, hr_msi: Image) -> dict[str, str]:
    """Describe the pair that two images make: lines of text by topic."""
    pair = overlap(lr_hsi, hr_msi)
    lines = {"LR-HSI": lr_hsi.path, "HR-MSI": hr_msi.path}
    lines |= dict(note.split(": ", 1) for note in pair.notes)
    (rows, columns, bands), (_, _, msi_bands) = pair.lr_hsi.shape, pair.hr_msi.shape
    height, width = rows * pair.scale, columns * pair.scale
    lines["fused"] = f"{height} rows × {width} columns × {bands} bands, {height * width * bands * 4 / 2**30:.2f} GiB"
    whole = working_set(rows, columns, pair.scale, bands, msi_bands, deviation=True)
    default = Memory()
    if rows * columns > default.sample:
        lines["memory"] = f"window by window, within memory.limit={default.limit}"
    else:
        lines["memory"] = f"whole, about {whole / 2**30:.1f} GiB"
    minutes = rows * columns * SECONDS * max(1, pair.scale / 5) ** 4 / 60
    lines["time"] = f"about {max(0.3, minutes):.1f} min on two cores, and a minute to learn the sensors"
    return lines


def _opened(word: str) -> AbstractContextManager[Image]:
    name, variable = file_and_variable(word)
    return open_image(name, variable, key="inspect", variable_key="inspect", find_fill=True)


def _sample(image: Image) -> tuple[torch.Tensor, torch.Tensor]:
    """Read plots spread over an image.

    Returns:
        The plots below each other, H×W×B, and which of their values are valid.
    """

    def read_zeros(rows: slice, cols: slice) -> Pixels:  # so that plots do not avoid pixels without data
        return np.zeros((rows.stop - rows.start, cols.stop - cols.start, 1), image.dtype)

    without_gaps = replace(image, read=read_zeros)
    boxes = [box for line in plots(Pair(without_gaps, without_gaps, 1), SAMPLE, seed=0) for box in line]
    values = torch.cat([torch.from_numpy(image.read(*box)) for box in boxes])
    return values, torch.isfinite(values)


def _suspicious_bands(image: Image, values: torch.Tensor, valid: torch.Tensor) -> str:
    """Describe the bands without a signal."""
    wavelengths = None if image.bands.wavelengths is None else torch.from_numpy(image.bands.wavelengths)
    dead = dead_bands(values, valid)
    flagged = torch.zeros_like(dead) if image.bands.good is None else torch.from_numpy(~image.bands.good)
    noise = noise_bands(values, valid & ~dead, dead, wavelengths) if image.shape[2] > 16 else torch.zeros_like(dead)
    reasons = (("by the file", flagged), ("constant or almost without data", dead), ("nothing but noise", noise))
    return (
        "; ".join(f"{describe_bands(bad, wavelengths)}: {reason}" for reason, bad in reasons if bad.any()) or "no band"
    )


def _table(title: str, lines: dict[str, str]) -> Table:
    table = Table("", "", title=Text(title), show_header=False, title_justify="left")
    for topic, text in lines.items():
        table.add_row(topic, Text(text))  # as it is: names of files may look like markup
    return table
