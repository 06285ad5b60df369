"""The methods by name. A module outside of udaln registers its own; ``plugins=[module]`` imports it."""

from __future__ import annotations

from dataclasses import fields
from typing import TypeVar

from udaln.errors import InputError
from udaln.methods.base import Method
from udaln.methods.classical.cnmf import Cnmf
from udaln.methods.classical.cstf import Cstf
from udaln.methods.classical.fuse import Fuse
from udaln.methods.classical.gsa import Gsa
from udaln.methods.classical.hysure import HySure
from udaln.methods.classical.interpolation import Interpolation
from udaln.methods.classical.mtf_glp import MtfGlp
from udaln.methods.classical.mtf_glp_hpm import MtfGlpHpm
from udaln.methods.classical.regression import Regression
from udaln.methods.classical.regression_residual import RegressionResidual
from udaln.methods.classical.stereo import Stereo
from udaln.methods.closed_form import ClosedForm
from udaln.methods.deep.cucanet import CuCaNet
from udaln.methods.deep.hyconet import HyCoNet
from udaln.methods.deep.miae import Miae
from udaln.methods.udaln.method import Udaln

M = TypeVar("M", bound=type[Method])

_METHODS: dict[str, type[Method]] = {}


def register(method: M) -> M:
    """Class decorator: make a method known by its ``name``.

    Raises:
        ValueError: If another method has that name, or ``Settings`` does not begin with ``name``.
    """
    other = _METHODS.get(method.name)
    if other is not None and other.__qualname__ != method.__qualname__:
        raise ValueError(f"method {method.name}: there is another one of that name: {other}")
    if [field.name for field in fields(method.Settings)][:1] != ["name"]:
        raise ValueError(f"method {method.name}: expected Settings that begin with name")
    _METHODS[method.name] = method
    return method


def names() -> list[str]:
    """The names of all methods."""
    return sorted(_METHODS)


def method_class(name: str, *, key: str = "method.name") -> type[Method]:
    """A method by its name.

    Args:
        name: The name.
        key: What names it, for the message.

    Raises:
        InputError: If there is none.
    """
    if name not in _METHODS:
        raise InputError(
            f"{key}: expected one of {', '.join(names())}, got {name!r}; a module of your own is named by plugins=[…]"
        )
    return _METHODS[name]


register(ClosedForm)
register(Cnmf)
register(Cstf)
register(CuCaNet)
register(Fuse)
register(Gsa)
register(HyCoNet)
register(HySure)
register(Interpolation)
register(Miae)
register(MtfGlp)
register(MtfGlpHpm)
register(Regression)
register(RegressionResidual)
register(Stereo)
register(Udaln)
