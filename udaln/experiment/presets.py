"""The files of ``conf/`` by name, for use from Python without Hydra's command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from udaln.errors import InputError
from udaln.experiment.cli import describe
from udaln.experiment.conf_files import check_stages, choices, conf_file
from udaln.experiment.config import one_of
from udaln.experiment.schema import Refine
from udaln.methods.base import Method
from udaln.methods.registry import method_class
from udaln.physics.instruments import Instruments


@dataclass
class _Preset:
    """The merged content of a file of ``conf/method`` and one of ``conf/stages``."""

    method: Any
    stages: Any
    refine: Refine = Refine.consistent


def method_preset(
    name: str | None = None, stages: str | None = None, settings: Mapping[str, Any] | None = None
) -> tuple[Method, Refine]:
    """Make a method as ``method=`` and ``stages=`` do on the command line.

    Args:
        name: Name of the method. If None, it is the one that the stages belong to, or else the default.
        stages: Name of a file of ``conf/stages``; None for the default of the method.
        settings: Values of the method's settings other than the defaults.

    Returns:
        The method, and the step that follows it.

    Raises:
        InputError: If there is no such method, file or key.
    """
    if stages is not None:
        one_of("stages", stages, choices()["stages"])
    composed = OmegaConf.create() if stages is None else conf_file("stages", stages)
    chosen = name or OmegaConf.select(composed, "method.name") or "closed_form"
    method = method_class(chosen, key="method")
    if stages is None:
        composed.merge_with(conf_file("method", chosen))
    elif name is not None:
        check_stages([name], [stages])
    schema = OmegaConf.structured(_Preset(method=method.Settings(), stages=method.Stages and method.Stages()))
    try:
        merged = OmegaConf.merge(schema, composed, {"method": dict(settings or {})})
        preset = OmegaConf.to_object(merged)
    except OmegaConfBaseException as error:
        raise InputError(describe(error)) from error
    assert isinstance(preset, _Preset)
    made = method(preset.method, preset.stages)
    made.check()
    return made, preset.refine


def instruments_preset(name: str) -> Instruments:
    """A file of ``conf/instruments`` by its name.

    Raises:
        InputError: If there is no such file.
    """
    one_of("instruments", name, choices()["instruments"])
    preset = OmegaConf.create(conf_file("instruments", name))
    instruments = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(Instruments), preset))
    assert isinstance(instruments, Instruments)
    return instruments
