"""The optimizers by name: those of ``torch.optim`` under their own names, Adam by default."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import nn
from torch.optim import Adam, Optimizer

from udaln.errors import InputError
from udaln.parts import Registry

OPTIMIZERS: Registry[Callable[..., Optimizer]] = Registry("optimizers", "stages.….optimizer")

_OTHERS = ("Optimizer", "LBFGS", "SparseAdam")  # no optimizer; needs its loss several times a step; sparse gradients
for _name, _class in vars(torch.optim).items():
    if inspect.isclass(_class) and issubclass(_class, Optimizer) and _name not in _OTHERS:
        OPTIMIZERS.add(_name, _class)


def make_optimizer(
    name: str, parameters: Iterable[nn.Parameter], lr: float, settings: Mapping[str, Any], *, key: str
) -> Optimizer:
    """An optimizer by its name.

    Args:
        name: In `OPTIMIZERS`.
        parameters: What it changes.
        lr: Learning rate at the start.
        settings: Other arguments.
        key: The stage's, for messages.

    Raises:
        InputError: If there is no such optimizer, or it does not take the settings.
    """
    made = OPTIMIZERS.get(name, key=f"{key}.optimizer")
    fused = {"fused": True} if made is Adam else {}
    try:
        return made(list(parameters), lr=lr, **{**fused, **settings})
    except (TypeError, ValueError) as error:
        why = " ".join(str(error).split())
        raise InputError(f"{key}.optimizer_settings: {name} does not take {dict(settings)}: {why}") from error
