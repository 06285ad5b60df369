"""``model.ckpt``: a fitted model of any method, with its sensors and bands."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from omegaconf import OmegaConf
from torch import Tensor

from udaln.errors import InputError
from udaln.files import atomically, reading
from udaln.io.image import Bands
from udaln.methods.base import Method, Model
from udaln.methods.registry import method_class
from udaln.physics.degradation import Degradation
from udaln.scene import DroppedBands

FORMAT = 7


class ModelFile(NamedTuple):
    """The content of ``model.ckpt``.

    Attributes:
        model: Fitted.
        dropped_bands: The bands that were not in use; None if all were.
        bands: Metadata of all bands of the LR-HSI, those left out included.
    """

    model: Model
    dropped_bands: DroppedBands | None
    bands: Bands


def save_model(
    path: Path, method: Method, model: Model, dropped_bands: DroppedBands | None = None, bands: Bands | None = None
) -> None:
    """Write a fitted model.

    The file holds plain types and tensors only, so that it can be loaded without running code. The method is stored by
    its name and settings.

    Args:
        path: The file.
        method: The method.
        model: Fitted; on the CPU afterwards.
        dropped_bands: As in `ModelFile`.
        bands: As in `ModelFile`.
    """
    model = model.cpu()
    degradation = model.degradation
    content = {
        "format": FORMAT,
        "method": _to_plain(method.settings),
        "stages": None if method.stages is None else _to_plain(method.stages),
        "scale": degradation.scale,
        "kernel_size": degradation.kernel_size,
        "support": degradation.support,
        "state_dict": model.state_dict(),
        "dropped_bands": None if dropped_bands is None else vars(dropped_bands),
        "bands": {
            name: torch.from_numpy(value) if isinstance(value, np.ndarray) else value and list(value)
            for name, value in vars(bands or Bands()).items()
        },
    }
    with atomically(path) as partial:
        torch.save(content, partial)


def load_model(path: Path, *, key: str = "model") -> ModelFile:
    """Read a file that `save_model` wrote.

    Args:
        path: The file.
        key: The argument that names the file. Messages begin with it.

    Raises:
        InputError: If there is no such file, it is no model of this version, or its method is not registered.
    """
    content = read_torch(path, key=key, expected="a model.ckpt that a run left")
    if content.get("format") != FORMAT:
        raise InputError(f"{key}: {path}: expected a model.ckpt that a run left, of format {FORMAT}, got another file")
    with reading(path, key=key):
        method = method_class(content["method"]["name"], key=f"{key}: {path}: method")
        degradation = Degradation(
            scale=content["scale"], kernel_size=content["kernel_size"], support=content["support"]
        )
        stages = None if content["stages"] is None else _from_plain(method.Stages, content["stages"])
        model = method(_from_plain(method.Settings, content["method"]), stages).model(degradation)
        model.load_state_dict(content["state_dict"])
        dropped_bands = None if content["dropped_bands"] is None else DroppedBands(**content["dropped_bands"])
        bands: dict[str, Any] = {
            name: value.numpy() if isinstance(value, Tensor) else value for name, value in content["bands"].items()
        }
    return ModelFile(model, dropped_bands, Bands(**bands))


def read_torch(path: Path, *, key: str, expected: str) -> dict[str, Any]:
    """Read a dictionary of tensors and plain types that PyTorch wrote, without running code.

    Args:
        path: The file.
        key: The argument that names the file. Messages begin with it.
        expected: What the file should be, for the message.

    Raises:
        InputError: If there is no such file, or it is something else.
    """
    with reading(path, key=key):
        try:
            content = torch.load(path, map_location="cpu", weights_only=True)
        except (pickle.UnpicklingError, EOFError) as error:  # PyTorch's message suggests to allow running code
            raise InputError(f"{key}: {path}: expected {expected}, got something else") from error
    if not isinstance(content, dict) or not all(isinstance(name, str) for name in content):
        raise InputError(f"{key}: {path}: expected {expected}, got something else")
    return content


def _to_plain(settings: Any) -> Any:
    """Convert a dataclass of settings to plain types."""
    return OmegaConf.to_container(OmegaConf.structured(settings), enum_to_str=True)


def _from_plain(schema: Any, plain: Any) -> Any:
    """Convert plain types back to a dataclass of settings."""
    return OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(schema), plain))
