"""The methods by name. A module outside of udaln registers its own; ``plugins=[module]`` imports it."""

from __future__ import annotations

from dataclasses import fields
from typing import TypeVar

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
from udaln.methods.deep.cf_bpnn import CfBpnn
from udaln.methods.deep.cucanet import CuCaNet
from udaln.methods.deep.hyconet import HyCoNet
from udaln.methods.deep.miae import Miae
from udaln.methods.deep.sdp import Sdp
from udaln.methods.deep.spectralift import SpectraLift
from udaln.methods.deep.spectramorph import SpectraMorph
from udaln.methods.deep.zsl import Zsl
from udaln.methods.udaln.method import Udaln
from udaln.parts import Registry

M = TypeVar("M", bound=type[Method])

METHODS: Registry[type[Method]] = Registry("methods", "method.name")


def register(method: M) -> M:
    """Class decorator: make a method known by its ``name``.

    Raises:
        ValueError: If another method has that name, or ``Settings`` does not begin with ``name``.
    """
    if [field.name for field in fields(method.Settings)][:1] != ["name"]:
        raise ValueError(f"method {method.name}: expected Settings that begin with name")
    METHODS.add(method.name, method)
    return method


def names() -> list[str]:
    """The names of all methods."""
    return METHODS.names()


def method_class(name: str, *, key: str = "method.name") -> type[Method]:
    """A method by its name.

    Args:
        name: The name.
        key: What names it, for the message.

    Raises:
        InputError: If there is none.
    """
    return METHODS.get(name, key=key)


register(CfBpnn)
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
register(Sdp)
register(SpectraLift)
register(SpectraMorph)
register(Stereo)
register(Udaln)
register(Zsl)
