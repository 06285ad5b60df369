"""``model.ckpt``: a fitted method of any kind, with its sensors and bands."""

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

FORMAT = 5


class ModelFile(NamedTuple):
    """What ``model.ckpt`` holds.

    Attributes:
        model: Fitted.
        dropped_bands: The bands that it was made without, if there are such.
        bands: What is known of the bands of the LR-HSI, those left out included.
    """

    model: Model
    dropped_bands: DroppedBands | None
    bands: Bands


def save_model(
    path: Path, method: Method, model: Model, dropped_bands: DroppedBands | None = None, bands: Bands | None = None
) -> None:
    """Write a fitted model, the method by its name and settings, and what `ModelFile` has beside it.

    Plain types and tensors only, so that the file loads without running code.
    """
    model = model.cpu()
    degradation = model.degradation
    content = {
        "format": FORMAT,
        "method": _plain(method.settings),
        "stages": None if method.stages is None else _plain(method.stages),
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
    """Read what ``save_model`` wrote.

    Raises:
        InputError: If the file is not there, is no model of this version, or is of a method that is not registered.
    """
    content = read_torch(path, key=key, expected="a model.ckpt that a run left")
    if content.get("format") != FORMAT:
        raise InputError(f"{key}: {path}: expected a model.ckpt that a run left, of format {FORMAT}, got another file")
    with reading(path, key=key):
        method = method_class(content["method"]["name"], key=f"{key}: {path}: method")
        degradation = Degradation(
            scale=content["scale"], kernel_size=content["kernel_size"], support=content["support"]
        )
        stages = None if content["stages"] is None else _settings(method.Stages, content["stages"])
        model = method(_settings(method.Settings, content["method"]), stages).model(degradation)
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


def _plain(settings: Any) -> Any:
    """A dataclass of settings as plain types."""
    return OmegaConf.to_container(OmegaConf.structured(settings), enum_to_str=True)


def _settings(schema: Any, plain: Any) -> Any:
    """The way back."""
    return OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(schema), plain))
