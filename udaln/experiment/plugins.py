"""Plugins: the user's own modules, named by ``plugins=[…]``, which register parts of their own.

Code is run of modules that the user names on the command line or in a configuration of his own, and of installed
packages whose entry points have the names of parts. A file that somebody else may have written, such as the
``config.yaml`` of a run, names parts and modules, and imports none.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import is_dataclass
from importlib import resources
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf

from udaln.errors import InputError
from udaln.parts.registry import installed

KEY = "plugins"

_named: set[str] = set()  # the modules that the user has named
_HARMLESS = re.compile(  # settings of Hydra that choose or size a launcher, and say where runs go
    r"\+?hydra/(launcher|sweeper)=\w+|\+?hydra\.sweep\.(dir|subdir)=.*"
    r"|\+?hydra\.launcher\.(?!_target_|setup|srun_args|additional_parameters)\w+=[\w.,:/-]*"
    r"|\+?hydra\.sweeper\.max_batch_size=\d+"
)


def is_plugins(word: str) -> bool:
    """Whether a word of a command line names plugins."""
    return word.lstrip("+").partition("=")[0] == KEY


def plugins_of(words: Sequence[str]) -> list[str]:
    """The modules that the words of a command line name as plugins."""
    values = [word.partition("=")[2] for word in words if is_plugins(word)]
    return [name.strip(" '\"") for value in values for name in value.strip(" []").split(",") if name.strip(" '\"")]


def import_plugins(modules: Iterable[str]) -> None:
    """Import modules that the user names, and offer the methods and datasets that they register as choices.

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
        _named.add(module)
    if _named or installed() or "udaln.methods.registry" in sys.modules:  # else there is nothing to offer, nor PyTorch
        _offer_methods()
        _offer_datasets()


def check_named(modules: Iterable[str]) -> None:
    """Refuse plugins of a file that somebody else may have written, unless the user has named them, too.

    Raises:
        InputError: Says how to name them.
    """
    if missing := [module for module in modules if module not in _named]:
        named = ",".join(missing)
        raise InputError(f"{KEY}: not imported, since a file may be of anyone; to run their code add {KEY}=[{named}]")


def check_sent_words(words: Iterable[str]) -> None:
    """Refuse words of a sweep that somebody else may have begun, if they could run code.

    Raises:
        InputError: Names the word.
    """
    words = list(words)
    check_named(plugins_of(words))
    for word in words:
        of_hydra = word.lstrip("+~").startswith("hydra")
        if "_target_" in word or (of_hydra and not _HARMLESS.fullmatch(word)):
            raise InputError(
                f"{word}: not taken from a file, since it may run code; go on by the command that began the sweep"
            )


def _offer_methods() -> None:
    from udaln.methods.registry import method_class, names

    built_in = _files("method")
    for name in set(names()) - built_in:
        method = method_class(name)
        parts = {"method": method.Settings()} | ({} if method.Stages is None else {"stages": method.Stages()})
        settings = {key: _plain(part) for key, part in parts.items()}
        _store("method", name, settings | {"refine": "consistent"}, package="_global_")


def _offer_datasets() -> None:
    from udaln.experiment.dataset_schema import DATASETS, OwnDataset

    for name, dataset in DATASETS.items():
        if issubclass(dataset, OwnDataset):
            if not is_dataclass(dataset):
                raise InputError(f"{KEY}: dataset {name}: expected a dataclass, got {dataset}")
            _store("dataset", name, {**_plain(dataset), "kind": name, "name": name}, package="dataset")


def _store(group: str, name: str, node: dict[str, Any], *, package: str) -> None:
    """Offer a file of ``conf/`` that is not on disk."""
    ConfigStore.instance().store(group=group, name=name, node=node, package=package, provider="udaln")


def _files(group: str) -> set[str]:
    return {path.name.removesuffix(".yaml") for path in (resources.files("udaln.conf") / group).iterdir()}


def _plain(settings: Any) -> dict[str, Any]:
    plain: Any = OmegaConf.to_container(OmegaConf.structured(settings), enum_to_str=True)
    return dict(plain)
