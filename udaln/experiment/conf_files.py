"""The files of ``conf/`` by group and name. PyTorch is not needed: ``udaln --help`` lists them."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources

from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig, OmegaConf

from udaln.errors import InputError


def choices() -> dict[str, list[str]]:
    """The names of the files in each group of ``conf/``, and of what plugins have registered."""
    groups = (path for path in resources.files("udaln.conf").iterdir() if path.is_dir() and path.name[0] != "_")
    files = {group.name: sorted(path.name.removesuffix(".yaml") for path in group.iterdir()) for group in groups}
    for group in ("method", "dataset"):
        registered = {name.removesuffix(".yaml") for name in ConfigStore.instance().repo.get(group, {})}
        files[group] = sorted({*files[group], *registered})
    return files


def conf_file(group: str, name: str) -> DictConfig:
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
        *(conf_file(str(key).strip("/").partition("@")[0], str(other)) for key, other in others), preset
    )
    assert isinstance(merged, DictConfig)
    return merged


def check_stages(methods: Sequence[str], stages: Sequence[str]) -> None:
    """Refuse stages of other methods than those that are asked for.

    Args:
        methods: By their names.
        stages: Files of ``conf/stages`` by their names.

    Raises:
        InputError: Names the first one.
    """
    known = choices()["stages"]  # others are of a folder of the user's own
    for chosen in (name for name in stages if name in known):
        trained = OmegaConf.select(conf_file("stages", chosen), "method.name") or chosen
        if others := [method for method in methods if method != trained]:
            raise InputError(f"stages: expected stages of method={others[0]}, got {chosen}, of method={trained}")
