"""Writers of the small files of a run. A file appears complete or not at all."""

from __future__ import annotations

import csv
import json
import platform
import warnings
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.image import imsave
from numpy.typing import NDArray

import udaln
from udaln.estimation.noise import Noise
from udaln.files import atomically
from udaln.physics.degradation import Degradation


def write_text(path: Path, text: str) -> None:
    """Write a text file."""
    with atomically(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_metrics(path: Path, metrics: Mapping[str, Any]) -> None:
    """Write numbers and words by name as flat JSON. Values that are not finite become null, for JSON has none."""
    finite = {k: None if isinstance(v, float) and not np.isfinite(v) else v for k, v in metrics.items()}
    write_text(path, json.dumps(finite, indent=2) + "\n")


def write_stages(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write a CSV file with a line for each stage; figures that a stage does not have stay empty."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with atomically(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


def write_degradation(
    path: Path,
    degradation: Degradation,
    shift: tuple[float, float],
    noise: Noise | None,
    **maps: NDArray[Any] | None,
) -> None:
    """Write the estimated degradation as .npz.

    Its arrays are ``psf`` k×k, ``shift`` of its window [HR pixels], ``srf`` C×c, ``gain`` and ``offset`` c, ``support``
    C×c bool and, if it was estimated, the noise of each band, ``lr_hsi_noise`` C and ``hr_msi_noise`` c.

    Args:
        path: The file.
        degradation: As it was estimated.
        shift: Of the PSF's window, down and to the right [HR pixels].
        noise: Of both images; None if it was not estimated.
        maps: Arrays of the LR pixels, by their names; those that are None are omitted.
    """
    arrays = {
        "psf": degradation.psf,
        "shift": torch.tensor(shift),
        "srf": degradation.srf,
        "gain": degradation.gain,
        "offset": degradation.offset,
        "support": degradation.support,
    }
    if noise is not None:
        arrays |= {"lr_hsi_noise": noise.lr_hsi, "hr_msi_noise": noise.hr_msi}
    values = {name: tensor.cpu().numpy() for name, tensor in arrays.items()}
    values |= {name: array for name, array in maps.items() if array is not None}
    with atomically(path) as partial:
        np.savez(partial, allow_pickle=False, **values)


def write_picture(path: Path, figure: Figure) -> None:
    """Write a figure as a picture in the format that the suffix names."""
    with atomically(path) as partial, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)  # names of runs may be in any script
        figure.savefig(partial, dpi=110)


def write_pixels(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Write red, green, blue and opacity, H×W×4, as a picture, pixel by pixel."""
    with atomically(path) as partial:
        imsave(partial, pixels)


def versions() -> dict[str, str]:
    """The versions of Python and of the packages that affect the results."""
    packages = {"torch": "torch", "lightning": "pytorch-lightning", "torchmetrics": "torchmetrics"}
    return {
        "udaln_version": udaln.__version__,  # also of a copy that is not installed
        **{f"{name}_version": version(package) for name, package in packages.items()},
        "python_version": platform.python_version(),
    }
