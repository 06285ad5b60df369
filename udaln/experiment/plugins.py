"""Plugins: the user's own modules, named by ``plugins=[…]``, which register methods and readers of files."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable, Sequence
from importlib import resources

from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf

from udaln.errors import InputError

KEY = "plugins"


def is_plugins(word: str) -> bool:
    """Whether a word of a command line names plugins."""
    return word.lstrip("+").partition("=")[0] == KEY


def plugins_of(words: Sequence[str]) -> list[str]:
    """The modules that the words of a command line name as plugins."""
    values = [word.partition("=")[2] for word in words if is_plugins(word)]
    return [name.strip(" '\"") for value in values for name in value.strip(" []").split(",") if name.strip(" '\"")]


def import_plugins(modules: Iterable[str]) -> None:
    """Import modules, and make the methods that they register available as ``method=``.

    A module is searched on Python's path and then in the working directory.

    Raises:
        InputError: If a module cannot be imported.
    """
    for module in modules:
        sys.path.append("")
        try:
            importlib.import_module(module)
        except Exception as error:  # a module may raise anything
            raise InputError(f"{KEY}: {module}: cannot be imported: {' '.join(str(error).split())}") from error
        finally:
            sys.path.remove("")
    from udaln.methods.registry import method_class, names  # PyTorch, which ``udaln --help`` does without

    built_in = {path.name.removesuffix(".yaml") for path in (resources.files("udaln.conf") / "method").iterdir()}
    for name in set(names()) - built_in:
        method = method_class(name)
        parts = {"method": method.Settings()} | ({} if method.Stages is None else {"stages": method.Stages()})
        settings = {
            key: OmegaConf.to_container(OmegaConf.structured(part), enum_to_str=True) for key, part in parts.items()
        }
        preset = settings | {"refine": "consistent"}  # a file of ``conf/method`` that is not on disk
        ConfigStore.instance().store(group="method", name=name, node=preset, package="_global_", provider="udaln")
