"""What a run leaves on disk. Every file appears whole or not at all."""

from __future__ import annotations

import csv
import json
import pickle
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.image import imsave
from numpy.typing import NDArray
from torch import Tensor

from udaln.errors import InputError
from udaln.estimation.noise import Noise
from udaln.files import atomically, reading
from udaln.io.bad_bands import LeftOut
from udaln.io.image import Bands
from udaln.methods.udaln.networks import FusionNetworks
from udaln.scene import Known

FORMAT = 4  # of model.ckpt


def write_text(path: Path, text: str) -> None:
    """Write a text file."""
    with atomically(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_metrics(path: Path, metrics: Mapping[str, Any]) -> None:
    """Write flat JSON: numbers and words by name. What is not finite becomes null, which JSON can hold."""
    finite = {k: None if isinstance(v, float) and not np.isfinite(v) else v for k, v in metrics.items()}
    write_text(path, json.dumps(finite, indent=2) + "\n")


def write_stages(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write one CSV line a stage; a figure that a stage does not have stays empty."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with atomically(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


def write_degradation(path: Path, networks: FusionNetworks, shift: tuple[float, float], noise: Noise | None) -> None:
    """Write what was learned of the two instruments as .npz.

    ``psf`` k×k, ``shift`` of its window [HR pixels], ``srf`` C×c, ``gain`` and ``offset`` c, ``support`` C×c bool, and,
    where it was estimated, the noise of each image's bands, ``lr_hsi_noise`` C and ``hr_msi_noise`` c.
    """
    sped = networks.sped
    arrays = {
        "psf": networks.spad.psf,
        "shift": torch.tensor(shift),
        "srf": sped.srf.detach(),
        "gain": networks.gain,
        "offset": networks.offset,
        "support": sped.support,
    }
    if noise is not None:
        arrays |= {"lr_hsi_noise": noise.lr_hsi, "hr_msi_noise": noise.hr_msi}
    with atomically(path) as partial:
        np.savez(partial, allow_pickle=False, **{name: tensor.cpu().numpy() for name, tensor in arrays.items()})


def write_picture(path: Path, figure: Figure) -> None:
    """Write a figure as a picture of the kind that the suffix names."""
    with atomically(path) as partial:
        figure.savefig(partial, dpi=110)


def write_pixels(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Write red, green, blue and opacity, H×W×4, as a picture, pixel by pixel."""
    with atomically(path) as partial:
        imsave(partial, pixels)


class Model(NamedTuple):
    """What ``model.ckpt`` holds.

    Attributes:
        networks: The three networks.
        left_out: The bands that they were made without, if there are such.
        bands: What is known of the bands of the LR-HSI, those left out included.
    """

    networks: FusionNetworks
    left_out: LeftOut | None
    bands: Bands


def save_networks(
    path: Path, networks: FusionNetworks, left_out: LeftOut | None = None, bands: Bands | None = None
) -> None:
    """Write the three networks with all that rebuilding them takes, and what `Model` has beside them.

    Plain types and tensors only, so that the file loads without running code.
    """
    networks = networks.cpu()
    content = {
        "format": FORMAT,
        "scale": networks.scale,
        "kernel_size": networks.kernel_size,
        "network": networks.network,
        "support": networks.sped.support,
        "state_dict": networks.state_dict(),
        "left_out": None if left_out is None else vars(left_out),
        "bands": {
            name: torch.from_numpy(value) if isinstance(value, np.ndarray) else value and list(value)
            for name, value in vars(bands or Bands()).items()
        },
    }
    with atomically(path) as partial:
        torch.save(content, partial)


def read_torch(path: Path, *, key: str, expected: str) -> dict[str, Any]:
    """Read a dictionary of tensors and plain types that PyTorch wrote, without running code.

    Args:
        path: The file.
        key: The argument that names the file; messages begin with it.
        expected: What the file should be, for the message.

    Raises:
        InputError: If the file is not there or is none such.
    """
    with reading(path, key=key):
        try:
            content = torch.load(path, map_location="cpu", weights_only=True)
        except (pickle.UnpicklingError, EOFError) as error:  # PyTorch's message suggests to switch the safety off
            raise InputError(f"{key}: {path}: expected {expected}, got something else") from error
    if not isinstance(content, dict) or not all(isinstance(name, str) for name in content):
        raise InputError(f"{key}: {path}: expected {expected}, got something else")
    return content


def load_networks(path: Path, *, key: str = "model") -> Model:
    """Read what ``save_networks`` wrote.

    Raises:
        InputError: If the file is not there or is no model of this version.
    """
    content = read_torch(path, key=key, expected="a model.ckpt that a run left")
    if content.get("format") != FORMAT:
        raise InputError(f"{key}: {path}: expected a model.ckpt that a run left, of format {FORMAT}, got another file")
    with reading(path, key=key):
        networks = FusionNetworks(
            scale=content["scale"],
            kernel_size=content["kernel_size"],
            support=content["support"],
            known=Known(),
            network=content["network"],
        )
        networks.load_state_dict(content["state_dict"])
        left_out = None if content["left_out"] is None else LeftOut(**content["left_out"])
        bands: dict[str, Any] = {
            name: value.numpy() if isinstance(value, Tensor) else value for name, value in content["bands"].items()
        }
    return Model(networks, left_out, Bands(**bands))


def versions() -> dict[str, str]:
    """What ran: the versions that decide the numbers."""
    packages = {"udaln": "udaln", "torch": "torch", "lightning": "pytorch-lightning", "torchmetrics": "torchmetrics"}
    return {f"{name}_version": version(package) for name, package in packages.items()} | {
        "python_version": platform.python_version()
    }
