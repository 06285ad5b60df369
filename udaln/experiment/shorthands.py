"""Words that stand for more: ``degradation=true`` for PSF and SRF, ``stages.share`` for the stages of all methods."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf

from udaln.errors import InputError
from udaln.experiment.schema import Source

KEY = "degradation"
SENSORS = ("psf", "srf")
SHARE = "stages.share"


def expand_degradation(composed: DictConfig) -> DictConfig:
    """A composed configuration in which the sources of PSF and SRF are names, each under its own key.

    A word stands for both. ``true`` is a Boolean to Hydra and YAML, and the name of a source here.

    Raises:
        InputError: If the word is no source.
    """
    if KEY not in composed:
        return composed
    given: Any = OmegaConf.select(composed, KEY)
    if isinstance(given, DictConfig):
        sources = {name: given[name] for name in SENSORS if isinstance(given.get(name), bool)}
    else:
        sources = dict.fromkeys(SENSORS, given)
        composed = composed.copy()
        OmegaConf.set_struct(composed, False)
        composed[KEY] = {}
    names = {name: str(value).lower() if isinstance(value, bool) else value for name, value in sources.items()}
    for name, value in names.items():
        if value not in Source.__members__:
            key = f"{KEY}.{name}" if isinstance(given, DictConfig) else KEY
            got = "null" if value is None else repr(value)
            raise InputError(f"{key}: expected one of {', '.join(Source.__members__)}, got {got}")
    merged = OmegaConf.merge(composed, {KEY: names})
    assert isinstance(merged, DictConfig)
    return merged


def check_degradation(words: Sequence[str]) -> None:
    """Refuse a command line with ``degradation=`` beside keys of it: the one would undo the other.

    Raises:
        InputError: Names the key.
    """
    keys = [word.lstrip("+").partition("=")[0] for word in words]
    parts = [key for key in keys if key.startswith(f"{KEY}.")]
    if KEY in keys and parts:
        raise InputError(f"{parts[0]}: expected {KEY}.psf= and {KEY}.srf= beside it instead of {KEY}=, which sets both")


def share_added(words: Sequence[str]) -> list[str]:
    """A command line in which ``stages.share=`` is a key also where the first of several methods has no stages."""
    return [f"++{word}" if word.startswith(f"{SHARE}=") else word for word in words]


def without_idle_share(composed: DictConfig) -> DictConfig:
    """The configuration of a job of a sweep, without ``stages.share`` if its method has no stages to shorten."""
    stages: Any = OmegaConf.select(composed, "stages")
    if not isinstance(stages, DictConfig) or list(stages) != ["share"]:
        return composed
    composed = composed.copy()
    OmegaConf.set_struct(composed, False)
    composed.stages = None
    return composed
