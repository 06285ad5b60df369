"""``udaln inspect``: describe image files, and how two of them make a pair, before a run."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.table import Table
from rich.text import Text

from udaln import threads
from udaln.errors import InputError
from udaln.experiment.fuse_words import dash_remedy, file_and_variable
from udaln.experiment.inspect_pair import describe_pair
from udaln.experiment.plugins import import_plugins, is_plugins, plugins_of
from udaln.files import atomically
from udaln.io.bad_bands import dead_bands, describe_bands, noise_bands
from udaln.io.clipped import describe_clipped
from udaln.io.formats import open_image
from udaln.io.image import Image, Pixels
from udaln.io.missing import describe_shares
from udaln.io.pair import Pair
from udaln.io.sample import plots
from udaln.monitor.console import Terminal
from udaln.pictures.inspected import picture_of_files

SAMPLE = 2500  # pixels of an image that are read, in plots spread over it
PICTURE = "picture="
PICTURES = (".png", ".jpg", ".jpeg", ".pdf", ".svg")
SIDE = 600  # of a picture, at most [pixels]
NM = (650.0, 560.0, 480.0)  # red, green, blue
SKETCH = "▁▂▃▄▅▆▇█"
BINS = 24


@threads.single()
def inspect(words: Sequence[str]) -> None:
    """Print a description of each file and, for two files, of the pair.

    Args:
        words: Files; a file that holds several images as ``FILE:VARIABLE``. ``picture=FILE``: where a picture of them
            goes. ``plugins=[…]``: modules that register readers.

    Raises:
        InputError: If there is no file, or one cannot be used.
    """
    pictures = [Path(word.removeprefix(PICTURE)) for word in words if word.startswith(PICTURE)]
    import_plugins(plugins_of(words))
    words = [word for word in words if not word.startswith(PICTURE) and not is_plugins(word)]
    if not words or any(word.startswith("-") for word in words):
        raise InputError(f"inspect: expected the files to look at: udaln inspect FILE [FILE]{dash_remedy(words)}")
    _check_pictures(pictures, words)
    results = Terminal()
    with ExitStack() as stack:
        images = [stack.enter_context(_opened(word)) for word in words]
        for word, image in zip(words, images, strict=True):
            results.print(_table(word, describe_image(image)))
        if len(images) == 2:
            hr_msi, lr_hsi = sorted(images, key=lambda image: image.shape[2])
            results.print(_table("as a pair", describe_pair(lr_hsi, hr_msi)))
        for path in pictures:
            names = [Path(word).name for word in words]
            figure = picture_of_files(dict(zip(names, map(_reduced, images), strict=True)))
            with atomically(path) as temporary:
                figure.savefig(temporary, dpi=110)
            results.say(f"picture: {path}")


def _check_pictures(pictures: Sequence[Path], words: Sequence[str]) -> None:
    """Refuse names of pictures that no picture can have, before anything is read."""
    for path in pictures:
        if path.suffix.lower() not in PICTURES:
            raise InputError(f"{PICTURE}{path}: expected a name that ends in {', '.join(PICTURES)}")
        files = [Path(file_and_variable(word)[0]) for word in words]
        if path.exists() and any(file.exists() and path.samefile(file) for file in files):
            raise InputError(f"{PICTURE}{path}: is the file to look at; expected another name")


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
        step = max(1, int(valid.sum()) // 100_000)
        subset = values[valid][::step].double().numpy()
        lines["range"] = _range(subset)
        if not image.packing.is_plain:
            numbers = image.packing.numbers(values.numpy())[valid.numpy()][::step]
            lines["stored"] = f"{_range(numbers)}; a value is {image.packing}"
        lines["histogram"] = _histogram(subset)
        if clipped := describe_clipped(image):
            lines["clipped"] = "; ".join(clipped)
        lines["suspicious"] = _suspicious_bands(image, values, valid)
    return lines


def _range(values: NDArray[np.float64]) -> str:
    """Where most values lie; NaN is not looked at."""
    levels = np.nanquantile(values, (0.02, 0.5, 0.98)) if np.isfinite(values).any() else [np.nan] * 3
    return ", ".join(f"{value:.4g}" for value in levels) + " (2 %, half, 98 %)"


def _histogram(values: NDArray[np.float64]) -> str:
    """A sketch of how often values are, between their 1st and 99th percentile."""
    low, high = np.quantile(values, (0.01, 0.99))
    counts, _ = np.histogram(values, BINS, (low, high if high > low else low + 1))
    heights = np.ceil((len(SKETCH) - 1) * counts / max(counts.max(), 1)).astype(int)
    return f"{low:.4g} {''.join(SKETCH[height] for height in heights)} {high:.4g}"


def _reduced(image: Image) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Three bands of an image and the fraction of its bands that are missing, in every n-th pixel."""
    rows, columns, bands = image.shape
    step = max(1, -(-max(rows, columns) // SIDE))
    if image.bands.wavelengths is not None:
        shown = [int(np.abs(image.bands.wavelengths - nm).argmin()) for nm in NM]
    else:
        by_count = {3: [0, 1, 2], 4: [2, 1, 0]}  # red, green, blue; blue to infrared
        shown = by_count.get(bands) or np.linspace(bands - 1, 0, 3).round().astype(int).tolist()
    colours, missing = [], []
    for row in range(0, rows, step):
        line = image.read(slice(row, row + 1), slice(0, columns))[:, ::step]
        colours.append(line[..., shown])
        missing.append((~np.isfinite(line)).mean(2))
    return np.concatenate(colours), np.concatenate(missing)


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
