"""The files of ``conf/`` by name, for use from Python without Hydra's command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from udaln.errors import InputError
from udaln.experiment.cli import describe
from udaln.experiment.config import choices, one_of
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
    composed = OmegaConf.create() if stages is None else _file("stages", stages)
    chosen = name or OmegaConf.select(composed, "method.name") or "closed_form"
    method = method_class(chosen, key="method")
    if stages is None:
        composed.merge_with(_file("method", chosen))
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


def check_stages(methods: Sequence[str], stages: Sequence[str]) -> None:
    """Refuse stages of other methods than those that are asked for.

    Args:
        methods: By their names.
        stages: Files of ``conf/stages`` by their names.

    Raises:
        InputError: Names the first one.
    """
    for chosen in stages:
        trained = OmegaConf.select(_file("stages", chosen), "method.name") or chosen
        if others := [method for method in methods if method != trained]:
            raise InputError(f"stages: expected stages of method={others[0]}, got {chosen}, of method={trained}")


def instruments_preset(name: str) -> Instruments:
    """A file of ``conf/instruments`` by its name.

    Raises:
        InputError: If there is no such file.
    """
    one_of("instruments", name, choices()["instruments"])
    preset = OmegaConf.create(_file("instruments", name))
    instruments = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(Instruments), preset))
    assert isinstance(instruments, Instruments)
    return instruments


def _file(group: str, name: str) -> DictConfig:
    """A file of ``conf/``, merged with its defaults; empty if there is no such file.

    These are files of the same group by their names, and others as ``/group@package: name``.
    """
    path = resources.files("udaln.conf") / group / f"{name}.yaml"
    preset = OmegaConf.create(path.read_text() if path.is_file() else "")
    assert isinstance(preset, DictConfig)
    defaults = [
        entry if isinstance(entry, DictConfig) else {f"/{group}": entry} for entry in preset.pop("defaults", [])
    ]
    others = [item for entry in defaults for item in entry.items() if item[1] != "_self_"]
    merged = OmegaConf.merge(
        *(_file(str(key).strip("/").partition("@")[0], str(other)) for key, other in others), preset
    )
    assert isinstance(merged, DictConfig)
    return merged
