"""Lightning's callbacks by name, as ``callbacks=`` of a configuration asks for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning import Callback
from pytorch_lightning.callbacks import (
    DeviceStatsMonitor,
    EarlyStopping,
    LearningRateMonitor,
    ModelCheckpoint,
    Timer,
)

from udaln.errors import InputError
from udaln.parts import Registry

CALLBACKS: Registry[Callable[..., Callback]] = Registry("callbacks", "callbacks")
for _callback in (DeviceStatsMonitor, EarlyStopping, LearningRateMonitor, ModelCheckpoint, Timer):
    CALLBACKS.add(_callback.__name__, _callback)


def make_callbacks(asked: Mapping[str, Mapping[str, Any] | None]) -> list[Callback]:
    """Callbacks by their names, each with its arguments.

    Raises:
        InputError: If there is no such callback, or it does not take the arguments.
    """
    made = []
    for name, settings in asked.items():
        callback = CALLBACKS.get(name)
        try:
            made.append(callback(**(settings or {})))
        except (TypeError, ValueError, MisconfigurationException) as error:
            why = " ".join(str(error).split())
            raise InputError(f"callbacks.{name}: does not take {dict(settings or {})}: {why}") from error
    return made
