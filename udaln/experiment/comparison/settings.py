"""What differs among the settings of several runs, in as few columns as possible."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from udaln.experiment.comparison.literature import SOURCE

SEEDS = ("seed", "dataset.noise_seed")  # runs that differ in these alone are repetitions of each other
SCENE = ("dataset.", "scale.")  # groups of settings that belong to the scene; runs of two scenes do not compete
_FIRST = (
    "dataset.name",
    "dataset.scene_seed",
    "scale.name",
    "scale.factor",
    "dataset.snr_hsi",
    "dataset.snr_msi",
    "method.name",
    "stages.name",
    SOURCE,
    "refine",
    "degradation.psf",
    "degradation.srf",
    "instruments.name",
    "sensor.name",
)
_NEVER = (
    "plugins",
    "metrics",
    "logger",
    "trainer.checkpoint_seconds",
    "monitor.every",
    "monitor.points",
    "output",
    "optimize",
)
_ABSENT = "–"


def varying(runs: Sequence[Mapping[str, Any]], *, without: Iterable[str] = SEEDS) -> list[str]:
    """The keys that tell runs apart. A key that follows from those before it is left out.

    For example, runs of two methods differ in many keys, but ``method.name`` tells all of it.

    Args:
        runs: The flat settings of each.
        without: Keys that do not count.
    """
    differing = set(_differing(runs)) - set(without) - set(_NEVER)
    chosen: list[str] = []
    groups = 1
    for key in sorted(differing, key=_order):
        refined = len({tuple(_hashable(run.get(name)) for name in (*chosen, key)) for run in runs})
        if refined > groups:
            chosen.append(key)
            groups = refined
    return chosen


def all_varying(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Every key whose value is not the same in all runs."""
    return sorted(_differing(runs), key=_order)


def constant(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The settings that all runs share."""
    differing = set(_differing(runs))
    return {key: value for run in runs[:1] for key, value in run.items() if key not in differing}


def titles(keys: Sequence[str]) -> list[str]:
    """Short titles: ``method`` for ``method.name``, and the last part of a key where it is unique."""
    short = [key.removesuffix(".name") for key in keys]
    last = [key.rpartition(".")[2] for key in short]
    return [name if last.count(name) == 1 else key for key, name in zip(short, last, strict=True)]


def value_text(value: Any) -> str:
    """The value of a setting as a table shows it."""
    if value is None:
        return _ABSENT
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(value_text, value))}]"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _differing(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    keys = dict.fromkeys(key for run in runs for key in run)
    return [key for key in keys if len({_hashable(run.get(key)) for run in runs}) > 1]


def _order(key: str) -> tuple[int, int, str]:
    first = _FIRST.index(key) if key in _FIRST else len(_FIRST)
    return first, 0 if key.endswith(".name") else 1, key


def _hashable(value: Any) -> Any:
    """A value by which settings are compared: 1 and 1.0 are the same, true and 1 are not."""
    if isinstance(value, list | tuple):
        return tuple(map(_hashable, value))
    if isinstance(value, dict):
        return tuple(sorted((str(key), _hashable(child)) for key, child in value.items()))
    return (value,) if isinstance(value, bool) else value
